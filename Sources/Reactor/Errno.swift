internal import Glibc

/// What the kernel answered when a call failed: a number with the name people search for.
public struct Errno: Hashable, Sendable {
    public let code: Int32

    public init(code: Int32) { self.code = code }

    /// The error of the call that has just failed on this thread.
    static var latest: Errno { Errno(code: errno) }

    private static let names: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", EBADF: "EBADF", EAGAIN: "EAGAIN",
        ENOMEM: "ENOMEM", EACCES: "EACCES", EBUSY: "EBUSY", EEXIST: "EEXIST", ENOTDIR: "ENOTDIR",
        EISDIR: "EISDIR", EINVAL: "EINVAL", ENFILE: "ENFILE", EMFILE: "EMFILE", EFBIG: "EFBIG",
        ENOSPC: "ENOSPC", EROFS: "EROFS", EPIPE: "EPIPE", ENAMETOOLONG: "ENAMETOOLONG", ELOOP: "ELOOP",
        ENOTEMPTY: "ENOTEMPTY", EDQUOT: "EDQUOT", ENXIO: "ENXIO", EADDRINUSE: "EADDRINUSE",
        EADDRNOTAVAIL: "EADDRNOTAVAIL", ENETUNREACH: "ENETUNREACH", EHOSTUNREACH: "EHOSTUNREACH",
        ENETDOWN: "ENETDOWN", EHOSTDOWN: "EHOSTDOWN", ECONNABORTED: "ECONNABORTED", ECONNRESET: "ECONNRESET",
        ECONNREFUSED: "ECONNREFUSED", ENOTCONN: "ENOTCONN", ETIMEDOUT: "ETIMEDOUT", ENOBUFS: "ENOBUFS",
        EAFNOSUPPORT: "EAFNOSUPPORT", ESTALE: "ESTALE",
    ]
}

extension Errno: CustomStringConvertible {
    public var description: String { Self.names[code] ?? "errno \(code)" }
}
