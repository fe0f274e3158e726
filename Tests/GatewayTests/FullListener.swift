import Glibc
import Primitives
import Reactor

/// A port on which the kernel completes no more connections: nobody accepts, and the queue is full.
final class FullListener {
    private let socket: Int32
    private var waiting: [Int32] = []
    let endpoint: Endpoint

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = socket
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard unsafe bind(socket, $0, size) == 0, listen(socket, 0) == 0,
                    unsafe getsockname(socket, $0, &size) == 0
                else { preconditionFailure("a port of this host can be had") }
            }
        }
        endpoint = .tcp(host: "127.0.0.1", port: Int(UInt16(bigEndian: address.sin_port)))
        // The queue of one, and some that stand before it.
        for _ in 0..<4 {
            let client = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            unsafe withUnsafePointer(to: &address) { pointer in
                _ = unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(client, $0, size)
                }
            }
            waiting.append(client)
        }
    }

    deinit { for socket in waiting + [socket] { close(socket) } }
}
