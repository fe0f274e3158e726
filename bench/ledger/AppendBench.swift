import Gateway
import Ledger
import Logging
import Primitives
import Reactor
import Synchronization

/// Callers on event loops, each of which waits for its record before it makes the next: the ledger as a proxy
/// uses it, thread and wake-ups included.
final class AppendBench: Sendable {
    private let loops = EventLoops(count: Host.cores)
    private let writer: LedgerWriter
    private let samples: Samples
    private let callers: Int
    private let syncs = Count()
    private let done = Count()
    private let numbers = Count()
    private let isOver = Atomic<Bool>(false)

    init(_ durability: Durability, callers: Int, in directory: Text) throws {
        self.callers = callers
        let clock = SystemClock()
        let settings = Samples.settings(durability)
        samples = Samples(expires: clock.now.time.seconds + 60)
        let journal = try Journal.open(
            CountingStorage(try JournalFiles(directory), counting: syncs), settings: settings, at: clock.now
        ).journal
        let log = Log(Logger(label: "bench") { _ in JSONLogHandler(level: .critical, clock: clock) })
        writer = LedgerWriter(
            settings, clock: clock, loop: loops.loops[0], metrics: Metrics(), log: log)
        writer.start(journal)
    }

    func run(_ milliseconds: Int) -> JSONObject {
        for caller in 0..<callers { next(on: loops.loops[caller % loops.loops.count]) }
        Host.sleep(.milliseconds(200))
        let start = (CPU.process, CPU.wall, done.value, syncs.value)
        Host.sleep(.milliseconds(milliseconds))
        let records = Double(done.value - start.2)
        let seconds = CPU.wall - start.1
        var report = JSONObject()
        report.number("cpu_us_per_record", (CPU.process - start.0) * 1e6 / records)
        report.number("records_per_second", records / seconds)
        report.number("syncs_per_second", Double(syncs.value - start.3) / seconds)
        isOver.store(true, ordering: .releasing)
        writer.close()
        loops.shutdown()
        return report
    }

    private func next(on loop: Loop) {
        guard !isOver.load(ordering: .acquiring) else { return }
        writer.append([samples.entry(numbers.next())], on: loop) { [self] receipt in
            guard !isOver.load(ordering: .acquiring) else { return }
            guard receipt != nil else { preconditionFailure("the ledger of the measurement can be written") }
            done.add()
            next(on: loop)
        }
    }
}

/// A number that several threads raise.
final class Count: Sendable {
    private let number = Atomic<Int>(0)

    var value: Int { number.load(ordering: .relaxed) }
    func add() { number.add(1, ordering: .relaxed) }
    /// What it was before.
    func next() -> Int { number.add(1, ordering: .relaxed).oldValue }
}

/// The ledger's files, with a count of their syncs.
struct CountingStorage: LedgerStorage, ~Copyable, Sendable {
    private var files: JournalFiles
    private let syncs: Count

    init(_ files: consuming JournalFiles, counting syncs: Count) {
        self.files = files
        self.syncs = syncs
    }

    mutating func segments() throws(StorageError) -> [Text] { try files.segments() }
    func size(of segment: Text) throws(StorageError) -> Int { try files.size(of: segment) }
    func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        try files.read(segment, from: offset, count: count)
    }
    mutating func create(_ segment: Text) throws(StorageError) { try files.create(segment) }
    mutating func write(_ bytes: [UInt8], to segment: Text, at offset: Int) throws(StorageError) {
        try files.write(bytes, to: segment, at: offset)
    }
    mutating func sync(_ segment: Text) throws(StorageError) {
        syncs.add()
        try files.sync(segment)
    }
    mutating func truncate(_ segment: Text, to size: Int) throws(StorageError) {
        try files.truncate(segment, to: size)
    }
    mutating func syncDirectory() throws(StorageError) { try files.syncDirectory() }
}
