internal import Glibc
internal import Primitives

/// The file of a listening Unix socket: made with its mode from the first moment, removed only while it is
/// ours.
struct UnixSocketFile: Sendable {
    let socket: Int32
    private let path: Text
    private let device: UInt64
    private let inode: UInt64

    /// Binds a new socket to `path`.
    ///
    /// A file that a dead process left is replaced; one somebody listens on is not.
    static func bind(_ path: Text, mode: UInt32, backlog: Int32) throws(ReactorError) -> UnixSocketFile {
        let address: Text = "unix://" + path
        let name: Text = path
        try removeStale(name, address)
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw ReactorError(Errno.latest, about: address) }
        do throws(ReactorError) {
            // The mode of an unbound socket becomes the mode of its file: there is no moment with another
            // one.
            guard fchmod(socket, mode) == 0 else { throw ReactorError(Errno.latest, about: address) }
            guard unsafe call(Glibc.bind, socket, name) == 0, Glibc.listen(socket, backlog) == 0 else {
                throw ReactorError(Errno.latest, about: address)
            }
            guard let status = status(of: name) else { throw ReactorError(Errno.latest, about: address) }
            return UnixSocketFile(
                socket: socket, path: name, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        } catch {
            Glibc.close(socket)
            throw error
        }
    }

    func listen(backlog: Int32) { _ = Glibc.listen(socket, backlog) }

    func remove() {
        guard let status = Self.status(of: path), UInt64(status.st_dev) == device,
            UInt64(status.st_ino) == inode
        else { return }
        _ = unsafe unlink(path.cString)
    }

    private static func removeStale(_ path: Text, _ address: Text) throws(ReactorError) {
        guard let status = status(of: path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .addressInUse(address) }
        let probe = Glibc.socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw ReactorError(Errno.latest, about: address) }
        defer { Glibc.close(probe) }
        guard unsafe call(Glibc.connect, probe, path) != 0, errno == ECONNREFUSED else {
            throw .addressInUse(address)
        }
        guard unsafe unlink(path.cString) == 0 else { throw ReactorError(Errno.latest, about: address) }
    }

    private static func status(of path: Text) -> stat? {
        var status = stat()
        return unsafe lstat(path.cString, &status) == 0 ? status : nil
    }

    /// `bind` or `connect` with the address of `path`.
    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ socket: Int32, _ path: Text
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return -1
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe function(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
