import Crypto
import Ledger
import Primitives
import TestKit
import Testing

@Suite struct RecoveryTests {
    private let disk = FaultyDisk(seed: 2)
    private let start = Samples.start

    private func fill(_ count: Int, _ settings: JournalSettings = Samples.settings(), closing: Bool = false)
        throws
    {
        try disk.session(settings) { journal in
            for number in 0..<count {
                _ = try journal.append([Samples.decision(number, .deny)], at: Now(start))
            }
            if closing { try journal.close(at: Now(start)) }
        }
    }

    private func openingError(_ settings: JournalSettings = Samples.settings()) -> LedgerError? {
        do {
            try disk.session(settings, at: start + .seconds(1))
            return nil
        } catch {
            return error as? LedgerError
        }
    }

    @Test func `an empty ledger proves nothing`() throws {
        let state = try disk.session()
        #expect(state.continuity == .unproven(reason: "the ledger is empty"))
        #expect(state.lastSequence == 0)
        #expect(state.claims.isEmpty)
    }

    @Test func `continuity is proven only when one run has outlasted the claims`() throws {
        try disk.session()
        #expect(try disk.session(at: start + .seconds(10)).continuity != .proven)
        // A clock that jumps between two starts proves nothing.
        #expect(try disk.session(at: start + .seconds(10_000)).continuity != .proven)
        try disk.session(at: start + .seconds(10_001)) { journal in
            _ = try journal.append([Samples.effect(1)], at: Now(start + .seconds(10_001 + 70)))
        }
        #expect(try disk.session(at: start + .seconds(10_072)).continuity == .proven)
    }

    @Test func `claims are found over as many segments as they span`() throws {
        try fill(60)
        #expect(disk.names.count > 5)
        let state = try disk.session(at: start + .seconds(20))
        #expect(Set(state.claims.map(\.tokenID)) == Set((0..<60).map { Samples.tokenID($0) }))
        #expect(state.claims.allSatisfy { $0.expires == start + .seconds(60) })
        #expect(state.largestExpiry == nil)
    }

    @Test func `claims that were let go leave their largest expiry, whatever the clock says later`() throws {
        try fill(30)
        let later = try disk.session(at: start + .seconds(500))
        #expect(later.claims.isEmpty)
        #expect(later.largestExpiry == start + .seconds(60))
        let back = try disk.session(at: start + .seconds(5))
        #expect(back.largestExpiry == start + .seconds(60))
        let longer = try disk.session(at: start + .seconds(6))
        #expect(longer.largestExpiry == start + .seconds(60))
    }

    @Test func `a clock set back keeps claims`() throws {
        try fill(3)
        #expect(try disk.session(at: start - .seconds(5_000)).claims.count == 3)
    }

    @Test func `segments older than every live claim are not needed`() throws {
        try fill(30)
        try disk.session(at: start + .seconds(500)) { journal in
            _ = try journal.append(
                [Samples.decision(99, .deny, expires: start + .seconds(550))], at: Now(start + .seconds(500)))
        }
        for name in disk.names.dropLast() { disk.remove(name) }
        let state = try disk.session(at: start + .seconds(501))
        #expect(state.claims.map(\.tokenID) == [Samples.tokenID(99)])
        #expect(state.largestExpiry == start + .seconds(60))
        #expect(disk.verify().isIntact)
        #expect(disk.verify().firstSequence > 1)
    }

    @Test func `without a segment that holds live claims there is no proof`() throws {
        try disk.session { journal in
            _ = try journal.append([Samples.effect(1)], at: Now(start + .seconds(100)))
        }
        try disk.session(at: start) { journal in
            for number in 0..<30 { _ = try journal.append([Samples.decision(number)], at: Now(start)) }
        }
        let names = disk.names
        disk.remove(names[0])
        disk.remove(names[1])
        guard case .unproven(let reason) = try disk.session(at: start + .seconds(1)).continuity else {
            Issue.record("proven")
            return
        }
        #expect(reason.contains("is missing"))
    }

