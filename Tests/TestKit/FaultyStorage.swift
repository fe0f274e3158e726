public import Ledger
public import Primitives

/// A `FaultyDisk` as a journal holds it; the test keeps the disk.
public struct FaultyStorage: LedgerStorage, ~Copyable, Sendable {
    public let disk: FaultyDisk

    public init(disk: FaultyDisk) { self.disk = disk }

    public func segments() throws(StorageError) -> [Text] { disk.names }
    public func size(of segment: Text) throws(StorageError) -> Int { disk.content(segment).count }
    public func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        try disk.perform { disk throws(StorageError) in try disk.read(segment, offset, count) }
    }
    public mutating func create(_ segment: Text) throws(StorageError) {
        try disk.perform { disk throws(StorageError) in try disk.create(segment) }
    }
    public mutating func write(_ bytes: [UInt8], to segment: Text, at offset: Int) throws(StorageError) {
        try disk.perform { disk throws(StorageError) in try disk.write(bytes, segment, offset) }
    }
    public mutating func sync(_ segment: Text) throws(StorageError) {
        try disk.perform { disk throws(StorageError) in try disk.sync(segment) }
    }
    public mutating func truncate(_ segment: Text, to size: Int) throws(StorageError) {
        try disk.perform { disk throws(StorageError) in try disk.truncate(segment, size) }
    }
    public mutating func syncDirectory() throws(StorageError) {
        try disk.perform { disk throws(StorageError) in try disk.syncDirectory() }
    }
}
