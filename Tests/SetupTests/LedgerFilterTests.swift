import Ledger
import Primitives
import Reactor
import TestKit
import Testing

@testable import Setup

/// Which records a filter lets through.
@Suite struct LedgerFilterTests {
    private static let other: Text = "spiffe://example.org/agent/second-bot"

    /// Records 3 to 8 are a held call, 9 and 10 an allowed one of another agent, 11 a denied one, 12 a refusal.
    private func ledger() throws -> LedgerOnDisk {
        let ledger = try LedgerOnDisk()
        try ledger.run(
            Calls.heldStory(1) + [
                Calls.decision(2, agent: Self.other), Calls.effect(2),
                Calls.decision(3, .deny, tool: "drop_orders"),
                RefusedRecord(agent: LedgerOnDisk.agent, reason: "invalid-token").entry,
            ])
        return ledger
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let shown: [Int64]
        let set: @Sendable (inout RecordFilter) -> Void

        init(
            _ description: String, _ shown: some Sequence<Int64>,
            _ set: @escaping @Sendable (inout RecordFilter) -> Void
        ) {
            (testDescription, self.shown, self.set) = (description, Array(shown), set)
        }
    }

    static let cases = [
        Case("nothing asked", 1...13) { _ in },
        Case("agent", [3, 4, 5, 6, 7, 8, 11, 12]) { $0.agent = WildcardText(LedgerOnDisk.agent) },
        Case("another agent", 9...10) { $0.agent = WildcardText("*/second-*") },
        Case("an agent that never called", []) { $0.agent = WildcardText("spiffe://example.org/agent") },
        Case("tool", 3...8) { $0.tool = WildcardText("export_orders") },
        Case("tools", [3, 4, 5, 6, 7, 8, 9, 10, 11]) { $0.tool = WildcardText("*_orders") },
        Case("allow", 9...10) { $0.decision = "allow" },
        Case("deny", [11]) { $0.decision = "deny" },
        Case("hold", 3...8) { $0.decision = "hold" },
        Case("agent and decision", [11]) {
            $0.agent = WildcardText(LedgerOnDisk.agent)
            $0.decision = "deny"
        },
        Case("agent and a decision of another's call", []) {
            $0.agent = WildcardText(Self.other)
            $0.decision = "deny"
        },
        Case("call", 3...8) { $0.call = Calls.id(1).text },
        Case("approval", 3...8) { $0.approval = Calls.approval(1).text },
        Case("event", [8, 10]) { $0.events = ["effect"] },
        Case("events", [7, 8, 10]) { $0.events = ["effect", "release"] },
        Case("event of an agent's calls", [8]) {
            $0.events = ["effect"]
            $0.agent = WildcardText(LedgerOnDisk.agent)
        },
        Case("since", 11...13) { $0.since = LedgerOnDisk.start + .seconds(9) },
        Case("until", 1...4) { $0.until = LedgerOnDisk.start + .seconds(2) },
        Case("since of an agent's calls", 7...8) {
            $0.since = LedgerOnDisk.start + .seconds(5)
            $0.tool = WildcardText("export_orders")
        },
    ]

    @Test(arguments: cases)
    func `shows the whole story of the calls that fit, and nothing else`(_ each: Case) throws {
        var filter = RecordFilter()
        each.set(&filter)
        let shown = try ledger().shown(filter)
        #expect(shown.filter { $0 <= 13 } == each.shown)
    }

    /// Nine calls a second apart, each in a segment of its own, and whether a segment was read past its first line.
    private func sparse() throws -> (LedgerOnDisk, wasRead: ([LedgerScan.Finding]) -> [Int]) {
        let ledger = try LedgerOnDisk(segmentBytes: 100)
        try ledger.run((0..<9).map { Calls.decision($0) })
        let names = ledger.disk.names
        for name in names {
            ledger.disk.put(ledger.disk.content(name) + Array("rubbish\n".utf8), as: name)
        }
        try ledger.store()
        return (
            ledger,
            { found in
                found.compactMap {
                    if case .broken(let segment, _) = $0 { names.firstIndex(of: segment) } else { nil }
                }
            }
        )
    }

