internal import Glibc
public import Primitives

// Where a path leads, for rules about what must not lie inside what.
extension Files {
    /// More names than this in a path are not followed.
    private static let namesMax = 256

    /// The path without links, `.` and `..`; what is not there yet is taken as written.
    public static func resolved(_ path: Text) throws(FileError) -> Text {
        guard !path.isEmpty, !path.contains(0) else { throw FileError(.status, path, .badName) }
        var rest = path.hasPrefix("/") ? path : Text("./") + path
        var missing: [Text] = []
        while missing.count < namesMax {
            if let real = existing(rest) { return try joined(real, missing.reversed(), path) }
            guard Errno.latest.code == ENOENT else { throw FileError(.status, path, .system(.latest)) }
            guard let slash = rest.bytes.lastIndex(of: 0x2F) else { break }
            missing.append(rest.dropFirst(slash + 1))
            rest = slash == 0 ? "/" : rest.prefix(slash)
        }
        throw FileError(.status, path, .badName)
    }

    /// True when `path` is `directory` or lies in it, by whatever name or link either is called.
    public static func isInside(_ directory: Text, _ path: Text) throws(FileError) -> Bool {
        let outer = try resolved(directory)
        let identity = identity(outer)
        var inner = try resolved(path)
        while true {
            if inner == outer { return true }
            // Two mounts of one directory have different names.
            if let identity, identity == self.identity(inner) { return true }
            guard inner != "/", let slash = inner.bytes.lastIndex(of: 0x2F) else { return false }
            inner = slash == 0 ? "/" : inner.prefix(slash)
        }
    }

    private static func identity(_ path: Text) -> [UInt64]? {
        guard let status = try? Files.status(path) else { return nil }
        return [status.device, status.inode]
    }

    private static func existing(_ path: Text) -> Text? {
        guard let found = unsafe realpath(path.cString, nil) else { return nil }
        defer { unsafe free(found) }
        return unsafe Text(Array(UnsafeRawBufferPointer(start: found, count: strlen(found))))
    }

    /// A `..` behind a name that does not exist cannot be followed.
    private static func joined(
        _ real: Text, _ missing: [Text], _ path: Text
    ) throws(FileError) -> Text {
        guard !missing.contains("..") else { throw FileError(.status, path, .badName) }
        let names = missing.filter { !$0.isEmpty && $0 != "." }
        return names.reduce(real) { $0 == "/" ? $0 + $1 : $0 + "/" + $1 }
    }
}
