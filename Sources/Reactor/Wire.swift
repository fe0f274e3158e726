internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Primitives

/// The one channel handler of a connection: brings its events, and nothing else, from SwiftNIO to the
/// connection.
final class Wire: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let connection: Connection
    private let makeHandler: ((Connection) -> any ConnectionHandler)?

    private init(_ connection: Connection, makeHandler: ((Connection) -> any ConnectionHandler)?) {
        self.connection = connection
        self.makeHandler = makeHandler
    }

    /// On the channel's loop, before it is active.
    ///
    /// Without `makeHandler`, nothing is read until one is attached.
    static func install(
        on channel: any Channel, loop: Loop, makeHandler: ((Connection) -> any ConnectionHandler)?
    ) throws {
        if let options = channel.syncOptions {
            try options.setOption(.allowRemoteHalfClosure, value: true)
            try options.setOption(.maxMessagesPerRead, value: 1)
            try options.setOption(.recvAllocator, value: ReadBufferAllocator(loop))
            let marks = ChannelOptions.Types.WriteBufferWaterMark(
                low: Connection.outputLowBytes, high: Connection.outputHighBytes)
            try options.setOption(.writeBufferWaterMark, value: marks)
            if makeHandler == nil { try options.setOption(.autoRead, value: false) }
        }
        let connection = Connection(loop: loop, remoteAddress: Text(channel.remoteAddress))
        try channel.pipeline.syncOperations.addHandler(Wire(connection, makeHandler: makeHandler))
    }

    func handlerAdded(context: ChannelHandlerContext) { connection.opened(in: context) }

    func handlerRemoved(context: ChannelHandlerContext) { connection.forgotten() }

    func channelActive(context: ChannelHandlerContext) {
        guard let makeHandler else { return }
        connection.attach(makeHandler(connection))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        connection.delivery.report(.bytes(buffer))
        connection.loop.buffers.value.give(buffer)
    }

    func channelReadComplete(context: ChannelHandlerContext) { connection.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        connection.delivery.reportWritability(context.channel.isWritable)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event as? ChannelEvent {
        case .inputClosed: connection.channelEndedInput()
        case .outputClosed: connection.channelEndedOutput()
        case nil: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.channelFailed(error) }

    func channelInactive(context: ChannelHandlerContext) { connection.channelClosed() }
}

extension Text {
    init(_ address: SocketAddress?) {
        switch address {
        case .v4: self.init("\(address?.ipAddress ?? ""):\(address?.port ?? 0)")
        case .v6: self.init("[\(address?.ipAddress ?? "")]:\(address?.port ?? 0)")
        case .unixDomainSocket: self = "unix"
        case nil: self = "unknown"
        }
    }
}

extension ConnectionError {
    init(_ error: any Error) {
        guard let error = error as? IOError else {
            self = .broken
            return
        }
        switch error.errnoCode {
        case ECONNRESET, EPIPE: self = .reset
        case ETIMEDOUT: self = .timedOut
        default: self = .system(Errno(code: error.errnoCode))
        }
    }
}
