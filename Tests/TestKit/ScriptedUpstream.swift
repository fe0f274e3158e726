public import Primitives
public import Reactor
import Synchronization

/// A tool on the loopback address that does what the test says and remembers every byte it was sent.
public final class ScriptedUpstream: Sendable {
    private let listener: Listener
    private let memory: UpstreamMemory

    /// Answers every request with `fallback` unless a script says otherwise.
    ///
    /// With `reads: false` it accepts connections and takes nothing until `startReading()`. Not on a loop.
    public init(
        on loops: EventLoops, fallback: UpstreamAnswer = .respond(), reads: Bool = true
    ) throws(ReactorError) {
        let memory = UpstreamMemory(fallback: fallback, reads: reads)
        self.memory = memory
        listener = try Listener.bind("127.0.0.1:0", on: loops, backlog: 64, connectionsMax: 10_000) {
            connection in
            ScriptedConnection(connection, memory)
        }
    }

    public var port: Int { listener.port }
    /// For `upstream.url` in a configuration: `http://127.0.0.1:1234`.
    public var url: Text { Text("http://127.0.0.1:\(port)") }
    public var endpoint: Endpoint {
        guard let endpoint = Endpoint(url: url) else { preconditionFailure("`\(url)` is an endpoint") }
        return endpoint
    }

    /// The next requests get these answers, one each, in the order their heads come.
    public func script(_ answers: UpstreamAnswer...) { memory.script(answers) }

    /// Every request that has no script gets this from now on.
    public func answerAll(_ answer: UpstreamAnswer) { memory.setFallback(answer) }

    /// Every request of which a byte has come, in order; look at `isComplete`.
    public var requests: [RecordedRequest] { memory.requests }

    /// Waits until that many requests have come whole.
    public func hasReceived(_ count: Int, within limit: Duration = .seconds(10)) -> Bool {
        eventually(within: limit) { memory.requests.count(where: \.isComplete) >= count }
    }

    /// Bytes of all requests together.
    public var receivedBytes: Int { memory.requests.reduce(0) { $0 + $1.bytes.count } }
    /// Bytes of `fill` steps that were handed to a socket.
    public var filledBytes: Int { memory.filledBytes }
    /// Since the start.
    public var connectionsAccepted: Int { memory.connectionsAccepted }
    public var connectionsOpen: Int { listener.connectionCount }

    /// Begins to take what connections, old and new, have sent.
    public func startReading() { memory.startReading() }

    /// Accepts no more; open connections go on.
    public func close() { listener.close() }

    /// Resets every open connection.
    public func resetConnections() { memory.forEach { $0.perform(.reset) } }
}

/// What all connections of one scripted tool share.
final class UpstreamMemory: Sendable {
    private struct Open {
        let loop: Loop
        let connection: LoopBound<ScriptedConnection>
    }

    private struct State {
        var script: [UpstreamAnswer] = []
        var fallback: UpstreamAnswer
        var reads: Bool
        var requests: [RecordedRequest] = []
        var filledBytes = 0
        var connectionsAccepted = 0
        var open: [Int: Open] = [:]
    }

    private let state: Mutex<State>

    init(fallback: UpstreamAnswer, reads: Bool) { state = Mutex(State(fallback: fallback, reads: reads)) }

    var requests: [RecordedRequest] { state.withLock { $0.requests } }
    var filledBytes: Int { state.withLock { $0.filledBytes } }
    var connectionsAccepted: Int { state.withLock { $0.connectionsAccepted } }
    var reads: Bool { state.withLock { $0.reads } }

    func script(_ answers: [UpstreamAnswer]) { state.withLock { $0.script += answers } }
    func setFallback(_ answer: UpstreamAnswer) { state.withLock { $0.fallback = answer } }
    func addFilled(_ count: Int) { state.withLock { $0.filledBytes += count } }

    func nextAnswer() -> UpstreamAnswer {
        state.withLock { $0.script.isEmpty ? $0.fallback : $0.script.removeFirst() }
    }

    func accept() -> Int {
        state.withLock { state in
            state.connectionsAccepted += 1
            return state.connectionsAccepted
        }
    }

    func opened(_ number: Int, _ loop: Loop, _ connection: LoopBound<ScriptedConnection>) {
        state.withLock { $0.open[number] = Open(loop: loop, connection: connection) }
    }

    func closed(_ number: Int) { _ = state.withLock { $0.open.removeValue(forKey: number) } }

    /// The place of a request that begins.
    func begin(connection: Int) -> Int {
        state.withLock { state in
            state.requests.append(RecordedRequest(connection: connection))
            return state.requests.count - 1
        }
    }

    func extend(_ place: Int, by bytes: ArraySlice<UInt8>, headCount: Int?, _ isComplete: Bool) {
        state.withLock { state in
            state.requests[place].bytes += bytes
            state.requests[place].headCount = headCount
            state.requests[place].isComplete = isComplete
        }
    }

    func startReading() {
        state.withLock { $0.reads = true }
        forEach { $0.perform(.startReading) }
    }

    func forEach(_ body: @escaping @Sendable (ScriptedConnection) -> Void) {
        for open in state.withLock({ Array($0.open.values) }) {
            open.loop.execute { body(open.connection.value) }
        }
    }
}
