internal import Glibc

/// What the kernel says about a file.
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Sendable { case file, directory, other }

    public let kind: Kind
    public let bytes: Int
    /// The permission bits, `0o600` for example.
    public let mode: UInt32
    public let owner: UInt32
    /// These two name the file itself, whatever its path.
    public let device, inode: UInt64
    /// When the content last changed, in nanoseconds since 1970.
    public let modifiedNanoseconds: Int64

    /// True when nobody but this process's user (and the superuser) may read or write it.
    public var isPrivate: Bool { mode & 0o077 == 0 && (owner == geteuid() || owner == 0) }

    /// Like `isPrivate`; its group too may read a file of the superuser.
    ///
    /// So does Kubernetes mount a Secret for a process that is not root: mode 0440, and the process in the group.
    public var isPrivateOrMounted: Bool { isPrivate(to: geteuid()) }

    func isPrivate(to user: UInt32) -> Bool {
        let others = mode & 0o077
        guard owner == 0, user != 0 else { return others == 0 && (owner == user || owner == 0) }
        return others == 0 || others == 0o040
    }

    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            default: .other
            }
        bytes = Int(status.st_size)
        mode = status.st_mode & 0o7777
        owner = status.st_uid
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        modifiedNanoseconds = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }
}
