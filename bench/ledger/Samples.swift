import Ledger
import Primitives
import Reactor

/// Records as calls make them, in turn: a decision that spends a token (about 1,000 bytes), and an effect (about 430).
struct Samples: Sendable {
    private static let digest = Digest.zero

    let expires: Int64

    /// - Parameter number: makes token and call ids differ.
    func entry(_ number: Int) -> Entry { number.isMultiple(of: 2) ? decision(number) : effect(number) }

    private func decision(_ number: Int) -> Entry {
        let facts = CallFacts(
            call: Samples.call(number), agent: "spiffe://example.org/agent/sales-bot", protocolName: "mcp",
            action: "tools/call", resource: "query_orders")
        let token = SpentToken(
            issuer: "https://broker.example.org", tokenID: Samples.call(number).text,
            expires: Timestamp(seconds: expires), digest: Samples.digest)
        return DecisionRecord(facts, .deny, rule: "large-reads", matched: ["large-reads"], claim: token).entry
    }

    private func effect(_ number: Int) -> Entry {
        EffectRecord(
            call: Samples.call(number - 1), .completed, status: 200, duration: .microseconds(1_234),
            responseDigest: Samples.digest
        ).entry
    }

    private static func call(_ number: Int) -> CallID {
        let digits = String(number)
        let text = "01M7XZKNN2" + String(repeating: "0", count: 16 - digits.utf8.count) + digits
        guard let id = CallID(Text(text)) else { preconditionFailure("a ULID has 26 characters") }
        return id
    }

    static func settings(_ durability: Durability) -> JournalSettings {
        var settings = JournalSettings(
            durability: durability, instance: "orders-db-0", boot: "2f1f0c7e-6f0b-4a43-9d2c-8a5f1a6d8a11",
            claimWindow: .seconds(70))
        settings.claimsMax = 10_000_000
        return settings
    }
}
