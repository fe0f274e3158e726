internal import Crypto
internal import Enforcement
internal import HTTP
internal import Identity
internal import Primitives
internal import Reactor

/// One connection from an agent: mutual TLS, HTTP/1.1, one exchange at a time.
///
///     socket ─bytes→ TLSSession ─bytes→ HTTP1Server ─events→ Exchange
///
/// The peer is verified inside the handshake and is one `Peer` for the connection's life. The connection ends at the
/// peer's `notAfter`, after the response in flight (contract §1).
final class Downstream: ConnectionHandler {
    let loop: Loop
    private let socket: Connection
    private let site: Site
    private let pool: UpstreamPool
    private let tls: TLSSession
    private var http = HTTP1Server()
    private var caller: Caller?
    private var exchange: Exchange?
    private var isPumping = false
    private var pumpsAgain = false
    private var isClosing = false
    private var isClosed = false
    private var timer: Timer?
    private var armedFor: Timestamp = .distantFuture
    private var lastProgress: Timestamp
    /// When the request head now being read began; nil between requests.
    private var headSince: Timestamp?

    init(_ socket: Connection, site: Site, pool: UpstreamPool) {
        (self.socket, self.site, self.pool) = (socket, site, pool)
        loop = socket.loop
        lastProgress = site.clock.now.time
        headSince = lastProgress
        let verified = VerifiedPeer()
        tls = TLSSession(server: site.tls) { chain in verified.verify(chain, site: site) }
        self.verified = verified
        site.connections.add(self)
        arm()
    }

    private let verified: VerifiedPeer

    // MARK: ConnectionHandler

    func received(_ bytes: RawSpan) {
        guard !isClosing else { return }
        lastProgress = site.clock.now.time
        tls.receive(bytes)
        readTLS()
    }

    func receivedEnd() { if !isClosing { peerEnded() } }

    /// The agent closed while we were not reading: a call that waits has nobody to answer.
    func peerHasEnded() { if !isClosing { peerEnded() } }

    func writabilityChanged(_ isWritable: Bool) {
        guard isWritable else { return }
        lastProgress = site.clock.now.time
        exchange?.downstreamWritable()
        pump()
    }

    func closed(_ error: ConnectionError?) {
        guard !isClosed else { return }
        isClosed = true
        timer?.cancel()
        site.connections.remove(self)
        let exchange = self.exchange
        self.exchange = nil
        exchange?.callerLeft()
    }

    // MARK: TLS

    private func readTLS() {
        while !isClosing {
            switch tls.nextEvent() {
            case .needsInput: return pump()
            case .handshakeCompleted: guard accept() else { return }
            case .plaintext(let bytes):
                if headSince == nil, exchange == nil { headSince = lastProgress }
                http.receive(bytes)
            case .closed: return peerEnded()
            case .failed(let error):
                site.metrics.count(.handshakes, caller == nil ? "failed" : "broken")
                if caller == nil {
                    site.log.debug(
                        .handshakeRefused, verified.refusal ?? "\(error)",
                        ["source.address": "\(socket.remoteAddress)"])
                }
                flushTLS()
                return close()
            }
        }
    }

    private func accept() -> Bool {
        guard let peer = verified.peer else {
            flushTLS()
            close()
            return false
        }
        site.metrics.count(.handshakes, "ok")
        caller = Caller(peer: peer, source: socket.remoteAddress)
        headSince = nil
        arm()
        return true
    }

    /// The agent has closed its side.
    ///
    /// A caller that is waiting for an answer has gone (contract §5).
    private func peerEnded() {
        http.receiveEnd()
        pump()
        if !isClosing { close() }
    }

    // MARK: HTTP

    /// Takes what can be taken from the engine; called whenever something may have changed.
    func pump() {
        guard !isPumping else {
            pumpsAgain = true
            return
        }
        isPumping = true
        repeat {
            pumpsAgain = false
            readHTTP()
        } while pumpsAgain && !isClosing
        isPumping = false
        guard !isClosing, !isClosed else { return }
        if http.wantsInput, mayTake { socket.resumeReading() } else { socket.pauseReading() }
        flush()
        rearm()
    }

    /// False while the exchange cannot take more of the body, or while the agent does not read its answers.
    ///
    /// One that sends requests and reads nothing must not fill our memory with what it is owed.
    private var mayTake: Bool { !isClosing && !isClosed && (exchange?.wantsBody ?? socket.isWritable) }

    private func readHTTP() {
        do throws(HTTPError) {
            while mayTake, let event = try http.nextEvent() { take(event) }
        } catch {
            refuse(error)
        }
    }

    private func take(_ event: HTTPEvent) {
        switch event {
        case .request(let request): begin(request)
        case .body(let bytes): exchange?.received(bytes)
        case .end: exchange?.receivedEnd()
        case .response, .informational: preconditionFailure("an agent does not send responses")
        }
    }

