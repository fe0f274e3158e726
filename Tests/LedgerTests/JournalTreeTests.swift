import Ledger
import Primitives
import TestKit
import Testing

@Suite struct JournalTreeTests {
    private let disk = FaultyDisk(seed: 8)
    private let start = Samples.start

    private func append(_ numbers: Range<Int>, to journal: inout TestJournal) throws {
        for number in numbers { _ = try journal.append([Samples.decision(number)], at: Now(start)) }
    }

    @Test func `the tree is over every line, and each opening names the nodes of those before it`() throws {
        var head: TreeHead?
        try disk.session { journal in
            try append(0..<40, to: &journal)
            #expect(journal.treeHead.size == journal.lastSequence)
            try journal.close(at: Now(start))
            head = journal.treeHead
        }
        var tree = MerkleTree()
        for line in try disk.records() {
            if line.json["event"]?.string == "segment" {
                #expect(line.json["tree"]?.array == tree.nodes.map { .string($0.hex) })
            }
            tree.append(leafHash: MerkleTree.leafHash(line.bytes))
        }
        #expect(head == tree.head)
    }

    @Test func `the tree goes on over restarts and over segments that were moved away`() throws {
        for run in 0..<4 {
            try disk.session(at: start + .seconds(200 * run)) { journal in
                try append((20 * run)..<(20 * run + 20), to: &journal)
            }
        }
        let all = LedgerText(disk)
        for name in disk.names.dropLast(3) { disk.remove(name) }
        try disk.session(at: start + .seconds(601)) { journal in
            #expect(journal.lastSequence > UInt64(all.count))
            var tree = MerkleTree()
            let added = LedgerText(disk).segments.flatMap(\.lines).suffix(
                Int(journal.lastSequence) - all.count)
            for line in all.segments.flatMap(\.lines) + added {
                tree.append(leafHash: MerkleTree.leafHash(line))
            }
            #expect(journal.treeHead == tree.head)
        }
    }

    @Test func `a batch that failed is not in the tree`() throws {
        try disk.session { journal in
            try append(0..<3, to: &journal)
            let before = journal.treeHead
            disk.faults.syncErrors = 1000
            #expect(throws: LedgerError.self) { try append(3..<4, to: &journal) }
            #expect(journal.treeHead == before)
            disk.faults.syncErrors = 0
            try append(4..<5, to: &journal)
            let text = LedgerText(disk)
            #expect(text.verify([before, journal.treeHead]).isIntact)
            #expect(text.verify().treeHead == journal.treeHead)
        }
    }

    @Test func `a checkpoint's head is synced first under flush, and costs nothing under sync`() throws {
        for durability in Durability.allCases {
            let disk = FaultyDisk(seed: 9)
            try disk.session(Samples.settings(durability)) { journal in
                try append(0..<3, to: &journal)
                let before = disk.syncs
                #expect(try journal.checkpointHead(at: Now(start)) == journal.treeHead)
                #expect(disk.syncs - before == (durability == .flush ? 1 : 0))
            }
        }
    }

    @Test(arguments: 0..<40)
    func `what a checkpoint covers survives a power failure under flush`(_ seed: UInt64) throws {
        let disk = FaultyDisk(seed: seed)
        let flush = Samples.settings(.flush)
        var head: TreeHead?
        try disk.session(flush) { journal in
            try append(0..<Int(seed), to: &journal)
            head = try journal.checkpointHead(at: Now(start))
            try append(50..<60, to: &journal)
        }
        disk.losePower()
        let after = Samples.settings(.flush, boot: "boot-2")
        #expect(throws: Never.self) { try disk.session(after, containing: head, at: start + .seconds(1)) }
        #expect(LedgerText(disk).verify([try #require(head)]).problem == nil)
    }

    @Test func `a checkpoint whose sync fails is none, and the segment is abandoned`() throws {
        try disk.session(Samples.settings(.flush)) { journal in
            try append(0..<3, to: &journal)
            disk.faults.syncErrors = 1000
            var caught: LedgerError?
            do throws(LedgerError) { _ = try journal.checkpointHead(at: Now(start)) } catch { caught = error }
            guard case .unavailable = caught else {
                Issue.record("not unavailable")
                return
            }
            // Nothing is acknowledged until a new segment stands.
            #expect(throws: LedgerError.self) { try append(3..<4, to: &journal) }
            disk.faults.syncErrors = 0
            try journal.resume(at: Now(start))
            #expect(disk.names.count == 2)
            expectNoCheckpoint(of: &journal)
        }
    }

    @Test func `after a failed sync under flush no checkpoint signs what may be gone`() throws {
        try disk.session(Samples.settings(.flush)) { journal in
            try append(0..<3, to: &journal)
            disk.faults = .init(writeErrors: 1000, syncErrors: 1000)
            #expect(throws: LedgerError.self) { try append(3..<4, to: &journal) }
            disk.faults = .init()
            try append(4..<5, to: &journal)
            expectNoCheckpoint(of: &journal)
            try journal.close(at: Now(start))
            expectNoCheckpoint(of: &journal)
        }
    }

    @Test func `under sync every acknowledged record was synced, and a failure costs no checkpoint`() throws {
        try disk.session(Samples.settings(.sync)) { journal in
            disk.faults.syncErrors = 1000
            #expect(throws: LedgerError.self) { try append(0..<1, to: &journal) }
            disk.faults.syncErrors = 0
            let head = try journal.checkpointHead(at: Now(start))
            #expect(head == journal.treeHead)
        }
    }

    private func expectNoCheckpoint(of journal: inout Journal<FaultyStorage>) {
        do throws(LedgerError) {
            _ = try journal.checkpointHead(at: Now(start))
            Issue.record("nobody knows whether all of it is there")
        } catch {
            #expect("\(error)".contains("acknowledged records may be missing: EIO"))
        }
    }

    @Test func `after close the head includes stop`() throws {
        try disk.session(Samples.settings(.flush)) { journal in
            try append(0..<3, to: &journal)
            try journal.close(at: Now(start))
            #expect(journal.treeHead.size == 6)
            #expect(try journal.checkpointHead(at: Now(start)) == journal.treeHead)
            #expect(LedgerText(disk).verify().treeHead == journal.treeHead)
        }
    }
}
