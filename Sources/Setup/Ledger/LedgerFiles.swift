public import Ledger
public import Primitives
public import Reactor

/// The segments of one ledger on disk, to read: one directory, or an archive and the live one together.
///
/// Nothing is locked or written, so a running proxy is not disturbed. A segment that is moved from one of the
/// directories to another meanwhile is found where it went.
public struct LedgerFiles: LedgerSource, Sendable {
    private static let digits = 20
    private static let suffix: Text = ".jsonl"
    private static let chunkBytes = 1 << 20

    private let directories: [Text]

    /// Throws when one of them can not be read, or two hold different segments under one name.
    public init(_ directories: [Text]) throws(LedgerFilesError) {
        self.directories = directories
        for (index, first) in directories.enumerated() {
            for second in directories[(index + 1)...] { try Self.compare(first, second) }
        }
        _ = try names()
    }

    /// In the order of their first records.
    public func names() throws(LedgerFilesError) -> [Text] {
        var names: Set<Text> = []
        for directory in directories {
            do throws(FileError) {
                names.formUnion(try Directory(directory).names().filter(Self.isSegment))
            } catch {
                throw .file(error)
            }
        }
        return names.sorted()
    }

    /// Twenty digits; anything else that lies there is none of the ledger's.
    private static func isSegment(_ name: Text) -> Bool {
        let number = name.bytes.prefix(while: \.isASCIIDigit)
        return number.count == digits && Text(name.bytes.dropFirst(digits)) == suffix
    }

    // MARK: LedgerSource

    public mutating func segments() throws(StorageError) -> [Text] {
        do throws(LedgerFilesError) { return try names() } catch { throw StorageError(error) }
    }

    public func size(of segment: Text) throws(StorageError) -> Int {
        try stored(segment) { file throws(FileError) in try file.size() }
    }

    public func read(_ segment: Text, from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        try stored(segment) { file throws(FileError) in try file.read(at: offset, count: count) }
    }

    private func stored<Value>(
        _ segment: Text, _ use: (borrowing AppendFile) throws(FileError) -> Value
    ) throws(StorageError) -> Value {
        do throws(FileError) {
            for directory in directories.dropLast() {
                if let value = try Self.ifThere({ () throws(FileError) in
                    try use(try Directory(directory).openReadOnly(segment))
                }) {
                    return value
                }
            }
            return try use(try Directory(directories.last ?? ".").openReadOnly(segment))
        } catch {
            throw StorageError(.file(error))
        }
    }

    private static func ifThere<Value>(_ use: () throws(FileError) -> Value) throws(FileError) -> Value? {
        do throws(FileError) { return try use() } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    // MARK: The same name twice

    private static func compare(_ first: Text, _ second: Text) throws(LedgerFilesError) {
        let differing: Text?
        do throws(FileError) {
            differing = try Self.differing(try Directory(first), try Directory(second))
        } catch {
            throw .file(error)
        }
        if let differing { throw .twice(differing, first, second) }
    }

    private static func differing(
        _ first: borrowing Directory, _ second: borrowing Directory
    ) throws(FileError) -> Text? {
        let (one, other) = (try first.status(), try second.status())
        guard (one.device, one.inode) != (other.device, other.inode) else { return nil }
        let names = Set(try second.names())
        for name in try first.names() where isSegment(name) && names.contains(name) {
            guard try isSame(try first.openReadOnly(name), try second.openReadOnly(name)) else { return name }
        }
        return nil
    }

    private static func isSame(
        _ first: borrowing AppendFile, _ second: borrowing AppendFile
    ) throws(FileError) -> Bool {
        let (one, other) = (try first.status(), try second.status())
        if (one.device, one.inode) == (other.device, other.inode) { return true }
        guard one.bytes == other.bytes else { return false }
        var offset = 0
        while offset < one.bytes {
            let piece = try first.read(at: offset, count: chunkBytes)
            guard !piece.isEmpty, try second.read(at: offset, count: chunkBytes) == piece else {
                return false
            }
            offset += piece.count
        }
        return true
    }
}

/// Why the files of a ledger can not be read.
public enum LedgerFilesError: Error, Hashable {
    case file(FileError)
    case storage(StorageError)
    /// A segment, and the two directories that have it with different content.
    case twice(Text, Text, Text)
}

extension LedgerFilesError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .storage(let error): "cannot \(error)"
        case .twice(let name, let first, let second):
            "`\(name)` is in `\(first)` and in `\(second)`, and they differ: name only directories that "
                + "belong to one ledger, and keep one copy of each segment"
        }
    }
}

extension LedgerFilesError {
    static func translating<Value>(_ use: () throws(StorageError) -> Value) throws(LedgerFilesError) -> Value
    {
        do throws(StorageError) { return try use() } catch { throw .storage(error) }
    }
}

extension StorageError {
    fileprivate init(_ error: LedgerFilesError) {
        switch error {
        case .file(let error):
            self.init(operation: "\(error.operation.rawValue) `\(error.path)`", name: "\(error.reason)")
        case .storage(let error): self = error
        case .twice: self.init(operation: "\(error)", name: "EEXIST")
        }
    }
}
