import Crypto
import Ledger
import Primitives
import TestKit

/// Ledgers on simulated disks, and records to put into them.
enum Samples {
    static let start = Timestamp(seconds: 1_795_168_800)
    static let window = Duration.seconds(70)

    static func settings(
        _ durability: Durability = .sync, boot: Text = "boot-1", machine: Text? = nil
    ) -> JournalSettings {
        var settings = JournalSettings(
            durability: durability, instance: "proxy-0", boot: boot, machine: machine, claimWindow: window)
        settings.segmentBytesMax = 6_000
        settings.zeroAheadBytes = 3_000
        settings.recordBytesMax = 16_000
        return settings
    }

    static func call(_ number: Int) -> CallID {
        var random = SeededGenerator(seed: UInt64(number))
        return CallID(at: start, random: &random)
    }

    static func facts(_ number: Int) -> CallFacts {
        CallFacts(
            call: call(number), agent: "spiffe://example.org/agent/sales-bot", subject: "alice@example.org",
            actors: ["spiffe://example.org/agent/sales-bot"], source: "192.0.2.7:40100", protocolName: "mcp",
            host: "orders-db.tools.svc", action: "tools/call", resource: "query_orders",
            argumentsDigest: "sha-256:AAAA", transaction: nil, requestID: Text("r-\(number)"), traceID: nil)
    }

    static func token(_ number: Int, expires: Timestamp = start + .seconds(60)) -> SpentToken {
        SpentToken(
            issuer: "https://broker.example.org", tokenID: tokenID(number), expires: expires,
            digest: SHA256.hash(tokenID(number)))
    }

    static func tokenID(_ number: Int) -> Text { Text("token-id-\(number)-é\"\\") }

    static func decision(
        _ number: Int, _ decision: DecisionRecord.Decision = .allow, expires: Timestamp = start + .seconds(60)
    ) -> Entry {
        DecisionRecord(
            facts(number), decision, rule: "sales-bot-reads", policyRevision: "r1",
            matched: ["sales-bot-reads"],
            claim: token(number, expires: expires), broker: BrokerFacts(tier: .auto, approver: "auto")
        ).entry
    }

    static func release(_ number: Int, approval: Int) -> Entry {
        ReleaseRecord(facts(number), approval: call(approval)).entry
    }

    static func effect(_ number: Int) -> Entry {
        EffectRecord(call: call(number), .completed, status: 200, duration: .milliseconds(12)).entry
    }

    static func requested(_ approval: Int, padding: Int = 0) -> Entry {
        ApprovalRequestedRecord(
            approval: call(approval), call: call(approval + 1), agent: "spiffe://example.org/agent/sales-bot",
            digest: "sha-256:BBBB",
            request: .object([
                "action": "tools/call", "pad": .string(Text([UInt8](repeating: 0x61, count: padding))),
            ]),
            requirements: [.object(["rule": "large-reads", "required": .integer(2)])], created: start,
            expires: start + .seconds(900)
        ).entry
    }

    static func reviewed(_ approval: Int, by reviewer: Text = "alice") -> Entry {
        ApprovalReviewedRecord(
            approval: call(approval), reviewer: reviewer, credential: "oidc:https://login.example.org#1",
            groups: ["data-stewards"], decision: .approve, reason: nil, digest: "sha-256:BBBB", rules: []
        ).entry
    }

    static func decided(_ approval: Int, _ outcome: ApprovalDecidedRecord.Outcome) -> Entry {
        ApprovalDecidedRecord(approval: call(approval), outcome, reviewers: ["alice"]).entry
    }
}

typealias TestJournal = Journal<FaultyStorage>

extension FaultyDisk {
    /// Opens a journal, closes over its life and returns what it found.
    @discardableResult
    func session(
        _ settings: JournalSettings = Samples.settings(), containing checkpoint: TreeHead? = nil,
        at time: Timestamp = Samples.start, _ body: (inout TestJournal) throws -> Void = { _ in }
    ) throws -> RecoveredState {
        let opened = try TestJournal.open(
            FaultyStorage(disk: self), settings: settings, containing: checkpoint, at: Now(time))
        let state = opened.state
        var journal = opened.journal
        try body(&journal)
        return state
    }

    func verify(_ checkpoints: [TreeHead] = []) -> LedgerReport {
        var verifier = LedgerVerifier(checkpoints: checkpoints)
        for name in names {
            verifier.feed(content(name))
            verifier.finishSegment(name)
        }
        return verifier.finish()
    }

    /// Every record of the ledger by the format's text alone: a segment's name takes precedence over what an
    /// earlier one holds from that number on.
    func records() throws -> [LedgerLine] {
        var lines: [LedgerLine] = []
        for name in names {
            let text = content(name).prefix { $0 != 0 }
            guard !text.isEmpty, let first = Int(name.dropLast(6).string) else { continue }
            lines.removeAll { $0.sequence >= first }
            var pieces = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
            pieces.removeLast()
            for piece in pieces {
                guard let json = try? JSONParser.parse(piece), let sequence = json["seq"]?.integer else {
                    break
                }
                guard Int(sequence) == (lines.last?.sequence ?? first - 1) + 1 else { break }
                lines.append(LedgerLine(segment: name, sequence: Int(sequence), bytes: piece, json: json))
            }
        }
        return lines
    }

    func events() throws -> [Text] { try records().compactMap { $0.json["event"]?.string } }
}

struct LedgerLine {
    let segment: Text
    let sequence: Int
    let bytes: [UInt8]
    let json: JSON
}
