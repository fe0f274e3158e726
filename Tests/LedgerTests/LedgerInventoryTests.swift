import Ledger
import Primitives
import TestKit
import Testing

@Suite struct LedgerInventoryTests {
    private let disk = FaultyDisk(seed: 7)
    private let start = Samples.start

    private func list() throws -> [SegmentInfo] {
        var storage = FaultyStorage(disk: disk)
        return try LedgerInventory.list(in: &storage)
    }

    private func write(_ numbers: Range<Int>, at time: Timestamp) throws {
        try disk.session(at: time) { journal in
            for number in numbers {
                _ = try journal.append(
                    [Samples.decision(number, .deny, expires: time + .seconds(60))], at: Now(time))
            }
        }
    }

    @Test func `an empty directory has no segments`() throws {
        #expect(try list().isEmpty)
    }

    @Test func `segments with live claims are needed, the last one is live`() throws {
        try write(0..<40, at: start)
        let infos = try list()
        #expect(infos.map(\.name) == disk.names)
        #expect(infos.count > 4)
        #expect(infos.dropLast().allSatisfy { $0.state == .needed })
        #expect(infos.last?.state == .live)
        #expect(infos.first?.firstSequence == 1)
        #expect(infos.first?.opened == start)
        #expect(infos.map(\.reason) == ["start"] + Array(repeating: "roll", count: infos.count - 1))
        #expect(infos.allSatisfy { $0.durability == "sync" })
        #expect(infos.map(\.bytes) == disk.names.map { disk.content($0).count })
    }

    @Test func `what the last two openings do not point to may be moved away`() throws {
        try write(0..<40, at: start)
        let old = disk.names.count
        try write(40..<80, at: start + .seconds(500))
        let infos = try list()
        let movable = infos.filter { $0.state == .movable }
        #expect(movable.map(\.name) == Array(disk.names.prefix(old)))
    }

    @Test func `one opening alone is not believed, because a crash may have torn it`() throws {
        try write(0..<40, at: start)
        try disk.session(at: start + .seconds(500))
        // The last opening needs nothing, the one before it needs the claims of its time.
        let infos = try list()
        #expect(infos.allSatisfy { $0.state != .movable })
    }

    @Test func `an empty or torn file waits for the next start`() throws {
        try write(0..<40, at: start)
        disk.put([], as: "00000000000000009000.jsonl")
        disk.put(Array(#"{"v":1,"seq":9001"#.utf8), as: "00000000000000009001.jsonl")
        disk.put([1, 2, 3], as: "lock")
        let infos = try list()
        #expect(
            infos.suffix(2).allSatisfy { $0.state == .unfinished && $0.opened == nil && $0.reason == nil })
        #expect(infos.dropLast(2).last?.state == .live)
    }

    @Test func `with all movable segments moved away a start has proof, and the ledger verifies`() throws {
        var heads: [TreeHead] = []
        var time = start
        var number = 0
        for _ in 0..<8 {
            let opened = try TestJournal.open(
                FaultyStorage(disk: disk), settings: Samples.settings(), at: Now(time))
            var journal = opened.journal
            for _ in 0..<40 {
                time = time + .seconds(5)
                number += 1
                _ = try journal.append(
                    [Samples.decision(number, expires: time + .seconds(60))], at: Now(time))
            }
            heads.append(journal.treeHead)
            for info in try list() where info.state == .movable { disk.remove(info.name) }
            #expect(disk.names.count < 12)
        }
        let records = try disk.records().count
        let state = try disk.session(containing: heads.last, at: time)
        #expect(state.continuity == .proven)
        #expect(state.counters["decision"] == UInt64(number))
        #expect(state.openCalls.count == number)
        let report = LedgerText(disk).verify(heads)
        #expect(report.problem == nil)
        #expect(report.checkpoints.last?.verdict == .matches)
        #expect(report.firstSequence > 1)
        #expect(records < number)
    }
}
