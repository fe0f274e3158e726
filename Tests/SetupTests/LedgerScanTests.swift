import Ledger
import Primitives
import Reactor
import Setup
import TestKit
import Testing

/// Reading a ledger for people: everything in its order, whoever writes meanwhile.
@Suite struct LedgerScanTests {
    @Test func `every record is shown once, in its order, over segments and restarts`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 3_000)
        try ledger.run((0..<20).flatMap { [Calls.decision($0), Calls.effect($0)] })
        try ledger.run((20..<30).map { Calls.decision($0) })
        #expect(ledger.disk.names.count > 4)
        let shown = try ledger.shown()
        #expect(shown == Array(1...Int64(shown.count)))
        #expect(shown.count > 50)
    }

    @Test func `reading stops at the zeros written ahead, and goes on when they are overwritten`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)], isKilled: true)
        let name = ledger.disk.names[0]
        let whole = ledger.disk.content(name)
        let written = whole.prefix { $0 != 0 }
        let last = try #require(written.dropLast().lastIndex(of: 0x0A)) + 1
        let line = written[last...]
        // Every way in which the last line can have come to the disk so far.
        for cut in [0, 1, line.count / 2, line.count - 1] {
            let zeros = [UInt8](repeating: 0, count: whole.count - last - cut)
            ledger.disk.put(whole[..<last] + line.prefix(cut) + zeros, as: name)
            try ledger.store()
            var scan = try LedgerScan(ledger.files(), RecordFilter())
            var before = 0
            while try scan.next() != nil { before += 1 }
            ledger.disk.put(whole, as: name)
            try ledger.store()
            try scan.refresh()
            #expect(before == 2)
            #expect(try scan.next()?.record?.event == "decision")
            #expect(try scan.next() == nil)
        }
    }

    @Test func `following goes on over new segments and misses nothing at the end of the old one`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 2_000)
        try ledger.run([Calls.decision(0)], isKilled: true)
        var scan = try LedgerScan(ledger.files(), RecordFilter())
        var seen: [Int64] = []
        for run in 1...6 {
            while let finding = try scan.next() { seen += [finding.record?.sequence ?? -1] }
            try ledger.run((0..<run).map { Calls.decision(run * 10 + $0) }, isKilled: run % 2 == 0)
            try scan.refresh()
        }
        while let finding = try scan.next() { seen += [finding.record?.sequence ?? -1] }
        #expect(try seen == ledger.shown())
        #expect(seen == Array(1...Int64(seen.count)))
    }

    @Test func `following begins with the first segment of an empty ledger`() throws {
        let ledger = try LedgerOnDisk()
        var scan = try LedgerScan(ledger.files(), RecordFilter())
        #expect(try scan.next() == nil)
        try ledger.run([Calls.decision(1)])
        try scan.refresh()
        #expect(try scan.next()?.record?.sequence == 1)
    }

    @Test func `a line that is no record is named, and reading goes on`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1), Calls.effect(1)])
        try ledger.edit { bytes in
            let second = bytes.firstIndex(of: 0x0A).map { $0 + 1 } ?? 0
            bytes.insert(contentsOf: Array("{\"v\":1\n\n\u{1B}[2J\n".utf8), at: second)
        }
        let found = try ledger.found()
        #expect(found.compactMap(\.brokenLine) == [2, 3, 4])
        #expect(found.compactMap(\.record?.sequence) == [1, 2, 3, 4, 5])
    }

    @Test func `a line without an end in sight is given up in pieces, not kept in memory`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        try ledger.edit { bytes in bytes += [UInt8](repeating: 0x61, count: 5 << 20) + [0x0A] }
        let found = try ledger.found()
        #expect(found.compactMap(\.record).count == 4)
        #expect(2...6 ~= found.compactMap(\.brokenLine).count)
    }

    /// A segment goes on from record 3, as one does after an I/O error: record 4 is no part of the ledger.
    private func takeBackTheLast(of ledger: LedgerOnDisk) throws {
        let next = ledger.disk.content(ledger.disk.names[0]).split(separator: 0x0A)[0]
        let line = Text(next).string.replacing("\"seq\":1,", with: "\"seq\":4,") + "\n"
        ledger.disk.put(Array(line.utf8), as: "00000000000000000004.jsonl")
        try ledger.store()
    }

    @Test func `records that a failure took back are said to be no part of the ledger`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        try takeBackTheLast(of: ledger)
        let found = try ledger.found()
        guard case .withdrawn(let numbers) = found[4] else {
            Issue.record("found \(found[4])")
            return
        }
        #expect(numbers == 4...4)
        #expect(found[5].record?.sequence == 4)
        #expect(found.count == 6)
    }

    // MARK: The end of a ledger

    @Test func `the last records are found from the end on`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 3_000)
        try ledger.run((0..<40).map { Calls.decision($0) })
        let all = try ledger.shown()
        // What a tail does not have to read may as well be rubbish.
        let names = ledger.disk.names
        for name in names.dropLast(4) { ledger.disk.put(Array("rubbish\n".utf8), as: name) }
        try ledger.store()
        for count in [0, 1, 3, 10] {
            var scan = try LedgerScan(ledger.files(), RecordFilter())
            let last = try scan.last(count)
            #expect(last.findings.map { $0.record?.sequence } == all.suffix(count).map { $0 })
            #expect(last.isAll)
            #expect(try scan.next() == nil)
        }
    }

    @Test func `the last records are shown with what took some of them back`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        try takeBackTheLast(of: ledger)
        var events = RecordFilter()
        events.events = ["stop", "segment"]
        for filter in [RecordFilter(), events] {
            for (count, shown) in [(0, []), (1, [4]), (2, [4, nil, 4])] as [(Int, [Int64?])] {
                var scan = try LedgerScan(ledger.files(), filter)
                let findings = try scan.last(count).findings
                #expect(findings.map { $0.record?.sequence } == shown)
                #expect(findings.compactMap(\.withdrawn) == (count == 2 ? [4...4] : []))
            }
        }
    }

    @Test(arguments: [0, 2, 10]) func `what takes back records before those followed is told`(count: Int)
        throws
    {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        var scan = try LedgerScan(ledger.files(), RecordFilter())
        _ = try scan.last(count)
        try takeBackTheLast(of: ledger)
        try scan.refresh()
        #expect(try scan.next()?.withdrawn == 4...4)
        #expect(try scan.next()?.record?.sequence == 4)
    }

    @Test func `looking back has an end, and it is said`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 100)
        try ledger.run((0..<40).map { Calls.decision($0) })
        var filter = RecordFilter()
        filter.events = ["start"]
        var scan = try LedgerScan(ledger.files(), filter)
        let last = try scan.last(1)
        #expect(last.findings.isEmpty && !last.isAll)
        filter.events = ["stop"]
        scan = try LedgerScan(ledger.files(), filter)
        #expect(try scan.last(1).findings.count == 1)
    }

    @Test func `following goes on behind the last records, with what is known of their calls`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run(
            [Calls.decision(1), Calls.decision(2, agent: "spiffe://example.org/b")], isKilled: true)
        var filter = RecordFilter()
        filter.agent = WildcardText("*/b")
        var scan = try LedgerScan(ledger.files(), filter)
        #expect(try scan.last(0).findings.isEmpty)
        try ledger.run([Calls.effect(1), Calls.effect(2)])
        try scan.refresh()
        #expect(try scan.next()?.record?.members["call"]?.string == Calls.id(2).text)
        #expect(try scan.next() == nil)
    }

    // MARK: Several directories

    @Test func `an archive and the live directory are one ledger`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 3_000)
        try ledger.run((0..<20).map { Calls.decision($0) })
        let all = try ledger.shown()
        let archive = ledger.other("archive")
        try ledger.store(in: archive)
        let names = ledger.disk.names
        for name in names.prefix(2) { try Directory(ledger.directory).remove(name) }
        for name in names.dropFirst(3) { try Directory(archive).remove(name) }
        for order in [[archive, ledger.directory], [ledger.directory, archive]] {
            var scan = try LedgerScan(LedgerFiles(order), RecordFilter())
            var seen: [Int64] = []
            while let finding = try scan.next() { seen += [finding.record?.sequence ?? -1] }
            #expect(seen == all)
            #expect(try LedgerVerification(of: LedgerFiles(order)).report.isIntact)
        }
    }

    @Test func `a segment that is moved to the archive while it is read is found there`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 3_000)
        try ledger.run((0..<20).map { Calls.decision($0) })
        let all = try ledger.shown()
        let archive = ledger.other("archive")
        _ = try Directory.make(archive)
        var scan = try LedgerScan(LedgerFiles([archive, ledger.directory]), RecordFilter())
        var seen = try scan.next().map { [$0.record?.sequence] } ?? []
        try ledger.store(in: archive)
        for name in ledger.disk.names { try Directory(ledger.directory).remove(name) }
        while let finding = try scan.next() { seen.append(finding.record?.sequence) }
        #expect(seen == all)
    }

    @Test func `the same name with other content is refused, a copy is not`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 3_000)
        try ledger.run((0..<20).map { Calls.decision($0) })
        let archive = ledger.other("archive")
        try ledger.store(in: archive)
        #expect(try LedgerFiles([archive, ledger.directory]).names() == ledger.disk.names)
        #expect(try LedgerFiles([archive, archive]).names() == ledger.disk.names)
        try ledger.edit(1) { $0[$0.count / 2] ^= 1 }
        let twice = LedgerFilesError.twice(ledger.disk.names[1], archive, ledger.directory)
        #expect(throws: twice) { try LedgerFiles([archive, ledger.directory]) }
        #expect(twice.description.contains("keep one copy of each segment"))
    }

    @Test func `only names of segments are read`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        for name: Text in [
            "notes.jsonl", "0000000000000000001.jsonl", "00000000000000000001.jsonl.gz", "checkpoint",
        ] {
            try Directory(ledger.directory).replace(name, with: Array("rubbish\n".utf8))
        }
        #expect(try ledger.files().names() == ledger.disk.names)
    }

    @Test func `a directory that is not there is an error`() {
        #expect {
            try LedgerFiles(["/nowhere/at-all"])
        } throws: { "\($0)" == "cannot open `/nowhere/at-all`: ENOENT" }
    }
}
