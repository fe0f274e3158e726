import Ledger
import Primitives
import Reactor
import Synchronization
import TestKit

@testable import Gateway

/// A disk whose syncs wait while the test says so, and which has as much room as it says.
final class SlowDisk: LedgerPlace {
    let disk = FaultyDisk(seed: 1)
    private let isHolding = Atomic<Bool>(false)
    private let waiting = Atomic<Int>(0)
    /// Syncs that still succeed; negative: all of them.
    private let syncsLeft = Mutex(-1)

    private let failuresLeft = Mutex(0)
    private let passed = Atomic<Int>(0)
    private let free = Mutex<Int?>(.max)
    private let files = Mutex<[Text: [UInt8]]>([:])
    private let putsFail = Atomic<Bool>(false)

    var waitingCount: Int { waiting.load(ordering: .acquiring) }

    /// How many syncs were asked for.
    var attempts: Int { passed.load(ordering: .acquiring) }

    func hold() { isHolding.store(true, ordering: .releasing) }
    func letGo() { isHolding.store(false, ordering: .releasing) }

    /// The next `count` syncs succeed, all later ones fail until `recover`.
    func failSyncs(after count: Int) { syncsLeft.withLock { $0 = count } }
    /// The next `count` syncs fail, all later ones succeed.
    func failSyncs(next count: Int) { failuresLeft.withLock { $0 = count } }
    func recover() { syncsLeft.withLock { $0 = -1 } }

    // MARK: As the place of the ledger

    func freeBytes() -> Int? { free.withLock { $0 } }
    func setFree(_ bytes: Int?) { free.withLock { $0 = bytes } }

    func failPuts(_ fail: Bool) { putsFail.store(fail, ordering: .releasing) }
    func file(_ name: Text) -> [UInt8]? { files.withLock { $0[name] } }

    func put(_ bytes: [UInt8], as name: Text) throws(StorageError) {
        guard !putsFail.load(ordering: .acquiring) else {
            throw StorageError(operation: "create \(name)", name: "ENOSPC")
        }
        files.withLock { $0[name] = bytes }
    }

    fileprivate func pass() throws(StorageError) {
        passed.add(1, ordering: .acquiringAndReleasing)
        waiting.add(1, ordering: .acquiringAndReleasing)
        while isHolding.load(ordering: .acquiring) { Host.sleep(.milliseconds(1)) }
        waiting.subtract(1, ordering: .acquiringAndReleasing)
        let fails = syncsLeft.withLock { left in
            defer { if left > 0 { left -= 1 } }
            return left == 0
        }
        let failsOnce = failuresLeft.withLock { left in
            defer { left = max(0, left - 1) }
            return left > 0
        }
        if fails || failsOnce { throw StorageError(operation: "sync", name: "EIO") }
    }
}

struct SlowStorage: LedgerStorage, ~Copyable, Sendable {
    private let slow: SlowDisk
    private var storage: FaultyStorage

    init(_ slow: SlowDisk) {
        self.slow = slow
        storage = FaultyStorage(disk: slow.disk)
    }

    mutating func segments() throws(StorageError) -> [Text] { try storage.segments() }
    func size(of segment: Text) throws(StorageError) -> Int { try storage.size(of: segment) }
    func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        try storage.read(segment, from: offset, count: count)
    }
    mutating func create(_ segment: Text) throws(StorageError) { try storage.create(segment) }
    mutating func write(_ bytes: [UInt8], to segment: Text, at offset: Int) throws(StorageError) {
        try storage.write(bytes, to: segment, at: offset)
    }
    mutating func sync(_ segment: Text) throws(StorageError) {
        try slow.pass()
        try storage.sync(segment)
    }
    mutating func truncate(_ segment: Text, to size: Int) throws(StorageError) {
        try storage.truncate(segment, to: size)
    }
    mutating func syncDirectory() throws(StorageError) { try storage.syncDirectory() }
}

/// A ledger writer over a disk in memory.
final class WriterBench {
    let slow = SlowDisk()
    let clock = SystemClock()
    let metrics = Metrics()
    let loops: EventLoops
    let writer: LedgerWriter
    private let isClosed = Mutex(false)

    var disk: FaultyDisk { slow.disk }

    /// - Parameters:
    ///   - reserve: of a disk that says `slow.freeBytes`.
    ///   - checkpoints: makes the keeper; nil: none are made.
    init(
        loops count: Int = 1, durability: Durability = .sync, reserve: Int = 0, claimsMax: Int? = nil,
        checkpoints: ((SlowDisk, Metrics) throws -> CheckpointKeeper)? = nil
    ) throws {
        loops = EventLoops(count: count)
        var settings = JournalSettings(
            durability: durability, instance: "test", boot: "test", claimWindow: .seconds(70))
        settings.claimsMax = claimsMax ?? settings.claimsMax
        writer = LedgerWriter(
            settings, clock: clock, loop: loops.next(), metrics: metrics, log: Log(World.logger),
            room: LedgerRoom(reserve: reserve, on: slow),
            checkpoints: try checkpoints.map { [slow, metrics] make in try make(slow, metrics) })
        // A past, so that tokens are taken at once.
        let past = try Journal.open(
            FaultyStorage(disk: slow.disk), settings: settings, at: Now(clock.now.time - .seconds(7_200)))
        var journal = past.journal
        try journal.close(at: Now(clock.now.time - .seconds(3_600)))
        let opened = try Journal.open(SlowStorage(slow), settings: settings, at: clock.now)
        writer.start(opened.journal)
    }

    deinit {
        slow.letGo()
        writer.close()
        loops.shutdown()
    }

    var records: [JSON] { disk.names.flatMap { LedgerFile.records(of: disk.content($0)) } }
    var reasons: [Text] {
        records.compactMap { $0["event"]?.string == "refused" ? $0["reason"]?.string : nil }
    }

    static func entry(_ reason: Text) -> Entry { RefusedRecord(agent: nil, reason: reason).entry }
}
