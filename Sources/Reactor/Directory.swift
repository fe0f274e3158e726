internal import Glibc
public import Primitives

/// An open directory, whose files are named by single names: no path leads out of it.
///
/// Blocks; not for loops.
///
/// Files are made with mode 0600 and never through links.
public struct Directory: ~Copyable, Sendable {
    /// More entries than this are an error.
    public static let entriesMax = 1_000_000

    public let path: Text
    private let file: FileDescriptor

    /// Opens a directory that exists.
    public init(_ path: Text) throws(FileError) {
        self.path = path
        file = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY, for: .open)
    }

    /// Makes `path` with mode 0700, if it is not there, and opens it.
    ///
    /// Its parent must exist, and is synced.
    public static func make(_ path: Text) throws(FileError) -> Directory {
        guard !path.isEmpty, !path.contains(0) else { throw FileError(.makeDirectory, path, .badName) }
        guard unsafe mkdir(path.cString, 0o700) != 0 else {
            try Directory(Self.parent(of: path)).sync()
            return try Directory(path)
        }
        let error = Errno.latest
        guard error.code == EEXIST else { throw FileError(.makeDirectory, path, .system(error)) }
        return try Directory(path)
    }

    private static func parent(of path: Text) -> Text {
        let whole = path.count > 1 && path.hasSuffix("/") ? path.dropLast(1) : path
        guard let slash = whole.bytes.lastIndex(of: 0x2F) else { return "." }
        return slash == 0 ? "/" : whole.prefix(slash)
    }

    public func status() throws(FileError) -> FileStatus { try file.status(of: path) }

    /// The names of its entries in byte order, without `.` and `..`.
    public func names() throws(FileError) -> [Text] {
        // A fresh descriptor: reading a directory moves its place, and the stream closes it.
        let number = try FileDescriptor.repeating(.list, path) {
            Int(unsafe openat(file.number, [0x2E, 0], O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        }
        guard let stream = unsafe fdopendir(Int32(number)) else {
            let error = Errno.latest
            Glibc.close(Int32(number))
            throw FileError(.list, path, .system(error))
        }
        defer { unsafe closedir(stream) }
        var names: [Text] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            let name = unsafe Text(
                withUnsafeBytes(of: &entry.pointee.d_name) { unsafe $0.prefix { $0 != 0 } })
            if name == "." || name == ".." { continue }
            guard names.count < Self.entriesMax else {
                throw FileError(.list, path, .tooLarge(bytesMax: Self.entriesMax))
            }
            names.append(name)
        }
        guard errno == 0 else { throw FileError(.list, path, .system(.latest)) }
        return names.sorted()
    }

    /// Makes a new file; it is an error (`EEXIST`) if the name is taken.
    public func create(_ name: Text) throws(FileError) -> AppendFile {
        try open(name, flags: O_RDWR | O_CREAT | O_EXCL, for: .create)
    }

    /// Opens a regular file to read and write.
    public func open(_ name: Text) throws(FileError) -> AppendFile {
        try open(name, flags: O_RDWR, for: .open)
    }

    /// Opens a regular file to read.
    public func openReadOnly(_ name: Text) throws(FileError) -> AppendFile {
        try open(name, flags: O_RDONLY, for: .open)
    }

    /// The content of a regular file of at most `bytesMax` bytes.
    public func read(_ name: Text, bytesMax: Int) throws(FileError) -> [UInt8] {
        let file = try openDescriptor(name, flags: O_RDONLY, for: .open)
        return try file.readAll(of: filePath(name), bytesMax: bytesMax)
    }

    /// Makes a new file with mode 0600 and `bytes` in it, and returns when it is on the disk.
    ///
    /// It is an error (`EEXIST`) if the name is taken. Whenever this ends, there is the whole file or none: it gets
    /// its name (`link`) when it is whole.
    ///
    /// - Parameter draft: the name it has until then, which nobody else may use; a killed process leaves it.
    public func createWhole(_ name: Text, with bytes: [UInt8], draft: Text) throws(FileError) {
        try makeDraft(draft, with: bytes)
        do throws(FileError) { try link(draft, to: name) } catch {
            try? remove(draft)
            throw error
        }
        // A leftover draft does no harm.
        try? remove(draft)
        try sync()
    }

    private func link(_ name: Text, to target: Text) throws(FileError) {
        let (old, new) = (try checked(name, .create).cString, try checked(target, .create).cString)
        _ = try FileDescriptor.repeating(.create, filePath(target)) {
            Int(unsafe linkat(file.number, old, file.number, new, 0))
        }
    }

    /// A new, synced file; none after an error.
    private func makeDraft(_ draft: Text, with bytes: [UInt8]) throws(FileError) {
        if unsafe unlinkat(file.number, try checked(draft, .create).cString, 0) != 0, errno != ENOENT {
            throw FileError(.remove, filePath(draft), .system(.latest))
        }
        let new = try create(draft)
        do throws(FileError) {
            try new.write(bytes, at: 0)
            try new.sync()
        } catch {
            try? remove(draft)
            throw error
        }
    }

    /// Bytes of its file system that this process may still fill.
    public func freeBytes() throws(FileError) -> Int {
        var status = statvfs()
        _ = try FileDescriptor.repeating(.status, path) { Int(unsafe fstatvfs(file.number, &status)) }
        let (bytes, isTooMany) = UInt64(status.f_bavail).multipliedReportingOverflow(
            by: UInt64(status.f_frsize))
        return isTooMany ? .max : Int(clamping: bytes)
    }

    /// Puts a file with `bytes` in the place of `name`: whole, synced, and seen by readers in one step.
    ///
    /// For one writer at a time: a draft `name.new` that a killed process left is replaced.
    public func replace(_ name: Text, with bytes: [UInt8]) throws(FileError) {
        let draft = name + ".new"
        try makeDraft(draft, with: bytes)
        try rename(draft, to: name)
        try sync()
    }

    /// Renames a file, replacing `target`.
    ///
    /// Durable after `sync()`.
    public func rename(_ name: Text, to target: Text) throws(FileError) {
        let (old, new) = (try checked(name, .rename).cString, try checked(target, .rename).cString)
        _ = try FileDescriptor.repeating(.rename, filePath(name)) {
            Int(unsafe renameat(file.number, old, file.number, new))
        }
    }

    /// Removes a file.
    ///
    /// Durable after `sync()`.
    public func remove(_ name: Text) throws(FileError) {
        let old = try checked(name, .remove).cString
        _ = try FileDescriptor.repeating(.remove, filePath(name)) {
            Int(unsafe unlinkat(file.number, old, 0))
        }
    }

    /// Returns when the names of its files are on the disk (`fsync`).
    public func sync() throws(FileError) {
        _ = try FileDescriptor.repeating(.sync, path) { Int(fsync(file.number)) }
    }

    /// Takes the lock that the file `name` stands for, at once or not at all.
    ///
    /// Held until the value ends or the process does.
    public func lock(_ name: Text) throws(FileError) -> FileLock {
        let file = try openDescriptor(name, flags: O_RDWR | O_CREAT, for: .lock)
        do throws(FileError) {
            _ = try FileDescriptor.repeating(.lock, filePath(name)) {
                Int(flock(file.number, LOCK_EX | LOCK_NB))
            }
        } catch {
            let isTaken = error.reason == .system(Errno(code: EWOULDBLOCK))
            throw isTaken ? FileError(.lock, error.path, .locked) : error
        }
        return FileLock(file)
    }

    private func open(
        _ name: Text, flags: Int32, for operation: FileError.Operation
    ) throws(FileError) -> AppendFile {
        AppendFile(try openDescriptor(name, flags: flags, for: operation), path: filePath(name))
    }

    private func openDescriptor(
        _ name: Text, flags: Int32, for operation: FileError.Operation
    ) throws(FileError) -> FileDescriptor {
        do throws(FileError) {
            let opened = try FileDescriptor(
                opening: try checked(name, operation), in: file.number,
                flags: flags | O_NOFOLLOW | O_NONBLOCK,
                mode: 0o600, for: operation)
            let status = try opened.status(of: name)
            guard status.kind == .file else { throw FileError(operation, name, .notAFile) }
            return opened
        } catch {
            throw FileError(error.operation, filePath(name), error.reason)
        }
    }

    private func checked(_ name: Text, _ operation: FileError.Operation) throws(FileError) -> Text {
        guard !name.isEmpty, name != ".", name != "..", !name.contains(0x2F), !name.contains(0) else {
            throw FileError(operation, filePath(name), .badName)
        }
        return name
    }

    private func filePath(_ name: Text) -> Text { path + "/" + name }
}

/// A lock that this process holds; let go when the value ends.
public struct FileLock: ~Copyable, Sendable {
    private let file: FileDescriptor

    init(_ file: consuming FileDescriptor) { self.file = file }
}