    @Test func `times do not need segments that lie outside, but for those that tell of the others`() throws {
        let (ledger, wasRead) = try sparse()
        let last = ledger.disk.names.count - 1
        let starts = try ledger.disk.names.indices.map { index in
            let found = try ledger.found().compactMap(\.record)
            return try #require(found.first { $0.segment == ledger.disk.names[index] }).time
        }
        let (since, until) = (LedgerOnDisk.start + .seconds(5), LedgerOnDisk.start + .seconds(6))
        let first = try #require(starts.lastIndex { $0 < since })
        let after = try #require(starts.firstIndex { $0 > until })
        #expect(first > 1 && after < last - 1)
        var filter = RecordFilter()
        filter.since = since
        filter.until = until
        filter.events = ["decision"]
        #expect(try wasRead(ledger.found(filter)) == Array(first...after) + [last])
        #expect(try ledger.shown(filter).count == 2)
        filter.tool = WildcardText("query_orders")
        #expect(try wasRead(ledger.found(filter)) == Array((first - 1)...after) + [last])
        #expect(try ledger.shown(filter).count == 2)
    }

    @Test func `a clock that was set back between runs hides no record from a time`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 100)
        for hours in [10, 12, 9, 11, 8] as [Int64] {
            ledger.now = LedgerOnDisk.start + .seconds(hours * 3_600)
            try ledger.run((0..<3).map { Calls.decision(Int(hours) * 10 + $0) })
        }
        let all = try ledger.found().compactMap(\.record)
        for hours in 7...13 as ClosedRange<Int64> {
            let moment = LedgerOnDisk.start + .seconds(hours * 3_600 + 2)
            var filter = RecordFilter()
            filter.since = moment
            #expect(try ledger.shown(filter) == all.filter { $0.time >= moment }.map(\.sequence))
            filter = RecordFilter()
            filter.until = moment
            #expect(try ledger.shown(filter) == all.filter { $0.time <= moment }.map(\.sequence))
        }
    }

    @Test func `a clock that was set back within the last segment hides no record from a time`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        ledger.now = LedgerOnDisk.start + .seconds(7_200)
        try ledger.run([], isKilled: true)
        let last = ledger.disk.names[ledger.disk.names.count - 1]
        let lines = ledger.disk.content(last).prefix { $0 != 0 }
        let record = Text(lines.split(separator: 0x0A)[0]).string
        let early = (LedgerOnDisk.start + .seconds(60)).rfc3339
        let late = (LedgerOnDisk.start + .seconds(7_200)).rfc3339
        let next = record.replacing(late, with: early).replacing("\"segment\"", with: "\"stop\"")
        ledger.disk.put(lines + Array("\(next)\n".utf8), as: last)
        try ledger.store()
        var filter = RecordFilter()
        filter.until = LedgerOnDisk.start + .seconds(90)
        let shown = try ledger.found(filter).compactMap(\.record)
        #expect(shown.last?.segment == last && shown.last?.time.rfc3339 == early)
    }

    @Test func `the segment after the times still tells what it takes back`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        let opening = Text(ledger.disk.content(ledger.disk.names[0]).split(separator: 0x0A)[0]).string
        for (sequence, seconds) in [(4, 60), (5, 120)] as [(Int, Int64)] {
            let time = (LedgerOnDisk.start + .seconds(seconds)).rfc3339
            let line = opening.replacing("\"seq\":1,", with: "\"seq\":\(sequence),")
                .replacing(LedgerOnDisk.start.rfc3339, with: time)
            ledger.disk.put(
                Array("\(line)\n".utf8), as: Text("0000000000000000000\(sequence).jsonl"))
        }
        try ledger.store()
        var filter = RecordFilter()
        filter.until = LedgerOnDisk.start + .seconds(30)
        #expect(try ledger.found(filter).compactMap(\.withdrawn) == [4...4])
    }

    @Test func `a call that was open at a restart keeps its story by what is restated`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1, .hold), Calls.requested(1)])
        try ledger.run([Calls.reviewed(1)])
        try Directory(ledger.directory).remove(ledger.disk.names[0])
        var filter = RecordFilter()
        filter.agent = WildcardText(LedgerOnDisk.agent)
        #expect(try ledger.found(filter).compactMap(\.record?.event) == ["approval.reviewed"])
        filter.events = ["segment.approval"]
        #expect(try ledger.found(filter).count == 1)
    }

    @Test func `only so many calls are remembered, the oldest are forgotten first`() {
        var followed = FollowedCalls(idsMax: 3)
        for id: Text in ["a", "b", "c", "a", "d", nil, "e"].compactMap({ $0 }) { followed.insert(id) }
        #expect(["a", "b", "c", "d", "e"].map { followed.contains($0) } == [false, false, true, true, true])
        for id: Text in ["f", "g", "h"] { followed.insert(id) }
        #expect(["e", "f", "g", "h"].map { followed.contains($0) } == [false, true, true, true])
        #expect(!followed.contains(nil))
    }

    @Test(
        arguments: [
            ("query_orders", "query_orders", true), ("query_orders", "query_orders2", false),
            ("query_*", "query_", true), ("*", "", true), ("", "", true), ("", "a", false),
            ("*/sales-*", "spiffe://x/sales-bot", true), ("a*b*c", "aXbYc", true), ("a*b*c", "acb", false),
            ("a*bc*c", "abc", false), ("ab*ba", "aba", false), ("*a*a*", "a", false),
            ("*\u{E9}*", "caf\u{E9}s", true),
        ] as [(Text, Text, Bool)])
    func `a star stands for any characters`(pattern: Text, text: Text, matches: Bool) {
        #expect(WildcardText(pattern).matches(text) == matches)
    }

    @Test(
        arguments: [
            ("15m", "2026-11-21T11:45:00.000000Z"), ("2h", "2026-11-21T10:00:00.000000Z"),
            ("7d", "2026-11-14T12:00:00.000000Z"), ("0s", "2026-11-21T12:00:00.000000Z"),
            ("2026-11-21", "2026-11-21T00:00:00.000000Z"),
            ("2026-11-21T05:10:00+02:00", "2026-11-21T03:10:00.000000Z"),
        ] as [(Text, String)])
    func `times are a span, a day or a moment`(text: Text, time: String) throws {
        let now = try #require(Timestamp(rfc3339: "2026-11-21T12:00:00Z"))
        #expect(MomentReader.read(text, at: now)?.rfc3339 == time)
    }

    @Test(
        arguments: [
            "", "15", "m", "-5m", "1.5h", "15 m", "15M", "1w", "1234567s", "2026-11", "2026-02-30",
            "yesterday",
            "2026-11-21T05:10:00", "2026-11-21 05:10:00Z", "15m ",
        ] as [Text])
    func `anything else is no time`(text: Text) {
        #expect(MomentReader.read(text, at: LedgerOnDisk.start) == nil)
    }

    @Test func `every event that is written can be asked for`() throws {
        let ledger = try ledger()
        try ledger.run(
            [
                PolicyLoadedRecord(revision: "r1", rules: 1, files: []).entry,
                IdentityRotatedRecord(id: "spiffe://x/y", leaf: .zero, expires: ledger.now, trustDomains: [])
                    .entry,
                Calls.decision(8), Calls.decision(9, .hold), Calls.requested(9),
            ], isKilled: true)
        try ledger.run([])
        let written = Set(try ledger.found().compactMap(\.record?.event.string))
        #expect(written.subtracting(RecordFilter.events) == [])
        #expect(written.count == RecordFilter.events.count - 2)
    }
}
