import Ledger
import Primitives

/// A disk that loses what it may lose: unsynced sectors in any order, unsynced names and truncations, and,
/// after a failed sync, pages that look written and are not.
final class SimulatedDisk {
    static let sectorBytes = 512

    struct Faults {
        /// Out of 1000 calls.
        var writeErrors = 0
        var syncErrors = 0
        var otherErrors = 0
        /// From this call on the process is dead: the call is done in part, every later one not at all.
        var diesAtCall: Int?
    }

    private struct File {
        var cache: [UInt8] = []
        var durable: [UInt8] = []
        var dirtySectors: Set<Int> = []
        var isSizeDirty = false
        /// The smallest size since the last sync.
        var truncatedTo: Int?
        var isNameDurable = false
    }

    private var files: [Text: File] = [:]
    private var random: SplitMix64
    var faults = Faults()
    private(set) var calls = 0

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    // MARK: What tests look at and do

    var names: [Text] { files.keys.sorted() }
    func content(_ name: Text) -> [UInt8] { files[name]?.cache ?? [] }
    func put(_ bytes: [UInt8], as name: Text) {
        files[name] = File(cache: bytes, durable: bytes, isNameDurable: true)
    }
    func remove(_ name: Text) { files[name] = nil }

    /// The machine stops: each unsynced sector, size, name and truncation survives or not.
    func losePower() {
        for (name, file) in files {
            guard file.isNameDurable || chance(500) else {
                files[name] = nil
                continue
            }
            files[name] = survivor(of: file)
        }
        faults = Faults()
    }

    /// The process stops; the kernel goes on.
    func killProcess() { faults = Faults() }

    private func survivor(of file: File) -> File {
        var durable = file.durable
        var sectors = file.dirtySectors.sorted()
        if let size = file.truncatedTo {
            if chance(500) {
                durable.removeLast(max(0, durable.count - size))
            } else {
                sectors.removeAll { ($0 + 1) * Self.sectorBytes > size }
            }
        }
        if file.cache.count > durable.count, file.isSizeDirty, chance(500),
            file.truncatedTo == nil || !sectors.isEmpty
        {
            durable += [UInt8](repeating: 0, count: file.cache.count - durable.count)
        }
        for sector in sectors where chance(500) { Self.copy(sector, from: file.cache, to: &durable) }
        return File(cache: durable, durable: durable, isNameDurable: true)
    }

    private static func copy(_ sector: Int, from cache: [UInt8], to durable: inout [UInt8]) {
        let start = sector * sectorBytes
        let end = min(start + sectorBytes, cache.count, durable.count)
        if start < end { durable.replaceSubrange(start..<end, with: cache[start..<end]) }
    }

    private func chance(_ thousandths: Int) -> Bool { Int.random(in: 0..<1000, using: &random) < thousandths }

    // MARK: Calls

    /// True when this call is the process's last.
    private func begin(_ operation: String, failing: Int, _ error: String) throws(StorageError) -> Bool {
        calls += 1
        if let last = faults.diesAtCall {
            if calls > last { throw StorageError(operation: operation, name: "EDEAD") }
            if calls == last { return true }
        }
        if chance(failing) { throw StorageError(operation: operation, name: error) }
        return false
    }

    private func file(_ name: Text, _ operation: String) throws(StorageError) -> File {
        guard let file = files[name] else { throw StorageError(operation: operation, name: "ENOENT") }
        return file
    }

    fileprivate func read(_ name: Text, _ offset: Int, _ count: Int) throws(StorageError) -> [UInt8] {
        let file = try file(name, "read")
        return Array(file.cache.dropFirst(offset).prefix(count))
    }

    fileprivate func create(_ name: Text) throws(StorageError) {
        let dies = try begin("create", failing: faults.otherErrors, "ENOSPC")
        guard files[name] == nil else { throw StorageError(operation: "create", name: "EEXIST") }
        files[name] = File()
        if dies { throw StorageError(operation: "create", name: "EDEAD") }
    }

