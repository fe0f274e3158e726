public import Primitives

/// Where a ledger's segments can be read: a directory of files, several of them, or a test's disk.
public protocol LedgerSource: ~Copyable {
    /// Names of all files, in any order; names that are not a segment's are ignored.
    mutating func segments() throws(StorageError) -> [Text]
    /// In bytes.
    func size(of segment: Text) throws(StorageError) -> Int
    /// Up to `count` bytes; fewer only where the segment ends.
    func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8]
}

/// Where a ledger's segments lie when they are written.
///
/// Calls are synchronous and come from one thread. A call either does all of its work or throws; after a
/// throw nothing is assumed about what did reach the disk. The holder has made sure (`flock`) that nobody
/// else writes here.
public protocol LedgerStorage: LedgerSource, ~Copyable {
    /// Makes an empty segment; throws when the name is taken (`O_EXCL`). Durable after `syncDirectory`.
    mutating func create(_ segment: Text) throws(StorageError)
    /// Writes all bytes; the segment grows as needed.
    mutating func write(_ bytes: [UInt8], to segment: Text, at offset: Int) throws(StorageError)
    /// Returns when everything written to the segment, and its size, is durable (`fdatasync`).
    mutating func sync(_ segment: Text) throws(StorageError)
    mutating func truncate(_ segment: Text, to size: Int) throws(StorageError)
    /// Makes created names durable.
    mutating func syncDirectory() throws(StorageError)
}

/// The world's fault: what was tried, and the name of the `errno` it ended in.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For people: `write 00000000000000000001.jsonl`.
    public let operation: String
    /// The error's C name, like `ENOSPC`.
    public let name: String

    public init(operation: String, name: String) { (self.operation, self.name) = (operation, name) }

    public var description: String { "\(operation): \(name)" }
}
