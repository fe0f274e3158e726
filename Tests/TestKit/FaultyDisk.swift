import Ledger
public import Primitives
import Synchronization

/// A disk in memory that loses what a disk may lose: unsynced sectors in any order, unsynced names and truncations,
/// and, after a failed sync, pages that look written and are not.
public final class FaultyDisk: Sendable {
    public static let sectorBytes = 512

    public struct Faults: Sendable {
        /// Out of 1000 calls: some of the bytes are written, then `ENOSPC`.
        public var writeErrors: Int
        /// Out of 1000 calls: some of the pages are durable, the others lost without another word, then `EIO`.
        public var syncErrors: Int
        /// Out of 1000 calls: making, truncating, syncing names.
        public var otherErrors: Int
        /// From this call on the process is dead: the call is done in part, every later one not at all.
        public var diesAtCall: Int?
        /// All files together hold at most this many bytes: the write that would pass it is cut, `ENOSPC`.
        public var bytesMax: Int?
        /// Out of 1000 syncs, of files and of names: nothing is made durable, and success is told.
        public var lyingSyncs: Int

        public init(
            writeErrors: Int = 0, syncErrors: Int = 0, otherErrors: Int = 0, diesAtCall: Int? = nil,
            bytesMax: Int? = nil, lyingSyncs: Int = 0
        ) {
            (self.writeErrors, self.syncErrors, self.otherErrors) = (writeErrors, syncErrors, otherErrors)
            (self.diesAtCall, self.bytesMax, self.lyingSyncs) = (diesAtCall, bytesMax, lyingSyncs)
        }
    }

    private let content: Mutex<DiskContent>

    public init(seed: UInt64) { content = Mutex(DiskContent(seed: seed)) }

    public var faults: Faults {
        get { content.withLock { $0.faults } }
        set { content.withLock { $0.faults = newValue } }
    }

    /// How many calls there were, for `diesAtCall`.
    public var calls: Int { content.withLock { $0.calls } }
    /// How many syncs of files were asked for, failed ones included.
    public var syncs: Int { content.withLock { $0.syncs } }

    // MARK: What tests look at and do

    /// In byte order.
    public var names: [Text] { content.withLock { $0.files.keys.sorted() } }
    /// What a reader sees now; nothing for a file that is not there.
    public func content(_ name: Text) -> [UInt8] { content.withLock { $0.files[name]?.cache ?? [] } }
    /// A whole, durable file.
    public func put(_ bytes: [UInt8], as name: Text) {
        content.withLock { $0.files[name] = DiskFile(cache: bytes, durable: bytes, isNameDurable: true) }
    }
    public func remove(_ name: Text) { content.withLock { $0.files[name] = nil } }

    /// What would be there after a power failure now that lost everything unsynced; of a file on which a sync lied,
    /// what a reader sees.
    public func promisedContent(_ name: Text) -> [UInt8] {
        content.withLock { $0.files[name]?.promised ?? [] }
    }
    /// True from the call on at which the process died, until `killProcess` or `losePower`.
    public var isProcessDead: Bool {
        content.withLock { content in content.faults.diesAtCall.map { content.calls >= $0 } ?? false }
    }

    /// The machine stops: each unsynced sector, size, name and truncation survives or not.
    ///
    /// - Parameter keepsUnsynced: false: none of them survives, as when a whole write cache is lost.
    public func losePower(keepsUnsynced: Bool = true) {
        content.withLock { $0.losePower(keepsUnsynced: keepsUnsynced) }
    }
    /// The process stops; the kernel goes on.
    public func killProcess() { content.withLock { $0.faults = Faults() } }

    func perform<Value: Sendable>(
        _ body: (inout DiskContent) throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        let result: Result<Value, StorageError> = content.withLock { content in
            do throws(StorageError) { return .success(try body(&content)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

struct DiskFile {
    var cache: [UInt8] = []
    var durable: [UInt8] = []
    var dirtySectors: Set<Int> = []
    var isSizeDirty = false
    /// The smallest size since the last sync.
    var truncatedTo: Int?
    var isNameDurable = false
    /// A sync of it, or of its name, told success and did nothing.
    var wasLiedTo = false

    var promised: [UInt8] { wasLiedTo ? cache : isNameDurable ? durable : [] }

    static func copy(_ sector: Int, from cache: [UInt8], to durable: inout [UInt8]) {
        let start = sector * FaultyDisk.sectorBytes
        let end = min(start + FaultyDisk.sectorBytes, cache.count, durable.count)
        if start < end { durable.replaceSubrange(start..<end, with: cache[start..<end]) }
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        let end = offset + bytes.count
        if cache.count < end {
            cache += [UInt8](repeating: 0, count: end - cache.count)
            isSizeDirty = true
        }
        cache.replaceSubrange(offset..<end, with: bytes)
        guard !bytes.isEmpty else { return }
        dirtySectors.formUnion((offset / FaultyDisk.sectorBytes)...((end - 1) / FaultyDisk.sectorBytes))
    }

    mutating func truncate(to size: Int) {
        cache.removeLast(max(0, cache.count - size))
        truncatedTo = min(truncatedTo ?? size, size)
        dirtySectors = dirtySectors.filter { $0 * FaultyDisk.sectorBytes < size }
    }

    mutating func sync() {
        if let size = truncatedTo { durable.removeLast(max(0, durable.count - size)) }
        if durable.count < cache.count {
            durable += [UInt8](repeating: 0, count: cache.count - durable.count)
        }
        for sector in dirtySectors { Self.copy(sector, from: cache, to: &durable) }
        (dirtySectors, truncatedTo, isSizeDirty) = ([], nil, false)
        if isNameDurable { wasLiedTo = false }
    }

    /// What is left when the machine stops now.
    func survivor(_ random: inout SeededGenerator) -> DiskFile {
        var durable = durable
        var sectors = dirtySectors.sorted()
        if let size = truncatedTo {
            if random.chance(500) {
                durable.removeLast(max(0, durable.count - size))
            } else {
                sectors.removeAll { ($0 + 1) * FaultyDisk.sectorBytes > size }
            }
        }
        if cache.count > durable.count, isSizeDirty, random.chance(500),
            truncatedTo == nil || !sectors.isEmpty
        {
            durable += [UInt8](repeating: 0, count: cache.count - durable.count)
        }
        for sector in sectors where random.chance(500) { Self.copy(sector, from: cache, to: &durable) }
        return DiskFile(cache: durable, durable: durable, isNameDurable: true)
    }
}
