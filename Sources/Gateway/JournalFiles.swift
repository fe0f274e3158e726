public import Ledger
public import Primitives
public import Reactor

/// The ledger's directory as `Journal` sees it: one file a segment, 0600, and a lock that makes this process the only
/// writer.
public struct JournalFiles: LedgerStorage, ~Copyable, Sendable {
    private static let lockName: Text = "lock"

    private let directory: Directory
    private let lock: FileLock
    /// The segment used last stays open; the journal works on one at a time.
    private var current: OpenSegment?

    private struct OpenSegment: ~Copyable, Sendable {
        let name: Text
        let file: AppendFile
    }

    /// Makes the directory (0700) if it is missing.
    ///
    /// Throws when another process holds it.
    public init(_ path: Text) throws(FileError) {
        let directory = try Directory.make(path)
        let lock = try directory.lock(Self.lockName)
        self.directory = directory
        self.lock = lock
    }

    public mutating func segments() throws(StorageError) -> [Text] {
        try stored { () throws(FileError) in try directory.names() }
    }

    public func size(of segment: Text) throws(StorageError) -> Int {
        try stored { () throws(FileError) in try directory.openReadOnly(segment).size() }
    }

    public func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        try stored { () throws(FileError) in
            try directory.openReadOnly(segment).read(at: offset, count: count)
        }
    }

    public mutating func create(_ segment: Text) throws(StorageError) {
        current = nil
        let file: AppendFile
        do throws(FileError) { file = try directory.create(segment) } catch { throw StorageError(error) }
        current = OpenSegment(name: segment, file: file)
    }

    public mutating func write(_ bytes: [UInt8], to segment: Text, at offset: Int) throws(StorageError) {
        try open(segment)
        do throws(FileError) { try current?.file.write(bytes, at: offset) } catch {
            throw StorageError(error)
        }
    }

    public mutating func sync(_ segment: Text) throws(StorageError) {
        try open(segment)
        do throws(FileError) { try current?.file.sync() } catch { throw StorageError(error) }
    }

    public mutating func truncate(_ segment: Text, to size: Int) throws(StorageError) {
        try open(segment)
        do throws(FileError) { try current?.file.truncate(to: size) } catch { throw StorageError(error) }
    }

    public mutating func syncDirectory() throws(StorageError) {
        try stored { () throws(FileError) in try directory.sync() }
    }

    private mutating func open(_ segment: Text) throws(StorageError) {
        if current?.name == segment { return }
        current = nil
        let file: AppendFile
        do throws(FileError) { file = try directory.open(segment) } catch { throw StorageError(error) }
        current = OpenSegment(name: segment, file: file)
    }

    private func stored<Value>(_ work: () throws(FileError) -> Value) throws(StorageError) -> Value {
        do { return try work() } catch { throw StorageError(error) }
    }
}

extension StorageError {
    init(_ error: FileError) {
        self.init(operation: "\(error.operation.rawValue) \(error.path)", name: "\(error.reason)")
    }
}