    @Test func `a missing segment in the middle is refused`() throws {
        try fill(30)
        let names = disk.names
        disk.remove(names[2])
        guard case .broken(let segment, let line, let reason) = openingError() else {
            Issue.record("opened")
            return
        }
        #expect(segment == names[3])
        #expect(line == 1)
        #expect(reason.contains("expected"))
    }

    @Test(arguments: [1, 7, 64, 511, 512, 700])
    func `an incomplete last line is cut, and recovered says so`(_ bytesLeft: Int) throws {
        try fill(3)
        let name = disk.names[0]
        var content = Array(disk.content(name).prefix { $0 != 0 })
        let lastStart = try #require(content.dropLast().lastIndex(of: 0x0A)) + 1
        let tail = Array(content[lastStart...].prefix(bytesLeft))
        content = Array(content[..<lastStart]) + tail
        disk.put(content + [UInt8](repeating: 0, count: 100), as: name)
        let state = try disk.session(at: start + .seconds(1))
        #expect(state.cut?.bytes == tail.count)
        #expect(state.cut?.sha256 == SHA256.hash(tail))
        #expect(state.claims.count == 2)
        let recovered = try #require(try disk.records().first { $0.json["event"]?.string == "recovered" })
        #expect(recovered.json["bytes"]?.integer == Int64(tail.count))
        #expect(recovered.json["sha256"]?.string == Text(SHA256.hash(tail).hex))
        #expect(disk.verify().isIntact)
    }

    @Test func `garbage behind the end is cut`() throws {
        try fill(3)
        disk.put(disk.content(disk.names[0]) + [0x17, 0xFE, 0x0A, 0x99], as: disk.names[0])
        #expect(try disk.session(at: start + .seconds(1)).claims.count == 3)
        #expect(disk.verify().isIntact)
    }

    @Test func `a gap inside the last batch is cut with what follows it`() throws {
        try disk.session { journal in
            _ = try journal.append([Samples.decision(1)], at: Now(start))
            _ = try journal.append((2..<6).map { Samples.decision($0) }, at: Now(start))
        }
        try blank(line: 5)
        let state = try disk.session(at: start + .seconds(1))
        #expect(Set(state.claims.map(\.tokenID)) == [Samples.tokenID(1), Samples.tokenID(2)])
        #expect(disk.verify().isIntact)
    }

    @Test func `a gap before a later batch is not cut but refused`() throws {
        try fill(5)
        try blank(line: 5)
        guard case .broken(let segment, let line, _) = openingError() else {
            Issue.record("opened")
            return
        }
        #expect(segment == disk.names[0])
        #expect(line == 5)
    }

    /// Overwrites half of a line of the first segment with zeros.
    private func blank(line: Int) throws {
        var content = disk.content(disk.names[0])
        let ends = content.indices.filter { content[$0] == 0x0A }
        for index in (ends[line - 2] + 40)..<(ends[line - 1] - 100) { content[index] = 0 }
        disk.put(content, as: disk.names[0])
    }

    @Test(arguments: 1...7)
    func `a changed line refuses to start and is named`(_ line: Int) throws {
        try fill(6)
        var content = disk.content(disk.names[0])
        let ends = content.indices.filter { content[$0] == 0x0A }
        let begin = line == 1 ? 0 : ends[line - 2] + 1
        // A digit of the time: the line is still a record.
        let place = begin + (Text(content[begin...]).firstIndex(of: 0x54) ?? 0) + 1
        content[place] = content[place] == 0x30 ? 0x31 : 0x30
        disk.put(content, as: disk.names[0])
        let error = openingError()
        guard case .broken(let segment, let named, _) = error else {
            Issue.record("opened: \(String(describing: error))")
            return
        }
        #expect(segment == disk.names[0])
        #expect(named == line)
    }

    @Test func `a ledger of another format is refused, not emptied`() throws {
        let other = Array("{\"v\":2,\"seq\":1}\n".utf8)
        disk.put(other, as: "00000000000000000001.jsonl")
        guard case .broken = openingError() else {
            Issue.record("opened")
            return
        }
        #expect(disk.content("00000000000000000001.jsonl") == other)
    }

    @Test func `other files in the directory are left alone`() throws {
        disk.put([1], as: "lock")
        disk.put([2], as: "1.jsonl")
        try fill(2)
        #expect(disk.content("lock") == [1])
        #expect(try disk.session(at: start + .seconds(1)).claims.count == 2)
    }

