internal import NIOCore

/// Brings what a channel reports to the connection's handler: in order, never while reading is paused, never
/// from inside a call that this connection makes into the channel.
///
/// SwiftNIO reads on to the peer's end in spite of a pause once that end has arrived, and drains a channel
/// whose write has failed. Such bytes are held here; there are never more than the kernel's receive buffer
/// had.
final class Delivery {
    enum Event {
        case bytes(ByteBuffer)
        case end
        case closed(ConnectionError?)
    }

    private let loop: Loop
    private var handler: (any ConnectionHandler)?
    private var held: [Event] = []
    private var callDepth = 0
    private var isDrainScheduled = false
    private var publishedWritability = true
    /// Changes not yet told: none, one, or one and back.
    ///
    /// Each is told, so that whoever saw `isWritable` turn false hears when it is true again, however soon.
    private var writabilityChanges: [Bool] = []
    private var endWasAnnounced = false
    private var discardsInput = false
    private(set) var isPaused = false

    init(_ loop: Loop) { self.loop = loop }

    var isAttached: Bool { handler != nil }

    func attach(_ handler: any ConnectionHandler) {
        self.handler = handler
        drain()
    }

    func pause() { isPaused = true }

    func resume() {
        isPaused = false
        drainLater()
    }

    /// Nothing more is received, not even what is held.
    func discardInput() {
        discardsInput = true
        held.removeAll { $0.isInput }
        drainLater()
    }

    func duringCall(_ call: () -> Void) {
        callDepth += 1
        call()
        callDepth -= 1
    }

    func report(_ event: Event) {
        if event.isInput && discardsInput { return }
        // Bad news does not wait for a handler that has stopped reading.
        if event.isFailure && isPaused { held.removeAll { $0.isInput } }
        if held.isEmpty && mayDeliver(event) { return deliver(event) }
        held.append(event.owned)
        if isDirect { announceEnd() } else { drainLater() }
    }

    func reportWritability(_ isWritable: Bool) {
        guard isWritable != (writabilityChanges.last ?? publishedWritability) else { return }
        if writabilityChanges.count == 2 {
            writabilityChanges.removeLast()
        } else {
            writabilityChanges.append(isWritable)
        }
        if isDirect { publishWritability() } else { drainLater() }
    }

    private var isDirect: Bool { handler != nil && callDepth == 0 }

    private func mayDeliver(_ event: Event) -> Bool { isDirect && !(isPaused && event.isInput) }

    private func deliver(_ event: Event) {
        switch event {
        case .bytes(let buffer): handler?.received(buffer.readableBytesSpan)
        case .end: handler?.receivedEnd()
        case .closed(let error):
            let last = handler
            handler = nil
            last?.closed(error)
        }
    }

    private func drainLater() {
        guard !isDrainScheduled, !held.isEmpty || !writabilityChanges.isEmpty else { return }
        isDrainScheduled = true
        loop.executeHere { [self] in
            isDrainScheduled = false
            drain()
        }
    }

    private func drain() {
        publishWritability()
        while let event = held.first, mayDeliver(event) {
            held.removeFirst()
            deliver(event)
        }
        announceEnd()
    }

    private func publishWritability() {
        while isDirect, !writabilityChanges.isEmpty {
            publishedWritability = writabilityChanges.removeFirst()
            handler?.writabilityChanged(publishedWritability)
        }
    }

    private func announceEnd() {
        guard isDirect, isPaused, !endWasAnnounced, held.contains(where: \.isEnd) else { return }
        endWasAnnounced = true
        handler?.peerHasEnded()
    }
}

extension Delivery.Event {
    fileprivate var isInput: Bool {
        switch self {
        case .bytes, .end: true
        case .closed: false
        }
    }

    fileprivate var isEnd: Bool {
        if case .end = self { true } else { false }
    }

    fileprivate var isFailure: Bool {
        if case .closed(.some) = self { true } else { false }
    }

    /// Without a hold on the loop's big buffer.
    fileprivate var owned: Self {
        guard case .bytes(let buffer) = self else { return self }
        var copy = ByteBufferAllocator().buffer(capacity: buffer.readableBytes)
        copy.writeImmutableBuffer(buffer)
        return .bytes(copy)
    }
}
