internal import Dispatch
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The threads that do all work on sockets: one loop each.
public final class EventLoops: Sendable {
    public let loops: [Loop]
    let group: MultiThreadedEventLoopGroup
    private let turn = Atomic<Int>(0)
    private let life = Life()

    /// Starts `count` threads (at least one).
    public init(count: Int) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, count))
        let life = life
        loops = group.makeIterator().map { Loop($0, life) }
    }

    /// The loops in turn.
    public func next() -> Loop {
        let number = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return loops[Int(UInt(bitPattern: number) % UInt(loops.count))]
    }

    /// Closes every socket, ends the threads and waits for them.
    ///
    /// Not on a loop; calls after the first do nothing.
    public func shutdown() {
        precondition(!loops.contains { $0.isCurrent }, "a loop cannot wait for its own end")
        life.isEnding.store(true, ordering: .releasing)
        try? group.syncShutdownGracefully()
    }

    func loop(of eventLoop: any EventLoop) -> Loop {
        guard let loop = loops.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a connection is on one of its listener's loops")
        }
        return loop
    }
}

/// Whether loops still take work from elsewhere: SwiftNIO's do not like to be handed any when they have
/// ended.
final class Life: Sendable {
    let isEnding = Atomic<Bool>(false)
}

/// One thread that waits for sockets and timers, and runs what is handed to it, in order.
public final class Loop: Sendable {
    let eventLoop: any EventLoop
    let buffers: LoopBound<BufferPool>
    private let flushes: LoopBound<FlushQueue>
    private let life: Life

    init(_ eventLoop: any EventLoop, _ life: Life) {
        self.eventLoop = eventLoop
        self.life = life
        buffers = LoopBound(eventLoop: eventLoop, stored: nil) { BufferPool() }
        flushes = LoopBound(eventLoop: eventLoop, stored: nil) { FlushQueue() }
    }

    /// True on the loop's own thread.
    public var isCurrent: Bool { eventLoop.inEventLoop }

    /// Runs `work` on the loop, after what is running now.
    ///
    /// From any thread; dropped once the shutdown of the loops has begun.
    public func execute(_ work: @escaping @Sendable () -> Void) {
        guard isCurrent || !life.isEnding.load(ordering: .acquiring) else { return }
        eventLoop.execute(work)
    }

    /// Runs `work` on the loop after `delay`, unless the timer is cancelled.
    ///
    /// From any thread.
    @discardableResult
    public func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> Timer {
        let timer = Timer(work)
        timer.start(on: eventLoop, after: delay)
        return timer
    }

    /// Like `execute`, but only on this loop: so `work` may hold what must not leave it.
    public func executeHere(_ work: @escaping () -> Void) {
        eventLoop.preconditionInEventLoop()
        let bound = LoopBound(work, on: self)
        eventLoop.execute { bound.value() }
    }

    /// Like `schedule`, but only on this loop: so `work` may hold what must not leave it.
    ///
    /// Cancel it there too.
    @discardableResult
    public func scheduleHere(after delay: Duration, _ work: @escaping () -> Void) -> Timer {
        eventLoop.preconditionInEventLoop()
        let bound = LoopBound(work, on: self)
        return schedule(after: delay) { bound.value() }
    }

    /// Flushes what `connection` has gathered when this loop has heard all sockets of the turn.
    func flushAtEndOfTurn(_ connection: Connection) {
        let queue = flushes.value
        queue.connections.append(connection)
        guard queue.connections.count == 1 else { return }
        eventLoop.execute { [flushes] in flushes.value.flushAll() }
    }
}

/// The connections of one loop that have something to flush at the end of its turn.
private final class FlushQueue {
    var connections: [Connection] = []

    func flushAll() {
        let all = connections
        connections.removeAll(keepingCapacity: all.count <= Self.capacityKeptMax)
        for connection in all { connection.flushQueued() }
    }

    private static let capacityKeptMax = 1024
}
