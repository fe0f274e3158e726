internal import Glibc
internal import NIOCore
internal import NIOPosix
public import Primitives
internal import Synchronization

/// A socket that accepts connections and spreads them over the loops; each stays on its loop.
public final class Listener: Sendable {
    private let channel: any Channel
    private let gauge: AcceptGate.Gauge
    private let socketFile: UnixSocketFile?

    private init(_ channel: any Channel, _ gauge: AcceptGate.Gauge, _ socketFile: UnixSocketFile?) {
        self.channel = channel
        self.gauge = gauge
        self.socketFile = socketFile
    }

    /// Listens on `host:port`, `[ipv6]:port` or `unix:///path` until `close()`.
    ///
    /// Blocks until done; not on a loop.
    ///
    /// With `connectionsMax` connections open, no more are accepted until one has closed: further ones wait
    /// in the kernel's queue of `backlog`. The same, for a moment, when the process has no file descriptors
    /// left.
    ///
    /// A Unix socket's file is made with `unixMode`, replaces one that nobody listens on, and is removed by
    /// `close()`. `makeHandler` is called on the connection's loop, before anything is read.
    public static func bind(
        _ address: Text, on loops: EventLoops, backlog: Int, connectionsMax: Int, unixMode: UInt32 = 0o600,
        makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler
    ) throws(ReactorError) -> Listener {
        guard let endpoint = Endpoint(listen: address) else { throw .badAddress(address) }
        let gauge = AcceptGate.Gauge()
        let backlog = Int32(clamping: max(1, backlog))
        let loop = loops.next()
        let bootstrap = ServerBootstrap(group: loop.eventLoop, childGroup: loops.group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let gate = AcceptGate(on: loop, connectionsMax: max(1, connectionsMax), gauge)
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if case .tcp = endpoint {
                        try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
                    }
                    let loop = loops.loop(of: channel.eventLoop)
                    try Wire.install(on: channel, loop: loop, makeHandler: makeHandler)
                }
            }
        switch endpoint {
        case .tcp(let host, let port):
            let channel = try opened(address) {
                let socketAddress = try SocketAddress.makeAddressResolvingHost(host.string, port: port)
                return bootstrap.bind(to: socketAddress)
            }
            return Listener(channel, gauge, nil)
        case .unix(let path):
            let file = try UnixSocketFile.bind(path, mode: unixMode, backlog: backlog)
            let channel = try opened(address) { bootstrap.withBoundSocket(file.socket) }
            file.listen(backlog: backlog)
            return Listener(channel, gauge, file)
        }
    }

    private static func opened(
        _ address: Text, _ open: () throws -> EventLoopFuture<any Channel>
    ) throws(ReactorError) -> any Channel {
        do {
            return try open().wait()
        } catch {
            throw ReactorError(error, about: address)
        }
    }

    /// The port listened on; 0 for a Unix socket and after `close()`.
    public var port: Int { channel.localAddress?.port ?? 0 }

    /// How many accepted connections are open.
    public var connectionCount: Int { gauge.connections.load(ordering: .relaxed) }

    /// Accepts no more; open connections go on.
    ///
    /// From any thread, any number of times.
    public func close() {
        channel.close(promise: nil)
        socketFile?.remove()
    }
}
