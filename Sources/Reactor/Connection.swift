internal import NIOCore
public import Primitives

/// One stream socket: bytes out by its methods, bytes in through its `ConnectionHandler`.
///
/// Used on its loop only. It holds its handler until `closed` has been told, then lets go of it.
///
/// ```
///          close()                    peer has ended, or a limit has passed
///  open ────────────▶ closing ───────────────────────────────▶ closed
///    │                   output drains, output ends,            ▲
///    │                   input is discarded (RFC 9112 §9.6)     │
///    └── both sides ended · abort() · an error ─────────────────┘
/// ```
public final class Connection {
    /// Above this much output not yet taken by the kernel, `isWritable` is false.
    public static let outputHighBytes = 64 * 1024
    /// Below this much it is true again.
    public static let outputLowBytes = 32 * 1024
    /// Output is gathered up to this much before it is handed to the channel.
    static let gatheredBytesMax = 64 * 1024
    /// After `close()`: how long the peer has to take the last output.
    public static let lastOutputTimeMax = Duration.seconds(30)
    /// After `close()` and the last output: how long the peer has to end its side.
    public static let lingerTimeMax = Duration.seconds(1)

    public let loop: Loop
    /// `127.0.0.1:1234`, `[::1]:1234` or `unix`.
    public private(set) var remoteAddress: Text

    let delivery: Delivery
    private var context: ChannelHandlerContext?
    private var phase = Phase.open
    private var output = ByteBuffer()
    private var hasUnflushed = false
    private var isFlushQueued = false
    private var inputHasEnded = false
    private var outputIsEnding = false
    private var outputHasEnded = false
    private var wasAborted = false
    private var failure: ConnectionError?
    private var closeTimer: Timer?

    private enum Phase { case open, closing, closed }

    init(loop: Loop, remoteAddress: Text) {
        self.loop = loop
        self.remoteAddress = remoteAddress
        delivery = Delivery(loop)
    }

    // MARK: Output

    /// Gathers `bytes`; they go out at the end of the loop's turn or with `flush()`.
    ///
    /// Nothing after a close.
    public func write(_ bytes: [UInt8]) { write(unsafe bytes.span.bytes) }

    /// Gathers `bytes`; they go out at the end of the loop's turn or with `flush()`.
    ///
    /// Nothing after a close.
    public func write(_ bytes: RawSpan) {
        guard phase == .open, !outputIsEnding, !bytes.isEmpty else { return }
        if output.capacity == 0 { output = loop.buffers.value.take() }
        output.writeBytes(bytes)
        if output.readableBytes >= Self.gatheredBytesMax { handOver() }
        guard !isFlushQueued else { return }
        isFlushQueued = true
        loop.flushAtEndOfTurn(self)
    }

    /// Hands what was written to the kernel now.
    public func flush() {
        guard hasUnflushed || output.readableBytes > 0 else { return }
        let last = output
        handOver()
        hasUnflushed = false
        call { $0.flush() }
        loop.buffers.value.give(last)
    }

    /// False while more than `outputHighBytes` wait for the peer, and after a close.
    public var isWritable: Bool { phase == .open && (context?.channel.isWritable ?? false) }

    /// Output that the kernel has not yet taken.
    public var bufferedBytes: Int {
        let options = phase == .closed ? nil : context?.channel.syncOptions
        return output.readableBytes + ((try? options?.getOption(.bufferedWritableBytes)) ?? 0)
    }

    private func handOver() {
        guard output.readableBytes > 0 else { return }
        let buffer = output
        output = ByteBuffer()
        hasUnflushed = true
        call { $0.write(NIOAny(buffer), promise: nil) }
    }

    func flushQueued() {
        isFlushQueued = false
        flush()
    }

    // MARK: Input

    /// Nothing is received until `resumeReading()`; the peer is stopped when its window is full.
    public func pauseReading() {
        guard phase == .open, !delivery.isPaused else { return }
        delivery.pause()
        setAutoRead(false)
    }

