internal import Enforcement
internal import HTTP
internal import Primitives
internal import Reactor

/// Connections to the tool, one pool a loop: an exchange never leaves its loop, so nothing here is locked.
///
/// A connection serves one request at a time and is used again when both sides allow it. A request is sent on a
/// connection once; after its first byte was written it is never sent again (contract §3).
final class UpstreamPool {
    struct Settings: Sendable {
        var endpoint: Endpoint
        /// Connections of one loop.
        var connectionsMax: Int
        /// Requests of one loop that may wait for a connection.
        var waitingMax = 1_024
        var connectTimeout: Duration
        /// From the end of the request to the head of the response, and between two pieces of either.
        var responseTimeout: Duration
    }

    private let settings: Settings
    private let loop: Loop
    private let clock: SystemClock
    private var idle: [UpstreamConnection] = []
    private var opened = 0
    /// Of `opened`, those that are not connected yet: each will serve whoever then waits first.
    private var opening = 0
    private var waiting: [any UpstreamUser] = []
    private var isServing = false

    init(_ settings: Settings, on loop: Loop, clock: SystemClock) {
        (self.settings, self.loop, self.clock) = (settings, loop, clock)
    }

    /// Calls `upstreamReady` or `upstreamFailed` of `user` on this loop, at once when a connection is idle; neither
    /// once the user is forgotten.
    func lease(for user: any UpstreamUser) {
        while let connection = idle.popLast() {
            if connection.isUsable {
                connection.serve(user, settings)
                return
            }
        }
        let mayOpen = opened < settings.connectionsMax
        guard mayOpen || waiting.count - opening < settings.waitingMax else {
            return user.upstreamFailed(.busy)
        }
        waiting.append(user)
        if mayOpen { open() }
    }

    /// The user left before it was served.
    func forget(_ user: any UpstreamUser) { waiting.removeAll { $0 === user } }

    /// Nobody's connection until it stands: who asked for it may have left, or been served by another, by then.
    private func open() {
        opened += 1
        opening += 1
        Connector.connect(to: settings.endpoint, on: loop, timeout: settings.connectTimeout) {
            [self] result in
            opening -= 1
            switch result {
            case .success(let socket):
                let connection = UpstreamConnection(socket, pool: self, clock: clock)
                idle.append(connection)
                serveWaiting()
                return connection
            case .failure(let error):
                opened -= 1
                if !waiting.isEmpty {
                    waiting.removeFirst().upstreamFailed(error.isTimedOut ? .connectTimeout : .refused)
                }
                serveNext()
                return nil
            }
        }
    }

    fileprivate func finished(_ connection: UpstreamConnection) {
        guard connection.isUsable else { return connection.close() }
        idle.append(connection)
        serveWaiting()
    }

    /// In a loop of its own: a user that is served may give its connection back at once.
    private func serveWaiting() {
        guard !isServing else { return }
        isServing = true
        while !waiting.isEmpty, let connection = idle.popLast() {
            guard connection.isUsable else { continue }
            connection.serve(waiting.removeFirst(), settings)
        }
        isServing = false
    }

    fileprivate func closed(_ connection: UpstreamConnection) {
        opened -= 1
        idle.removeAll { $0 === connection }
        serveNext()
    }

    private func serveNext() {
        guard waiting.count > opening, opened < settings.connectionsMax else { return }
        open()
    }
}

/// Who sends one request and reads its response.
///
/// Called on the pool's loop.
protocol UpstreamUser: AnyObject {
    func upstreamReady(_ connection: UpstreamConnection)
    func upstreamFailed(_ failure: UpstreamFailure)
    func upstreamEvent(_ event: HTTPEvent)
    /// The connection accepts more of the request body.
    func upstreamWritable()
    /// Everything that had come was told: what was made of it may go on its way.
    func upstreamDrained()
}

enum UpstreamFailure {
    /// No connection could be had: nothing was sent.
    case refused, connectTimeout, busy
    /// The request, or part of it, was sent.
    case brokeOff, badResponse, responseTimeout
}

