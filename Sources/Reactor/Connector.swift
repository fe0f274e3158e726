internal import NIOCore
internal import NIOPosix
internal import Primitives

/// Opens connections.
public enum Connector {
    /// Connects to `endpoint`; only on `loop`, where `done` is called once, later, with the connection or the
    /// reason why there is none.
    ///
    /// `done` answers with the connection's handler, which then misses nothing; without one the connection is
    /// aborted. `timeout` covers resolving the name too. A name is resolved off the loop, and its addresses
    /// are tried in turn (RFC 8305).
    public static func connect(
        to endpoint: Endpoint, on loop: Loop, timeout: Duration,
        _ done: @escaping (Result<Connection, ReactorError>) -> (any ConnectionHandler)?
    ) {
        precondition(loop.isCurrent, "a connection is opened on its own loop")
        let bootstrap = ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(TimeAmount(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Wire.install(on: channel, loop: loop, makeHandler: nil)
                }
            }
        let done = LoopBound(done, on: loop)
        start(bootstrap, to: endpoint).whenComplete { result in
            // A turn later, so that `done` is never called from inside `connect`.
            loop.execute { finish(result, endpoint, done.value) }
        }
    }

    private static func start(
        _ bootstrap: ClientBootstrap, to endpoint: Endpoint
    ) -> EventLoopFuture<any Channel> {
        switch endpoint {
        case .unix(let path): return bootstrap.connect(unixDomainSocketPath: path.string)
        case .tcp(let host, let port):
            guard let address = try? SocketAddress(ipAddress: host.string, port: port) else {
                return bootstrap.connect(host: host.string, port: port)
            }
            return bootstrap.connect(to: address)
        }
    }

    private static func finish(
        _ result: Result<any Channel, any Error>, _ endpoint: Endpoint,
        _ done: (Result<Connection, ReactorError>) -> (any ConnectionHandler)?
    ) {
        do {
            let connection = try result.get().pipeline.syncOperations.handler(type: Wire.self).connection
            connection.learnRemoteAddress()
            guard let handler = done(.success(connection)) else { return connection.abort() }
            connection.attach(handler)
        } catch {
            _ = done(.failure(ReactorError(error, about: endpoint.text)))
        }
    }
}
