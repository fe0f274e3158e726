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
        var responseTimeout: Duration
    }

    private let settings: Settings
    private let loop: Loop
    private var idle: [UpstreamConnection] = []
    private var opened = 0
    private var waiting: [any UpstreamUser] = []

    init(_ settings: Settings, on loop: Loop) { (self.settings, self.loop) = (settings, loop) }

    /// Calls `upstreamReady` or `upstreamFailed` of `user` on this loop, at once when a connection is idle.
    func lease(for user: any UpstreamUser) {
        while let connection = idle.popLast() {
            if connection.isUsable {
                connection.serve(user, timeout: settings.responseTimeout)
                return
            }
        }
        if opened < settings.connectionsMax {
            open(for: user)
        } else if waiting.count < settings.waitingMax {
            waiting.append(user)
        } else {
            user.upstreamFailed(.busy)
        }
    }

    /// The user left before it was served.
    func forget(_ user: any UpstreamUser) { waiting.removeAll { $0 === user } }

    private func open(for user: any UpstreamUser) {
        opened += 1
        Connector.connect(to: settings.endpoint, on: loop, timeout: settings.connectTimeout) {
            [self] result in
            switch result {
            case .success(let socket):
                let connection = UpstreamConnection(socket, pool: self)
                connection.serve(user, timeout: settings.responseTimeout)
                return connection
            case .failure(let error):
                opened -= 1
                user.upstreamFailed(error.isTimedOut ? .connectTimeout : .refused)
                serveNext()
                return nil
            }
        }
    }

    fileprivate func finished(_ connection: UpstreamConnection) {
        guard connection.isUsable else { return connection.close() }
        if waiting.isEmpty {
            idle.append(connection)
        } else {
            connection.serve(waiting.removeFirst(), timeout: settings.responseTimeout)
        }
    }

    fileprivate func closed(_ connection: UpstreamConnection) {
        opened -= 1
        idle.removeAll { $0 === connection }
        serveNext()
    }

    private func serveNext() {
        guard !waiting.isEmpty, opened < settings.connectionsMax else { return }
        open(for: waiting.removeFirst())
    }

    /// Closes what nobody uses; used ones close when their exchange ends.
    func closeIdle() {
        for connection in idle { connection.close() }
        idle = []
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
    private var user: (any UpstreamUser)?
    private var headTimer: Timer?
    private var isClosed = false
    private(set) var hasSent = false

    init(_ socket: Connection, pool: UpstreamPool) { (self.socket, self.pool) = (socket, pool) }

    var isUsable: Bool { !isClosed && user == nil && http.isReusable }
    var isWritable: Bool { socket.isWritable }

    func serve(_ user: any UpstreamUser, timeout: Duration) {
        self.user = user
        hasSent = false
        headTimer = socket.loop.scheduleHere(after: timeout) { [weak self] in self?.headTimedOut() }
        user.upstreamReady(self)
    }

    func send(_ head: HTTPRequestHead) {
        hasSent = true
        http.send(head)
        write()
    }

    func sendBody(_ bytes: [UInt8]) {
        http.sendBody(bytes)
        write()
    }

    func sendEnd() {
        http.sendEnd()
        write()
        socket.flush()
    }

    /// The user wants nothing more: what is unfinished cannot be used again.
    func abandon() {
        user = nil
        headTimer?.cancel()
        socket.abort()
    }

    /// The user needs it no longer and sent nothing on it.
    func release() {
        user = nil
        headTimer?.cancel()
        pool.finished(self)
    }

    func pauseReading() { socket.pauseReading() }
    func resumeReading() { socket.resumeReading() }
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
        fail(.brokeOff)
        pool.closed(self)
    }

    private func drain() {
        do throws(HTTPError) {
            while user != nil, let event = try http.nextEvent() {
                switch event {
                case .response:
                    headTimer?.cancel()
                    user?.upstreamEvent(event)
                case .end: finish(event)
                default: user?.upstreamEvent(event)
                }
            }
            // Bytes that no request asked for: the connection cannot be trusted with another.
            if user == nil, !isClosed, !http.isReusable { socket.close() }
        } catch {
            fail(error == .truncated ? .brokeOff : .badResponse)
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
        headTimer?.cancel()
        let failed = user
        user = nil
        failed?.upstreamFailed(failure)
    }

    private func headTimedOut() {
        guard user != nil else { return }
        fail(.responseTimeout)
        socket.abort()
    }
}

extension ReactorError {
    fileprivate var isTimedOut: Bool { if case .timedOut = self { true } else { false } }
}
