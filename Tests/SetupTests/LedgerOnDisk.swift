import Crypto
import Ledger
import Primitives
import Reactor
import Setup
import TestKit

/// A ledger as a proxy leaves it in a directory, for those who read it.
final class LedgerOnDisk {
    static let start = Timestamp(seconds: 1_795_168_800)
    static let agent: Text = "spiffe://example.org/agent/sales-bot"

    let directory: Text
    let disk = FaultyDisk(seed: 1)
    var now = LedgerOnDisk.start
    private let settings: JournalSettings

    /// A new segment after so many bytes of records.
    init(segmentBytes: Int = 1 << 20) throws {
        directory = try Files.makeTemporaryDirectory(in: "/tmp", prefix: "ledger-tests")
        var settings = JournalSettings(
            instance: "proxy-0", boot: "boot-1", machine: "machine-1", claimWindow: .seconds(70))
        settings.segmentBytesMax = segmentBytes
        settings.zeroAheadBytes = 3_000
        self.settings = settings
    }

    deinit { Files.removeTree(directory) }

    /// One run of a proxy that records these, a second apart; `stop` unless it is killed.
    func run(_ entries: [Entry], isKilled: Bool = false) throws {
        let opened = try Journal.open(FaultyStorage(disk: disk), settings: settings, at: Now(now))
        var journal = opened.journal
        for entry in entries {
            now = now + .seconds(1)
            _ = try journal.append([entry], at: Now(now))
        }
        if !isKilled { try journal.close(at: Now(now)) }
        try store()
    }

    /// Puts what the disk holds into the directory, or into another one.
    func store(in other: Text? = nil) throws {
        let directory = try Directory.make(other ?? self.directory)
        for name in disk.names { try directory.replace(name, with: disk.content(name)) }
    }

    /// Changes the bytes of one segment.
    func edit(_ index: Int = 0, _ change: (inout [UInt8]) -> Void) throws {
        let name = disk.names[index]
        var bytes = disk.content(name)
        change(&bytes)
        disk.put(bytes, as: name)
        try store()
    }

    /// A directory beside it, which ends with it.
    func other(_ name: Text) -> Text { directory + "/" + name }

    func files() throws -> LedgerFiles { try LedgerFiles([directory]) }

    func found(_ filter: RecordFilter = RecordFilter()) throws -> [LedgerScan.Finding] {
        var scan = try LedgerScan(files(), filter)
        var findings: [LedgerScan.Finding] = []
        while let finding = try scan.next() { findings.append(finding) }
        return findings
    }

    /// The numbers of the records that are shown.
    func shown(_ filter: RecordFilter = RecordFilter()) throws -> [Int64] {
        try found(filter).compactMap(\.record?.sequence)
    }
}

extension LedgerScan.Finding {
    var record: LedgerRecord? { if case .record(let record) = self { record } else { nil } }
    var withdrawn: ClosedRange<Int64>? { if case .withdrawn(let numbers) = self { numbers } else { nil } }
    var brokenLine: Int? { if case .broken(_, let line) = self { line } else { nil } }
}

/// Records of calls, told apart by a number.
enum Calls {
    static func id(_ number: Int) -> CallID {
        var random = SeededGenerator(seed: UInt64(number))
        return CallID(at: LedgerOnDisk.start, random: &random)
    }

    /// Approvals have numbers of their own.
    static func approval(_ number: Int) -> CallID { id(number + 1_000_000) }

    static func facts(_ number: Int, agent: Text, tool: Text) -> CallFacts {
        CallFacts(
            call: id(number), agent: agent, subject: "sam@example.org", source: "192.0.2.7:40100",
            protocolName: "mcp", host: "orders-db.tools.svc", action: "tools/call", resource: tool)
    }

    static func decision(
        _ number: Int, _ decision: DecisionRecord.Decision = .allow, agent: Text = LedgerOnDisk.agent,
        tool: Text = "query_orders", message: Text? = nil
    ) -> Entry {
        DecisionRecord(
            facts(number, agent: agent, tool: tool), decision, rule: "reads", message: message,
            claim: SpentToken(
                issuer: "https://broker.example.org", tokenID: Text("token-\(number)"),
                expires: LedgerOnDisk.start + .seconds(60), digest: SHA256.hash([])),
            approval: decision == .hold ? approval(number) : nil
        ).entry
    }

    static func effect(_ number: Int) -> Entry {
        EffectRecord(call: id(number), .completed, status: 200, duration: .microseconds(12_345)).entry
    }

    static func requested(_ number: Int, agent: Text = LedgerOnDisk.agent) -> Entry {
        ApprovalRequestedRecord(
            approval: approval(number), call: id(number), agent: agent, digest: "sha-256:BBBB",
            request: .object(["action": "tools/call", "resource": "export_orders"]), requirements: [],
            created: LedgerOnDisk.start, expires: LedgerOnDisk.start + .seconds(900)
        ).entry
    }

    static func reviewed(_ number: Int, reason: Text? = "looks right") -> Entry {
        ApprovalReviewedRecord(
            approval: approval(number), reviewer: "alice", credential: "oidc:https://login.example.org#1",
            groups: ["data-stewards"], decision: .approve, reason: reason, digest: "sha-256:BBBB", rules: []
        ).entry
    }

    static func decided(_ number: Int) -> Entry {
        ApprovalDecidedRecord(approval: approval(number), .approved, reviewers: ["alice"]).entry
    }

    static func release(_ number: Int, tool: Text = "export_orders") -> Entry {
        ReleaseRecord(
            facts(number, agent: LedgerOnDisk.agent, tool: tool), approval: approval(number),
            broker: BrokerFacts(approver: "alice")
        ).entry
    }

    /// A held call from its decision to its effect.
    static func heldStory(_ number: Int) -> [Entry] {
        [
            decision(number, .hold, tool: "export_orders"), requested(number), reviewed(number),
            decided(number), release(number), effect(number),
        ]
    }
}