    /// What was held back is received from the next turn on.
    public func resumeReading() {
        guard delivery.isPaused else { return }
        delivery.resume()
        setAutoRead(true)
    }

    private func setAutoRead(_ isOn: Bool) {
        guard phase != .closed else { return }
        call { try? $0.channel.syncOptions?.setOption(.autoRead, value: isOn) }
    }

    // MARK: Closing

    /// Ends the output after what was written; input goes on.
    ///
    /// When the input has ended already, closes.
    public func closeOutput() {
        guard phase == .open, !outputIsEnding else { return }
        if inputHasEnded { return close() }
        flush()
        endOutput()
    }

    /// Ends the output after what was written, discards input until the peer ends too or `lingerTimeMax` has
    /// passed (so that no reset destroys the last output on its way), then closes.
    public func close() {
        delivery.discardInput()
        guard phase == .open else { return }
        flush()
        guard phase == .open else { return }
        phase = .closing
        closeTimer = loop.scheduleHere(after: Self.lastOutputTimeMax) { [weak self] in self?.abort() }
        if inputHasEnded { return closeAfterOutput() }
        if outputHasEnded { linger() }
        endOutput()
        setAutoRead(true)
    }

    /// Closes at once: what was written and not sent is dropped, and a TCP peer sees a reset, not an end.
    public func abort() {
        delivery.discardInput()
        guard phase != .closed else { return }
        phase = .closing
        wasAborted = true
        output = ByteBuffer()
        call { context in
            // Makes the kernel send a reset: an end would let the peer take what it has for all there is.
            _ = (context.channel as? any SocketOptionProvider)?
                .unsafeSetSocketOption(level: .socket, name: .so_linger, value: Linger(isOn: 1, seconds: 0))
        }
        closeNow()
    }

    private func endOutput() {
        guard !outputIsEnding else { return }
        outputIsEnding = true
        call { $0.close(mode: .output, promise: nil) }
    }

    /// The channel would drop what is unsent if its output were ended after its input.
    private func closeAfterOutput() {
        outputIsEnding = true
        call { context in
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.closeNow() }
            context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
        }
    }

    private func linger() {
        closeTimer?.cancel()
        closeTimer = loop.scheduleHere(after: Self.lingerTimeMax) { [weak self] in self?.closeNow() }
    }

    private func closeNow() {
        guard phase != .closed else { return }
        call { $0.close(mode: .all, promise: nil) }
    }

    private func call(_ body: (ChannelHandlerContext) -> Void) {
        guard let context else { return }
        delivery.duringCall { body(context) }
    }
}

/// The kernel's `struct linger`.
private struct Linger {
    let isOn, seconds: Int32
}

// MARK: What the channel reports

extension Connection {
    func opened(in context: ChannelHandlerContext) { self.context = context }

    func forgotten() { context = nil }

    /// Of a connection that was made before it was connected.
    func learnRemoteAddress() { remoteAddress = Text(context?.channel.remoteAddress) }

    func attach(_ handler: any ConnectionHandler) {
        delivery.attach(handler)
        if !delivery.isPaused { setAutoRead(true) }
    }

    func channelEndedInput() {
        inputHasEnded = true
        delivery.report(.end)
    }

    func channelEndedOutput() {
        outputHasEnded = true
        if phase == .closing { linger() }
    }

    func channelFailed(_ error: any Error) {
        failure = failure ?? ConnectionError(error)
        closeNow()
    }

    func channelClosed() {
        // The channel closes by itself, without a word, when the peer ends after us.
        let endedByPeer = phase == .open && outputHasEnded && failure == nil
        if endedByPeer && !inputHasEnded { channelEndedInput() }
        let error: ConnectionError? =
            if wasAborted {
                .aborted
            } else if phase == .closing || endedByPeer {
                nil
            } else {
                failure ?? .broken
            }
        phase = .closed
        closeTimer?.cancel()
        closeTimer = nil
        output = ByteBuffer()
        delivery.report(.closed(error))
    }
}