    private func begin(_ request: HTTPRequest) {
        guard let caller else { preconditionFailure("nothing is read before the handshake") }
        headSince = nil
        if site.isDraining || caller.peer.notAfter <= site.clock.now.time { http.closeAfterResponse() }
        let exchange = Exchange(request, from: caller, over: self, site: site, pool: pool)
        self.exchange = exchange
        exchange.begin()
    }

    /// The bytes have no single meaning: one clear answer, then the connection ends.
    private func refuse(_ error: HTTPError) {
        if let exchange {
            self.exchange = nil
            exchange.callerLeft()
        }
        guard http.owesResponse else { return close() }
        if let caller { site.refusals.note("ambiguous-request", by: caller.peer.id, at: site.clock.now.time) }
        var random = site.random
        let id = CallID(at: site.clock.now.time, random: &random)
        let problem = Problem(.unreadable(error), for: .init(call: id), answering: .http, message: nil)
        site.metrics.request("http", decision: "ambiguous-request", code: problem.response.status)
        send(problem.response, body: problem.body)
    }

    // MARK: What an exchange sends

    func sendContinue() {
        http.sendContinue()
        flush()
    }

    /// A whole answer of our own.
    func send(_ response: HTTPResponse, body: [UInt8]) {
        http.send(response, body: .exactly(body.count))
        http.sendBody(body)
        sendEnd()
    }

    /// The head of the tool's answer.
    func send(_ response: HTTPResponse) {
        http.send(response, body: response.body)
    }

    func sendBody(_ bytes: [UInt8]) { http.sendBody(bytes) }

    /// Sends what there is of the answer, in one TLS record where it fits.
    ///
    /// False: wait for `downstreamWritable` before the next piece.
    func flushAnswer() -> Bool {
        flush()
        return socket.isWritable
    }

    func sendEnd() {
        exchange = nil
        if let notAfter = caller?.peer.notAfter, notAfter <= site.clock.now.time { http.closeAfterResponse() }
        http.sendEnd()
        flush()
        pump()
    }

    /// Cuts the connection: what was sent of the answer must not look whole.
    func abort() {
        exchange = nil
        isClosing = true
        socket.abort()
    }

    /// The end of a drain: whatever goes on here ends now, and its effect is recorded.
    func cut() {
        let left = exchange
        exchange = nil
        isClosing = true
        left?.callerLeft()
        socket.abort()
    }

    func closeAfterResponse() {
        http.closeAfterResponse()
        exchange?.drain()
        pump()
    }

    private func flush() {
        guard !isClosing, !isClosed else { return }
        let bytes = http.takeOutput()
        if !bytes.isEmpty { tls.send(bytes) }
        flushTLS()
        if http.shouldClose { close() }
    }

    private func flushTLS() {
        let bytes = tls.takeOutput()
        guard !bytes.isEmpty else { return }
        socket.write(bytes)
        socket.flush()
    }

    /// Says goodbye; the socket drops what still comes in for a moment, so that no reset takes the answer back.
    private func close() {
        guard !isClosing else { return }
        isClosing = true
        timer?.cancel()
        let left = exchange
        exchange = nil
        left?.callerLeft()
        if tls.isEstablished { tls.sendClose() }
        flushTLS()
        socket.close()
    }

    // MARK: Time

    private func arm() {
        timer?.cancel()
        let moment = deadline
        armedFor = moment
        timer = loop.scheduleHere(after: moment - site.clock.now.time) { [weak self] in self?.timedOut() }
    }

    /// A deadline that has come nearer needs a new timer; one that has moved away is looked at when the old one fires.
    private func rearm() {
        guard !isClosing, !isClosed else { return }
        // What is left over of, or has come before, a request must become one in time.
        if caller != nil, exchange == nil, headSince == nil, !http.isIdle { headSince = site.clock.now.time }
        if deadline < armedFor { arm() }
    }

    /// The next moment at which something is overdue.
    private var deadline: Timestamp {
        let limits = site.limits
        var deadline = lastProgress + limits.idleTimeout
        if let headSince { deadline = min(deadline, headSince + limits.headTimeout) }
        if http.isReadingBody, exchange?.wantsBody == true {
            deadline = min(deadline, lastProgress + limits.headTimeout)
        }
        if let caller, exchange == nil { deadline = min(deadline, caller.peer.notAfter) }
        return deadline
    }

    private func timedOut() {
        guard !isClosing, !isClosed else { return }
        let now = site.clock.now.time
        // A call that waits for people or for the tool has its own limits.
        let isWaiting = exchange != nil && !http.isReadingBody && socket.isWritable
        if now >= deadline, !isWaiting { return close() }
        if isWaiting { lastProgress = now }
        arm()
    }
}

/// The verdict of the handshake, kept for the connection.
private final class VerifiedPeer {
    private(set) var peer: Peer?
    private(set) var refusal: String?

    func verify(_ chain: [Certificate], site: Site) -> PeerVerdict {
        do throws(SVIDError) {
            peer = try X509SVID.peer(
                chain: chain, bundles: site.bundles, at: site.clock.now.time, role: .client)
            return .accepted
        } catch {
            refusal = "\(error)"
            return .refused(error.alert)
        }
    }
}
