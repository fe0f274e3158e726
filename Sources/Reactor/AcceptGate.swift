internal import Glibc
internal import NIOCore
internal import Synchronization

/// Stops accepting while there are too many connections, or for a moment when the kernel has run out of
/// something.
///
/// A socket whose accept fails stays readable, so going on would keep its loop busy with failing.
final class AcceptGate: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    /// How long nothing is accepted after an accept that failed.
    static let pauseAfterFailure = TimeAmount.milliseconds(200)

    final class Gauge: Sendable {
        let connections = Atomic<Int>(0)
    }

    private let loop: Loop
    private let connectionsMax: Int
    private let gauge: Gauge
    private var connections = 0
    private var isRecovering = false

    init(on loop: Loop, connectionsMax: Int, _ gauge: Gauge) {
        self.loop = loop
        self.connectionsMax = connectionsMax
        self.gauge = gauge
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count(1, context)
        let closed = LoopBound({ self.count(-1, context) }, on: loop)
        unwrapInboundIn(data).closeFuture.whenComplete { [loop] _ in
            loop.execute { closed.value() }
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, Self.isPassing(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        guard !isRecovering else { return }
        isRecovering = true
        update(context)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pauseAfterFailure) {
            self.isRecovering = false
            self.update(context)
        }
    }

    private func count(_ change: Int, _ context: ChannelHandlerContext) {
        connections += change
        gauge.connections.store(connections, ordering: .relaxed)
        update(context)
    }

    private func update(_ context: ChannelHandlerContext) {
        let accepts = connections < connectionsMax && !isRecovering
        // Fails only when the listener is closed.
        try? context.channel.syncOptions?.setOption(.autoRead, value: accepts)
    }

    private static func isPassing(_ code: Int32) -> Bool {
        [ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code)
    }
}