    fileprivate func write(_ bytes: [UInt8], _ name: Text, _ offset: Int) throws(StorageError) {
        var file = try file(name, "write")
        calls += 1
        let dies = faults.diesAtCall.map { calls == $0 } ?? false
        if let last = faults.diesAtCall, calls > last {
            throw StorageError(operation: "write", name: "EDEAD")
        }
        let fails = chance(faults.writeErrors)
        let count = dies || fails ? Int.random(in: 0...bytes.count, using: &random) : bytes.count
        let end = offset + count
        if file.cache.count < end {
            file.cache += [UInt8](repeating: 0, count: end - file.cache.count)
            file.isSizeDirty = true
        }
        file.cache.replaceSubrange(offset..<end, with: bytes.prefix(count))
        if count > 0 {
            file.dirtySectors.formUnion((offset / Self.sectorBytes)...((end - 1) / Self.sectorBytes))
        }
        files[name] = file
        if dies || fails { throw StorageError(operation: "write", name: fails ? "ENOSPC" : "EDEAD") }
    }

    fileprivate func sync(_ name: Text) throws(StorageError) {
        var file = try file(name, "sync")
        calls += 1
        if let last = faults.diesAtCall, calls >= last {
            throw StorageError(operation: "sync", name: "EDEAD")
        }
        if chance(faults.syncErrors) {
            // Some pages reached the platter; all count as clean from now on.
            let reached = survivor(of: file)
            file.durable = reached.durable
            (file.dirtySectors, file.truncatedTo) = ([], nil)
            files[name] = file
            throw StorageError(operation: "sync", name: "EIO")
        }
        if let size = file.truncatedTo { file.durable.removeLast(max(0, file.durable.count - size)) }
        if file.durable.count < file.cache.count {
            file.durable += [UInt8](repeating: 0, count: file.cache.count - file.durable.count)
        }
        for sector in file.dirtySectors { Self.copy(sector, from: file.cache, to: &file.durable) }
        (file.dirtySectors, file.truncatedTo, file.isSizeDirty) = ([], nil, false)
        files[name] = file
    }

    fileprivate func truncate(_ name: Text, _ size: Int) throws(StorageError) {
        let dies = try begin("truncate", failing: faults.otherErrors, "EIO")
        var file = try file(name, "truncate")
        file.cache.removeLast(max(0, file.cache.count - size))
        file.truncatedTo = min(file.truncatedTo ?? size, size)
        file.dirtySectors = file.dirtySectors.filter { $0 * Self.sectorBytes < size }
        files[name] = file
        if dies { throw StorageError(operation: "truncate", name: "EDEAD") }
    }

    fileprivate func syncDirectory() throws(StorageError) {
        if try begin("sync directory", failing: faults.otherErrors, "EIO") {
            throw StorageError(operation: "sync directory", name: "EDEAD")
        }
        for name in files.keys { files[name]?.isNameDurable = true }
    }
}

/// The disk as the journal holds it; the test keeps the disk.
struct SimulatedStorage: LedgerStorage, ~Copyable {
    let disk: SimulatedDisk

    func segments() throws(StorageError) -> [Text] { disk.names }
    func size(of segment: Text) throws(StorageError) -> Int { disk.content(segment).count }
    func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        try disk.read(segment, offset, count)
    }
    mutating func create(_ segment: Text) throws(StorageError) { try disk.create(segment) }
    mutating func write(_ bytes: [UInt8], to segment: Text, at offset: Int) throws(StorageError) {
        try disk.write(bytes, segment, offset)
    }
    mutating func sync(_ segment: Text) throws(StorageError) { try disk.sync(segment) }
    mutating func truncate(_ segment: Text, to size: Int) throws(StorageError) {
        try disk.truncate(segment, size)
    }
    mutating func syncDirectory() throws(StorageError) { try disk.syncDirectory() }
}

struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
