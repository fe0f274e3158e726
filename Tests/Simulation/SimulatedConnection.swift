import Enforcement
import HTTP
import Identity
import Primitives

/// `Downstream` without TLS and sockets: the real `HTTP1Server` between a link and a call.
final class SimulatedConnection {
    static let headTimeout: Duration = .seconds(15)

    private unowned let world: World
    let proxy: SimulatedProxy
    private let link: Link
    private let peer: Peer
    private let source: Text
    let loop: Lane
    private var http = HTTP1Server()
    private var call: SimulatedCall?
    private var isPumping = false
    private var pumpsAgain = false
    private var isClosing = false
    private var alarm: Alarm?

    init(_ world: World, _ proxy: SimulatedProxy, _ link: Link, _ peer: Peer, source: Text, on loop: Lane) {
        (self.world, self.proxy, self.link, self.peer) = (world, proxy, link, peer)
        (self.source, self.loop) = (source, loop)
        arm()
    }

    var isOpen: Bool { !isClosing }

    func received(_ bytes: [UInt8]) {
        guard !isClosing, !proxy.life.isOver else { return }
        arm()
        http.receive(bytes)
        pump()
    }

    func peerEnded() {
        guard !isClosing, !proxy.life.isOver else { return }
        http.receiveEnd()
        pump()
        close()
    }

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
        flush()
    }

    private func readHTTP() {
        do throws(HTTPError) {
            while !isClosing, call?.wantsBody ?? true, let event = try http.nextEvent() { take(event) }
        } catch {
            refuse(error)
        }
    }

    private func take(_ event: HTTPEvent) {
        switch event {
        case .request(let request):
            if proxy.isDraining { http.closeAfterResponse() }
            let call = SimulatedCall(
                world, request, from: Caller(peer: peer, source: source), over: self)
            self.call = call
            call.begin()
        case .body(let bytes): call?.received(bytes)
        case .end: call?.receivedEnd()
        case .response, .informational: preconditionFailure("an agent does not send responses")
        }
    }

    private func refuse(_ error: HTTPError) {
        if let call {
            self.call = nil
            call.callerLeft()
        }
        guard http.owesResponse else { return close() }
        proxy.refusals.note("ambiguous-request", by: peer.id, at: proxy.clock.now.time)
        let problem = Problem(
            .unreadable(error), for: .init(call: world.newID(at: proxy.clock.now.time)), answering: .http,
            message: nil)
        send(problem.response, body: problem.body)
    }

    // MARK: What a call sends

    func send(_ response: HTTPResponse, body: [UInt8]) {
        http.send(response, body: .exactly(body.count))
        http.sendBody(body)
        sendEnd()
    }

    func send(_ response: HTTPResponse) { http.send(response, body: response.body) }
    func sendBody(_ bytes: [UInt8]) { http.sendBody(bytes) }
    func sendContinue() {
        http.sendContinue()
        flush()
    }

    func sendEnd() {
        call = nil
        http.sendEnd()
        flush()
        pump()
    }

    func abort() {
        call = nil
        end()
        link.reset()
    }

    /// The end of a drain.
    func cut() {
        guard !isClosing else { return }
        let left = call
        call = nil
        end()
        left?.callerLeft()
        link.reset()
    }

    func drain() {
        guard !isClosing else { return }
        http.closeAfterResponse()
        call?.drain()
        pump()
    }

    func flush() {
        guard !isClosing, !proxy.life.isOver else { return }
        let bytes = http.takeOutput()
        if !bytes.isEmpty {
            link.answer(bytes)
            if world.defect == .answersTwice { link.answer(bytes) }
        }
        if http.shouldClose { close() }
    }

    private func close() {
        guard !isClosing else { return }
        let left = call
        call = nil
        end()
        left?.callerLeft()
        link.reset()
    }

    private func end() {
        isClosing = true
        alarm?.cancel()
        proxy.closed(self)
    }

    /// A request that does not become whole in time.
    private func arm() {
        alarm?.cancel()
        alarm = world.scheduler.after(Self.headTimeout, in: proxy.life) { [self] in
            let isSlow = call == nil || (http.isReadingBody && call?.wantsBody == true)
            if isSlow { close() }
        }
    }
}