/// One connection to the tool, driving one HTTP/1.1 client engine.
final class UpstreamConnection: ConnectionHandler {
    private let socket: Connection
    private var http = HTTP1Client()
    private let pool: UpstreamPool
    private let clock: SystemClock
    private var user: (any UpstreamUser)?
    private var timer: Timer?
    private var patience: Duration = .zero
    private var overdue: Timestamp = .distantFuture
    private var isPaused = false
    private var hasHead = false
    private var isClosed = false
    private(set) var hasSent = false

    init(_ socket: Connection, pool: UpstreamPool, clock: SystemClock) {
        (self.socket, self.pool, self.clock) = (socket, pool, clock)
    }

    var isUsable: Bool { !isClosed && user == nil && http.isReusable }
    var isWritable: Bool { socket.isWritable }

    fileprivate func serve(_ user: any UpstreamUser, _ settings: UpstreamPool.Settings) {
        self.user = user
        (hasSent, hasHead, isPaused) = (false, false, false)
        patience = settings.responseTimeout
        watch()
        user.upstreamReady(self)
    }

    /// The tool has shown a sign of life, or was given something to do: it has its time again.
    ///
    /// One timer serves many requests: it looks at `overdue` when it fires and sleeps on for what is left.
    private func watch() {
        overdue = clock.now.time + patience
        if timer?.isPending != true { arm(for: patience) }
    }

    private func arm(for wait: Duration) {
        timer = socket.loop.scheduleHere(after: wait) { [weak self] in self?.timerFired() }
    }

    func send(_ head: HTTPRequestHead) {
        hasSent = true
        http.send(head)
        write()
    }

    func sendBody(_ bytes: [UInt8]) {
        http.sendBody(bytes)
        write()
        watch()
    }

    func sendEnd() {
        http.sendEnd()
        write()
        socket.flush()
        watch()
    }

    /// The user wants nothing more: what is unfinished cannot be used again.
    func abandon() {
        user = nil
        socket.abort()
    }

    /// The user needs it no longer and sent nothing on it.
    func release() {
        user = nil
        pool.finished(self)
    }

    /// The caller takes no more for now: its slowness is not the tool's.
    func pauseReading() {
        isPaused = true
        socket.pauseReading()
    }

    func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        watch()
        socket.resumeReading()
    }
    func close() { socket.close() }
    func flush() { socket.flush() }

    private func write() {
        let bytes = http.takeOutput()
        if !bytes.isEmpty { socket.write(bytes) }
    }

    func received(_ bytes: RawSpan) {
        http.receive(bytes.copied)
        drain()
    }

    func receivedEnd() {
        http.receiveEnd()
        drain()
        if user == nil { socket.close() }
    }

    func writabilityChanged(_ isWritable: Bool) { if isWritable { user?.upstreamWritable() } }

    func closed(_ error: ConnectionError?) {
        isClosed = true
        timer?.cancel()
        fail(.brokeOff)
        pool.closed(self)
    }

    private func drain() {
        do throws(HTTPError) {
            while user != nil, let event = try http.nextEvent() {
                switch event {
                case .response:
                    hasHead = true
                    watch()
                    user?.upstreamEvent(event)
                case .end: finish(event)
                case .body:
                    watch()
                    user?.upstreamEvent(event)
                case .request, .informational: user?.upstreamEvent(event)
                }
            }
            user?.upstreamDrained()
            // Bytes that no request asked for: the connection cannot be trusted with another.
            if user == nil, !isClosed, !http.isReusable { socket.close() }
        } catch {
            fail(error == .truncated || error == .closedBeforeResponse ? .brokeOff : .badResponse)
            socket.abort()
        }
    }

    private func finish(_ event: HTTPEvent) {
        let done = user
        user = nil
        done?.upstreamEvent(event)
        pool.finished(self)
    }

    private func fail(_ failure: UpstreamFailure) {
        let failed = user
        user = nil
        failed?.upstreamFailed(failure)
    }

    private func timerFired() {
        guard user != nil, !isClosed else { return }
        // A caller that reads slowly has limits of its own.
        if isPaused { return watch() }
        let left = overdue - clock.now.time
        guard left <= .zero else { return arm(for: left) }
        fail(hasHead ? .brokeOff : .responseTimeout)
        socket.abort()
    }
}

extension ReactorError {
    fileprivate var isTimedOut: Bool { if case .timedOut = self { true } else { false } }
}
