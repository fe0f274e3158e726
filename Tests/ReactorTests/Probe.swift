import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

/// What a connection told its handler, for a test to read from its own thread.
final class Record: Sendable {
    struct Heard: Sendable {
        var bytes: [UInt8] = []
        var receivedCalls = 0
        var ends = 0
        var earlyEnds = 0
        var writability: [Bool] = []
        var closes: [ConnectionError?] = []
        var loop: Loop?
        var connection: LoopBound<Connection>?
    }

    private let heard = Mutex(Heard())

    var now: Heard { heard.withLock { $0 } }

    func note(_ change: (inout Heard) -> Void) { heard.withLock { change(&$0) } }

    /// Does something with the connection on its loop, and waits for it.
    func onLoop(_ work: @escaping @Sendable (Connection) -> Void) {
        guard let loop = now.loop, let connection = now.connection else {
            Issue.record("there is a connection")
            return
        }
        let done = Flag()
        loop.execute {
            work(connection.value)
            done.raise()
        }
        #expect(eventually { done.isRaised })
    }
}

/// A handler that records everything and does what the test says.
final class Probe: ConnectionHandler {
    struct Actions: Sendable {
        var opened: @Sendable (Connection) -> Void = { _ in }
        var received: @Sendable (Connection, [UInt8]) -> Void = { _, _ in }
        var ended: @Sendable (Connection) -> Void = { _ in }
        var writable: @Sendable (Connection, Bool) -> Void = { _, _ in }
        var closed: @Sendable () -> Void = {}
    }

    private let connection: Connection
    private let record: Record
    private let actions: Actions

    init(_ connection: Connection, _ record: Record, _ actions: Actions = Actions()) {
        self.connection = connection
        self.record = record
        self.actions = actions
        let bound = LoopBound(connection, on: connection.loop)
        record.note { heard in
            heard.loop = connection.loop
            heard.connection = bound
        }
        actions.opened(connection)
    }

    func received(_ bytes: RawSpan) {
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        record.note { heard in
            heard.bytes += copy
            heard.receivedCalls += 1
        }
        actions.received(connection, copy)
    }

    func receivedEnd() {
        record.note { $0.ends += 1 }
        actions.ended(connection)
    }

    func peerHasEnded() { record.note { $0.earlyEnds += 1 } }

    func writabilityChanged(_ isWritable: Bool) {
        record.note { $0.writability.append(isWritable) }
        actions.writable(connection, isWritable)
    }

    func closed(_ error: ConnectionError?) {
        record.note { heard in
            heard.closes.append(error)
            heard.connection = nil
        }
        actions.closed()
    }
}

final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)
    var isRaised: Bool { raised.load(ordering: .acquiring) }
    func raise() { raised.store(true, ordering: .releasing) }
}

/// Waits until `condition` holds; false if it does not within ten seconds.
@discardableResult
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<5_000 {
        if condition() { return true }
        usleep(2_000)
    }
    return condition()
}

/// Runs `body` with loops that are shut down afterwards.
func withLoops(_ count: Int = 1, _ body: (EventLoops) throws -> Void) rethrows {
    let loops = EventLoops(count: count)
    defer { loops.shutdown() }
    try body(loops)
}

/// A listener on the loopback address whose connections all report to one record.
func listen(
    _ loops: EventLoops, _ record: Record, connectionsMax: Int = 100, _ actions: Probe.Actions = .init()
) throws -> Listener {
    try Listener.bind("127.0.0.1:0", on: loops, backlog: 64, connectionsMax: connectionsMax) {
        Probe($0, record, actions)
    }
}

/// Bytes that tell where they belong.
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

/// A directory that is removed with all its files.
func withDirectory(_ body: (Text) throws -> Void) throws {
    var name = Array("/tmp/reactor-tests-XXXXXX".utf8.map { CChar(bitPattern: $0) }) + [0]
    try #require(unsafe mkdtemp(&name) != nil)
    let path = Text(name.dropLast().map { UInt8(bitPattern: $0) })
    defer {
        if let directory = try? Directory(path), let names = try? directory.names() {
            for name in names { try? directory.remove(name) }
        }
        _ = unsafe rmdir(path.string)
    }
    try body(path)
}
