internal import Glibc
public import Primitives

/// Whole files by path.
///
/// Blocks; not for loops.
public enum Files {
    public enum Access: Sendable {
        case any
        /// The file holds a secret: mode 0600 or stricter, and owned by this process's user or the superuser.
        case ownerOnly
        /// The same; or it belongs to the superuser, and its group may read it, as a mounted Secret's.
        case ownerOrMounted
    }

    /// The content of a regular file of at most `bytesMax` bytes.
    ///
    /// Links are followed.
    public static func read(
        _ path: Text, bytesMax: Int, access: Access = .any
    ) throws(FileError) -> [UInt8] {
        // A pipe would make `open` wait without O_NONBLOCK; regular files do not know it.
        let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY, for: .open)
        let status = try file.status(of: path)
        guard status.kind == .file else { throw FileError(.read, path, .notAFile) }
        guard access.permits(status) else { throw FileError(.read, path, .exposed(mode: status.mode)) }
        guard status.bytes <= bytesMax else { throw FileError(.read, path, .tooLarge(bytesMax: bytesMax)) }
        return try file.readAll(of: path, bytesMax: bytesMax)
    }

    /// True when this process may make files in the directory `path`; false for anything else, or nothing.
    ///
    /// Follows links.
    public static func canMakeFiles(in path: Text) -> Bool {
        guard !path.isEmpty, !path.contains(0), (try? status(path))?.kind == .directory else { return false }
        return unsafe access(path.cString, W_OK | X_OK) == 0
    }

    /// Follows links.
    public static func status(_ path: Text) throws(FileError) -> FileStatus {
        guard !path.isEmpty, !path.contains(0) else { throw FileError(.status, path, .badName) }
        var status = stat()
        _ = try FileDescriptor.repeating(.status, path) { Int(unsafe stat(path.cString, &status)) }
        return FileStatus(status)
    }
}

extension Files.Access {
    fileprivate func permits(_ status: FileStatus) -> Bool {
        switch self {
        case .any: true
        case .ownerOnly: status.isPrivate
        case .ownerOrMounted: status.isPrivateOrMounted
        }
    }
}
