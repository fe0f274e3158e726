import Enforcement
import HTTP
import Ledger
import Primitives
import TestKit

/// `UpstreamPool`, with connections that serve one request each.
final class SimulatedPool {
    static let waitingMax = 4

    private unowned let world: World
    private unowned let proxy: SimulatedProxy
    private var opened = 0
    private var opening = 0
    private var waiting: [SimulatedCall] = []

    init(_ world: World, _ proxy: SimulatedProxy) { (self.world, self.proxy) = (world, proxy) }

    var waitingCount: Int { waiting.count - opening }

    func lease(for call: SimulatedCall) {
        let mayOpen = opened < world.plan.connectionsMax
        guard mayOpen || waiting.count - opening < Self.waitingMax else { return call.upstreamFailed(.busy) }
        waiting.append(call)
        if mayOpen { open() }
    }

    func forget(_ call: SimulatedCall) { waiting.removeAll { $0 === call } }

    private func open() {
        opened += 1
        opening += 1
        let isRefused = world.random.chance(world.isCalm ? 0 : 40)
        world.scheduler.after(world.networkDelay, in: proxy.life) { [self] in
            opening -= 1
            guard isRefused else { return connected() }
            opened -= 1
            if !waiting.isEmpty { waiting.removeFirst().upstreamFailed(.refused) }
            serveNext()
        }
    }

    private func connected() {
        guard !waiting.isEmpty else { return closed() }
        let call = waiting.removeFirst()
        call.upstreamReady(SimulatedUpstream(world, self, proxy, for: call))
    }

    func closed() {
        opened -= 1
        serveNext()
    }

    private func serveNext() {
        guard waiting.count > opening, opened < world.plan.connectionsMax else { return }
        open()
    }
}

/// One connection to the tool: the real `HTTP1Client` on this end.
final class SimulatedUpstream {
    static let responseTimeout: Duration = .seconds(6)

    enum Failure { case refused, busy, brokeOff, badResponse, responseTimeout }

    private unowned let world: World
    private let pool: SimulatedPool
    private let proxy: SimulatedProxy
    private var call: SimulatedCall?
    private var http = HTTP1Client()
    private let toTool: Lane
    private let session: ToolSession
    private var alarm: Alarm?
    private var isClosed = false
    private var hasHead = false
    private(set) var hasSent = false

    init(_ world: World, _ pool: SimulatedPool, _ proxy: SimulatedProxy, for call: SimulatedCall) {
        (self.world, self.pool, self.proxy, self.call) = (world, pool, proxy, call)
        toTool = Lane(world.scheduler)
        session = ToolSession(world)
        session.proxySide = self
        watch()
    }

    private func watch() {
        alarm?.cancel()
        alarm = world.scheduler.after(Self.responseTimeout, in: proxy.life) { [self] in
            guard call != nil, !isClosed else { return }
            fail(hasHead ? .brokeOff : .responseTimeout)
            abort()
        }
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
        watch()
    }

    private func write() {
        let bytes = http.takeOutput()
        guard !bytes.isEmpty, !isClosed, !proxy.life.isOver else { return }
        world.observer.leaves(bytes, for: session)
        toTool.deliver(after: world.networkDelay) { [session] in session.received(bytes) }
    }

    func abandon() {
        call = nil
        abort()
    }

    func release() {
        call = nil
        abort()
    }

    func received(_ bytes: [UInt8]) {
        guard !isClosed, !proxy.life.isOver else { return }
        http.receive(bytes)
        drain()
    }

    func receivedEnd() {
        guard !isClosed, !proxy.life.isOver else { return }
        http.receiveEnd()
        drain()
        if !isClosed {
            fail(.brokeOff)
            abort()
        }
    }

    private func drain() {
        do throws(HTTPError) {
            while let call, let event = try http.nextEvent() {
                if case .response = event { hasHead = true }
                watch()
                if case .end = event {
                    self.call = nil
                    call.upstreamEvent(event)
                    abort()
                } else {
                    call.upstreamEvent(event)
                }
            }
        } catch {
            fail(error == .truncated || error == .closedBeforeResponse ? .brokeOff : .badResponse)
            abort()
        }
    }

    private func fail(_ failure: Failure) {
        let failed = call
        call = nil
        failed?.upstreamFailed(failure)
    }

    private func abort() {
        guard !isClosed else { return }
        isClosed = true
        alarm?.cancel()
        toTool.deliver(after: world.networkDelay) { [session] in session.proxyLeft() }
        pool.closed()
    }
}

extension SimulatedUpstream.Failure {
    var outcome: EffectRecord.Outcome {
        switch self {
        case .refused, .busy: .failed
        case .brokeOff, .badResponse, .responseTimeout: .unknown
        }
    }

    var denial: Denial {
        switch self {
        case .refused: .upstream(.connectionRefused)
        case .busy: .overloaded("too many calls wait for a connection to the tool")
        case .brokeOff: .upstream(.outcomeUnknown)
        case .badResponse: .upstream(.badResponse)
        case .responseTimeout: .upstream(.responseTimeout)
        }
    }
}
