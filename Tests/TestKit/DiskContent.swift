import Ledger
import Primitives

/// The files of a `FaultyDisk`, and what the kernel does with each call.
struct DiskContent {
    var files: [Text: DiskFile] = [:]
    var faults = FaultyDisk.Faults()
    private(set) var calls = 0
    private(set) var syncs = 0
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func losePower(keepsUnsynced: Bool) {
        // In byte order, so that one seed is one story.
        for name in files.keys.sorted() {
            guard let file = files[name], file.isNameDurable || (keepsUnsynced && random.chance(500)) else {
                files[name] = nil
                continue
            }
            files[name] =
                keepsUnsynced
                ? file.survivor(&random)
                : DiskFile(cache: file.durable, durable: file.durable, isNameDurable: true)
        }
        faults = FaultyDisk.Faults()
    }

    /// True when this call is the process's last.
    private mutating func begin(
        _ operation: String, failing thousandths: Int, _ error: String
    ) throws(StorageError) -> Bool {
        calls += 1
        if let last = faults.diesAtCall {
            if calls > last { throw StorageError(operation: operation, name: "EDEAD") }
            if calls == last { return true }
        }
        if random.chance(thousandths) { throw StorageError(operation: operation, name: error) }
        return false
    }

    private func file(_ name: Text, _ operation: String) throws(StorageError) -> DiskFile {
        guard let file = files[name] else { throw StorageError(operation: operation, name: "ENOENT") }
        return file
    }

    func read(_ name: Text, _ offset: Int, _ count: Int) throws(StorageError) -> [UInt8] {
        Array(try file(name, "read").cache.dropFirst(offset).prefix(count))
    }

    mutating func create(_ name: Text) throws(StorageError) {
        let dies = try begin("create", failing: faults.otherErrors, "ENOSPC")
        guard files[name] == nil else { throw StorageError(operation: "create", name: "EEXIST") }
        files[name] = DiskFile()
        if dies { throw StorageError(operation: "create", name: "EDEAD") }
    }

    mutating func write(_ bytes: [UInt8], _ name: Text, _ offset: Int) throws(StorageError) {
        var file = try file(name, "write")
        calls += 1
        if let last = faults.diesAtCall, calls > last {
            throw StorageError(operation: "write", name: "EDEAD")
        }
        let dies = calls == faults.diesAtCall
        let fails = random.chance(faults.writeErrors)
        let wanted = dies || fails ? Int.random(in: 0...bytes.count, using: &random) : bytes.count
        let count = min(wanted, room(for: file, at: offset))
        file.write(bytes.prefix(count), at: offset)
        files[name] = file
        if dies { throw StorageError(operation: "write", name: "EDEAD") }
        if fails || count < bytes.count { throw StorageError(operation: "write", name: "ENOSPC") }
    }

    /// How many bytes may still be written there.
    private func room(for file: DiskFile, at offset: Int) -> Int {
        guard let bytesMax = faults.bytesMax else { return .max }
        let free = max(0, bytesMax - files.values.reduce(0) { $0 + $1.cache.count })
        return max(0, file.cache.count + free - offset)
    }

    mutating func sync(_ name: Text) throws(StorageError) {
        var file = try file(name, "sync")
        calls += 1
        syncs += 1
        if let last = faults.diesAtCall, calls >= last {
            throw StorageError(operation: "sync", name: "EDEAD")
        }
        if random.chance(faults.syncErrors) {
            // Some pages reached the platter; all count as clean from now on. A size is the file system's own, and is
            // not forgotten like a page.
            file.durable = file.survivor(&random).durable
            file.dirtySectors = []
            files[name] = file
            throw StorageError(operation: "sync", name: "EIO")
        }
        if faults.lyingSyncs > 0, random.chance(faults.lyingSyncs) {
            file.wasLiedTo = true
        } else {
            file.sync()
        }
        files[name] = file
    }

    mutating func truncate(_ name: Text, _ size: Int) throws(StorageError) {
        let dies = try begin("truncate", failing: faults.otherErrors, "EIO")
        var file = try file(name, "truncate")
        file.truncate(to: size)
        files[name] = file
        if dies { throw StorageError(operation: "truncate", name: "EDEAD") }
    }

    mutating func syncDirectory() throws(StorageError) {
        if try begin("sync directory", failing: faults.otherErrors, "EIO") {
            throw StorageError(operation: "sync directory", name: "EDEAD")
        }
        let lies = faults.lyingSyncs > 0 && random.chance(faults.lyingSyncs)
        for name in files.keys where files[name]?.isNameDurable == false {
            if lies { files[name]?.wasLiedTo = true } else { files[name]?.isNameDurable = true }
        }
    }
}