    @Test func `a flushed ledger after another boot has no proof and voids approvals, after a stop it has`()
        throws
    {
        let flush = Samples.settings(.flush)
        let later = start + .seconds(100)
        try disk.session(flush) { journal in
            _ = try journal.append(
                [Samples.requested(50), Samples.reviewed(50), Samples.decided(50, .approved)], at: Now(start))
            _ = try journal.append([Samples.effect(1)], at: Now(later))
        }
        let same = try disk.session(flush, at: later)
        #expect(same.continuity == .proven)
        #expect(same.openApprovals.first?.approved != nil)
        let other = try disk.session(Samples.settings(.flush, boot: "boot-2"), at: later) { journal in
            try journal.close(at: Now(later + .seconds(71)))
        }
        #expect(other.continuity != .proven)
        #expect(other.openApprovals.isEmpty)
        #expect(other.voidApprovals.map(\.id) == [Samples.call(50).text])
        let stopped = try disk.session(Samples.settings(.flush, boot: "boot-3"), at: later + .seconds(72))
        #expect(stopped.continuity == .proven)
        #expect(stopped.voidApprovals.isEmpty)
    }

    @Test func `a synced ledger after another boot has proof, on another machine it has not`() throws {
        try disk.session(Samples.settings(machine: "m1")) { journal in
            try journal.close(at: Now(start + .seconds(71)))
        }
        #expect(
            try disk.session(Samples.settings(boot: "boot-2", machine: "m1"), at: start + .seconds(72))
                .continuity == .proven)
        #expect(
            try disk.session(Samples.settings(boot: "boot-2", machine: "m2"), at: start + .seconds(73))
                .continuity != .proven)
    }

    @Test func `approvals end with their release, denial or expiry`() throws {
        try disk.session { journal in
            let now = Now(start)
            _ = try journal.append([10, 20, 30, 40].map { Samples.requested($0) }, at: now)
            _ = try journal.append([Samples.reviewed(10), Samples.decided(10, .approved)], at: now)
            _ = try journal.append([Samples.decision(70, .hold), Samples.release(70, approval: 10)], at: now)
            _ = try journal.append([Samples.decided(20, .denied), Samples.decided(30, .approved)], at: now)
        }
        let state = try disk.session(at: start + .seconds(1))
        #expect(state.openApprovals.map(\.id) == [Samples.call(30).text, Samples.call(40).text])
        #expect(state.openApprovals.map { $0.approved != nil } == [true, false])
        #expect(state.openCalls == [Samples.call(70).text])
        // And once more, now from what the segment restated.
        let again = try disk.session(at: start + .seconds(2))
        #expect(again.openApprovals == state.openApprovals)
        #expect(again.openCalls == state.openCalls)
    }

    @Test func `a file that cannot be written to does not open`() throws {
        try fill(2)
        disk.faults.writeErrors = 1000
        guard case .unavailable = openingError() else {
            Issue.record("opened")
            return
        }
        disk.faults.writeErrors = 0
        #expect(openingError() == nil)
        #expect(disk.verify().isIntact)
    }

    @Test func `a random change anywhere never crashes recovery, and before the last batch it is refused`()
        throws
    {
        try fill(24)
        let original = disk.names.map { ($0, disk.content($0)) }
        var random = SeededGenerator(seed: 5)
        for _ in 0..<150 {
            let copy = FaultyDisk(seed: 1)
            for (name, content) in original { copy.put(content, as: name) }
            guard let (name, content) = original.randomElement(using: &random) else { return }
            let used = content.lastIndex { $0 != 0 } ?? 0
            var changed = content
            let place = Int.random(in: 0...used, using: &random)
            changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            copy.put(changed, as: name)
            let lastStart = content[..<used].lastIndex(of: 0x0A) ?? 0
            let isLastRecord = name == original.last?.0 && place > lastStart
            do {
                try copy.session(at: start + .seconds(1))
                #expect(isLastRecord, "`\(name)` at \(place)")
            } catch {
                guard case .broken = error as? LedgerError else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }
}
