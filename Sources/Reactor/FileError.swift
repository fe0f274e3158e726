internal import Glibc
public import Primitives

/// Why a file could not be used: what was being done, to which file, and what went wrong.
public struct FileError: Error, Hashable {
    public enum Operation: String, Sendable {
        case open, create, read, write, sync, truncate, list, remove, rename, lock
        case status = "look at"
        case makeDirectory = "make directory"
    }

    public enum Reason: Hashable, Sendable {
        case system(Errno)
        case tooLarge(bytesMax: Int)
        /// A directory, device, pipe or socket.
        case notAFile
        /// A file with a secret that others than its owner may read or write, or that belongs to another
        /// user.
        case exposed(mode: UInt32)
        /// Another process holds the lock.
        case locked
        /// Not the name of one file in a directory, or a path with a NUL.
        case badName
    }

    public let operation: Operation
    public let path: Text
    public let reason: Reason

    init(_ operation: Operation, _ path: Text, _ reason: Reason) {
        self.operation = operation
        self.path = path
        self.reason = reason
    }

    /// True when there is nothing of that name.
    public var isMissing: Bool { reason == .system(Errno(code: ENOENT)) }
    /// True when there is something of that name already.
    public var isTaken: Bool { reason == .system(Errno(code: EEXIST)) }
}

extension FileError: CustomStringConvertible {
    public var description: String { "cannot \(operation.rawValue) `\(path)`: \(reason)" }
}

extension FileError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .system(let error): error.description
        case .tooLarge(let bytesMax): "longer than \(bytesMax) bytes"
        case .notAFile: "not a regular file"
        case .exposed(let mode):
            "open to others (mode 0\(String(mode, radix: 8))); only its owner, this process's user, may have access"
        case .locked: "locked by another process"
        case .badName: "not a file name"
        }
    }
}
