import Ledger
import Primitives
import TestKit
import Testing

/// A directory that a proxy writes between a reader's reads.
private struct GrowingSource: LedgerSource, ~Copyable {
    let disk: FaultyDisk
    /// Called before each read, with the number of reads before.
    let between: (Int) -> Void
    private let reads = Counter()

    init(_ disk: FaultyDisk, between: @escaping (Int) -> Void) { (self.disk, self.between) = (disk, between) }

    func segments() throws(StorageError) -> [Text] { disk.names }
    func size(of segment: Text) throws(StorageError) -> Int { disk.content(segment).count }
    func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        between(reads.next())
        return Array(disk.content(segment).dropFirst(offset).prefix(count))
    }
}

private final class Counter {
    private var count = 0
    func next() -> Int {
        defer { count += 1 }
        return count
    }
}

@Suite struct LedgerReadingTests {
    private let disk = FaultyDisk(seed: 6)

    private func fill() throws {
        try disk.session { journal in
            for number in 0..<20 {
                _ = try journal.append(
                    (0..<3).map { Samples.decision(3 * number + $0) }, at: Now(Samples.start))
            }
        }
    }

    private func verify(
        _ checkpoints: [TreeHead] = [], between: @escaping (Int) -> Void = { _ in }
    ) throws -> LedgerReport {
        var source = GrowingSource(disk, between: between)
        return try LedgerVerifier.verify(&source, checkpoints: checkpoints)
    }

    @Test func `reading a directory finds what feeding it finds, and tells how far it is`() throws {
        try fill()
        var seen: [Int] = []
        var source = GrowingSource(disk) { _ in }
        let total = disk.names.reduce(0) { $0 + disk.content($1).count }
        let report = try LedgerVerifier.verify(&source) { done, all in
            #expect(all == total)
            seen.append(done)
        }
        #expect(report == disk.verify())
        #expect(seen == seen.sorted())
        #expect(seen.last == total)
    }

    @Test func `a batch half written is no fault`() throws {
        try fill()
        let name = try #require(disk.names.last)
        let whole = disk.content(name)
        let used = whole.prefix { $0 != 0 }
        // From every place inside the last batch on, as much as was written so far.
        for end in stride(from: used.count - 1_500, to: used.count, by: 7) {
            disk.put(whole[..<end] + [UInt8](repeating: 0, count: 500), as: name)
            #expect(try verify().isIntact)
        }
    }

    @Test func `a hole that the writer fills a moment later is no fault, one that stays is`() throws {
        try fill()
        let name = try #require(disk.names.last)
        let whole = disk.content(name)
        let used = whole.prefix { $0 != 0 }.count
        var holed = whole
        for index in (used - 1_200)..<(used - 700) { holed[index] = 0 }
        disk.put(holed, as: name)
        #expect(try !verify().isIntact)
        disk.put(holed, as: name)
        let last = disk.names.count
        #expect(try verify { if $0 == 2 * last { disk.put(whole, as: name) } }.isIntact)
    }

    @Test func `a segment that is left for a new one while it is read is no fault`() throws {
        let journal = try TestJournal.open(
            FaultyStorage(disk: disk), settings: Samples.settings(), at: Now(Samples.start))
        var writer = journal.journal
        for number in 0..<20 { _ = try writer.append([Samples.decision(number)], at: Now(Samples.start)) }
        let name = try #require(disk.names.last)
        // The failed batch has reached the disk in part, behind a hole.
        let end = disk.content(name).prefix { $0 != 0 }.count
        var torn = disk.content(name)
        torn.replaceSubrange((end + 40)..<(end + 43), with: [0x7B, 0x7D, 0x0A])
        disk.put(torn, as: name)
        disk.faults = .init(syncErrors: 1000, otherErrors: 1000)
        #expect(throws: LedgerError.self) {
            _ = try writer.append([Samples.decision(20)], at: Now(Samples.start))
        }
        disk.put(torn, as: name)
        disk.faults = .init()
        _ = try writer.append([Samples.decision(21)], at: Now(Samples.start))
        #expect(disk.names.last != name)
        #expect(try verify([writer.treeHead]).problem == nil)
        #expect(try verify().abandonedSegments == 1)
    }

    @Test func `what is written after a checkpoint was taken is read too`() throws {
        try fill()
        let report = try verify { number in
            guard number == 1 else { return }
            do {
                try disk.session { journal in
                    for more in 100..<130 {
                        _ = try journal.append([Samples.decision(more)], at: Now(Samples.start))
                    }
                }
            } catch { Issue.record("\(error)") }
        }
        #expect(report.isIntact)
    }
}
