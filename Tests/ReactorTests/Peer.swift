import Glibc
import Primitives

/// A plain blocking socket, to be the other side of what is tested.
final class Peer {
    private var socket: Int32

    /// Connects to a port of this host; `bufferBytes` makes the receive window small.
    init(port: Int, bufferBytes: Int32? = nil) {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if let bufferBytes { set(SO_RCVBUF, bufferBytes) }
        unsafe withAddress(port: port) { address, size in
            guard unsafe connect(socket, address, size) == 0 else {
                preconditionFailure("connects: \(errno)")
            }
        }
        setTimeout()
    }

    init(path: Text) {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let socket = socket
        unsafe withAddress(path: path) { address, size in
            guard unsafe connect(socket, address, size) == 0 else {
                preconditionFailure("connects: \(errno)")
            }
        }
        setTimeout()
    }

    init(accepted: Int32) {
        socket = accepted
        setTimeout()
    }

    deinit { close() }

    /// False if the other side no longer takes it.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes {
                unsafe Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Up to `count` bytes; fewer at the end, after ten silent seconds or an error, which `lastError` then
    /// has.
    func receive(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < count {
            let wanted = min(buffer.count, count - bytes.count)
            let got = unsafe recv(socket, &buffer, wanted, 0)
            lastError = got < 0 ? errno : 0
            guard got > 0 else { break }
            bytes += buffer.prefix(got)
        }
        return bytes
    }

    private(set) var lastError: Int32 = 0

    func receiveToEnd() -> [UInt8] { receive(.max) }

    func endOutput() { shutdown(socket, Int32(SHUT_WR)) }

    func close() {
        if socket >= 0 { Glibc.close(socket) }
        socket = -1
    }

    /// Closes with a reset.
    func reset() {
        var value = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    private func set(_ option: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(socket, SOL_SOCKET, option, &value, 4)
    }

    private func setTimeout() {
        var time = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }
}

/// A plain listening socket on the loopback address.
final class PeerListener {
    private let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    private(set) var port = 0

    init(backlog: Int32 = 16) {
        let socket = socket
        unsafe withAddress(port: 0) { address, size in
            guard unsafe bind(socket, address, size) == 0, Glibc.listen(socket, backlog) == 0 else {
                preconditionFailure("listens")
            }
        }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            _ = unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(socket, $0, &size)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { Glibc.close(socket) }

    func accept() -> Peer { Peer(accepted: Glibc.accept(socket, nil, nil)) }
}

private func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Void) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

private func withAddress(path: Text, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Void) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.bytes) }
    unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
