import Ledger
import Primitives
import Reactor

/// Records as calls make them, lines of about 500 bytes: a decision that spends a token, and an effect.
struct Samples: Sendable {
    private static let digest: Text = "3f0a377ba0a4a460ecb616f6507ce0d8cfa3e704025d4fda3ed0c5ca05468728"

    let expires: Int64

    /// - Parameter number: makes token and call ids differ.
    func entry(_ number: Int) -> Entry { number.isMultiple(of: 2) ? decision(number) : effect(number) }

    private func decision(_ number: Int) -> Entry {
        let id = Samples.identifier(number)
        return Entry(
            event: "decision",
            members: JSONObject([
                .init(name: "call", value: .string(id)),
                .init(name: "agent", value: "spiffe://example.org/agent/sales-bot"),
                .init(name: "decision", value: "deny"), .init(name: "rule", value: "large-reads"),
                .init(
                    name: "claim",
                    value: .object([
                        "iss": "https://broker.example.org", "jti": .string(id), "exp": .integer(expires),
                    ])),
            ]))
    }

    private func effect(_ number: Int) -> Entry {
        Entry(
            event: "effect",
            members: JSONObject([
                .init(name: "call", value: .string(Samples.identifier(number - 1))),
                .init(name: "outcome", value: "completed"), .init(name: "status", value: .integer(200)),
                .init(name: "duration_us", value: .integer(1_234)),
                .init(name: "response_sha256", value: .string(Samples.digest)),
                .init(name: "reason", value: .null),
            ]))
    }

    /// 26 characters, as a ULID has.
    private static func identifier(_ number: Int) -> Text {
        let digits = String(number)
        return Text("01M7XZKNN2" + String(repeating: "0", count: 16 - digits.utf8.count) + digits)
    }

    static func settings(_ durability: Durability) -> JournalSettings {
        var settings = JournalSettings(
            durability: durability, instance: "orders-db-0", boot: "2f1f0c7e-6f0b-4a43-9d2c-8a5f1a6d8a11",
            claimWindow: .seconds(70))
        settings.claimsMax = 10_000_000
        return settings
    }
}
