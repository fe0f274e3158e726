import Approvals
import Crypto
import Enforcement
import Gateway
import HTTP
import Identity
import Ledger
import Policies
import Primitives
import Tokens

/// `Exchange` without sockets and metrics: the same events for the real engines, in the same order.
///
/// Drives `Enforcer` and `CallMachine`. Whatever is changed there has to be changed here.
final class SimulatedCall {
    private static let holdLimit: Duration = .seconds(25)

    private unowned let world: World
    private let proxy: SimulatedProxy
    private let connection: SimulatedConnection
    private let caller: Caller
    private let request: HTTPRequest
    let id: CallID

    private var open: OpenCall?
    private var judged: JudgedCall?
    private var decision: Decision?
    private var machine: CallMachine?
    private var body: [UInt8] = []
    private var isAnswered = false
    private var callerIsHere = true
    private var hold: Hold?
    private var release: PendingRelease?
    private var approvers: [Text] = []
    private var permit: Permit?
    private var receipt: Receipt?
    private var leaseTimer: Alarm?
    private var delivery: Delivery?

    private struct Hold {
        let place: SimulatedDesk.Place
        var timer: Alarm?
        var early: DeskVerdict?
    }

    private final class Delivery {
        let connection: SimulatedUpstream
        let since: Timestamp
        var status: Int?
        var digest: SHA256Stream? = SHA256Stream()

        init(_ connection: SimulatedUpstream, since: Timestamp) {
            (self.connection, self.since) = (connection, since)
        }
    }

    init(_ world: World, _ request: HTTPRequest, from caller: Caller, over connection: SimulatedConnection) {
        (self.world, self.request, self.caller, self.connection) = (world, request, caller, connection)
        proxy = connection.proxy
        id = world.newID(at: proxy.clock.now.time)
        world.register(id, request)
    }

    private func tell(_ what: @autoclosure () -> String) { world.tell("call \(world.name(id))", what()) }

    // MARK: The request

    func begin() {
        do throws(Denial) {
            if proxy.isDraining { throw .unavailable(.draining) }
            let open = try proxy.enforcer.open(
                request, from: caller, as: id, under: proxy.rules, at: proxy.clock.now)
            self.open = open
            if open.inspectsBody {
                if request.expectsContinue { connection.sendContinue() }
            } else {
                judge(nil)
            }
        } catch {
            refuse(error)
        }
    }

    var wantsBody: Bool {
        if delivery != nil, isStreaming { return true }
        return isAnswered || open?.inspectsBody == true
    }

    private var isStreaming: Bool { open?.inspectsBody == false }

    func received(_ bytes: [UInt8]) {
        if isStreaming {
            delivery?.connection.sendBody(bytes)
            return
        }
        guard !isAnswered else { return }
        body += bytes
    }

    func receivedEnd() {
        if isStreaming {
            delivery?.connection.sendEnd()
        } else if !isAnswered {
            judge(body)
        }
    }

    private func judge(_ body: [UInt8]?) {
        guard let open else { return }
        do throws(Denial) {
            let admission = try proxy.enforcer.admit(
                open, body: body, under: proxy.rules, at: proxy.clock.now)
            switch consume admission {
            case .permitted(let permit, let judged, let decision):
                start(CallMachine(permitting: permit), judged, decision)
            case .held(let redemption, let judged, let decision):
                start(CallMachine(holding: redemption), judged, decision)
            case .refused(let denial, let judged, let decision):
                start(CallMachine(refusing: denial), judged, decision)
            }
        } catch {
            refuse(error)
        }
    }

    private func start(_ machine: consuming CallMachine, _ judged: JudgedCall, _ decision: Decision) {
        (self.judged, self.decision) = (judged, decision)
        tell("judged: \(decision.effect)")
        let action = machine.start()
        self.machine = consume machine
        perform(action)
    }

    // MARK: The machine

    private func perform(_ action: consuming CallAction) {
        switch consume action {
        case .record(let record): append(record)
        case .place: place()
        case .wait: wait()
        case .release(let approval): tryRelease(approval)
        case .forward(let permit, let receipt): forward(permit, receipt)
        case .answer(let denial): answer(denial)
        case .end: break
        }
    }

    private func append(_ record: CallRecord) {
        guard let judged, let decision else { preconditionFailure("a call is judged before it is recorded") }
        var entries: [Entry] = []
        switch record {
        case .allow: entries.append(Records.decision(.allow, judged, decision, approval: nil))
        case .deny(let slug):
            entries.append(Records.decision(.deny, judged, decision, approval: nil, message: Text(slug)))
        case .hold(let approval):
            entries.append(Records.decision(.hold, judged, decision, approval: approval))
            if let requested = hold?.place.requested { entries.append(requested) }
        case .release(let approval):
            entries.append(
                Records.release(
                    judged, approval: approval, approvers: approvers, revision: Text(proxy.rules.revision.hex)
                ))
        case .cancelled: entries.append(EffectRecord(call: id, .cancelled).entry)
        }
        let asks = hold?.place.requested != nil
        if world.defect == .forwardsBeforeDurable, record == .allow, let stale = proxy.ledger.staleReceipt {
            proxy.ledger.append(entries, on: connection.loop) { _ in }
            return appended(record, stale, asks: asks)
        }
        proxy.ledger.append(entries, on: connection.loop) { [self] receipt in
            let careless = world.defect == .forwardsUnrecorded ? proxy.ledger.staleReceipt : nil
            appended(record, receipt ?? careless, asks: asks)
        }
    }

    private func appended(_ record: CallRecord, _ receipt: Receipt?, asks: Bool) {
        tell("\(record) \(receipt == nil ? "could not be recorded" : "is recorded")")
        if let release = release.take() { proxy.desk.finishRelease(release, isDurable: receipt != nil) }
        if case .hold(let approval) = record, asks {
            proxy.desk.recorded(approval, isDurable: receipt != nil)
        }
        guard let receipt else {
            endHold()
            // Nobody waits for this one: it is tried again, like every other effect.
            if record == .cancelled { proxy.ledger.note([EffectRecord(call: id, .cancelled).entry]) }
            return perform(take { $0.recordFailed() })
        }
        let isHere = callerIsHere
        perform(take { $0.recorded(receipt, callerIsHere: isHere) })
    }

    private func take(_ event: (inout CallMachine) -> CallAction) -> CallAction {
        guard var machine = self.machine.take() else {
            preconditionFailure("a call has its machine once it is judged")
        }
        let action = event(&machine)
        self.machine = consume machine
        return action
    }

    // MARK: People

    private func place() {
        guard let judged, let decision else { preconditionFailure("a call is judged before it is held") }
        do throws(Denial) {
            let place = try proxy.desk.place(judged, decision, reading: proxy.rules.headersRead) {
                [self] verdict in
                connection.loop.deliver(after: world.microseconds(1...300), in: proxy.life) { [self] in
                    decided(verdict)
                }
            }
            tell("waits at approval \(world.name(place.approval))")
            hold = Hold(place: place, early: place.isApproved ? .approved : nil)
            perform(take { $0.placed(at: place.approval) })
        } catch {
            perform(take { $0.refusedPlace(error) })
        }
    }

    private func wait() {
        if proxy.isDraining { return decided(.over) }
        hold?.timer = world.scheduler.after(Self.holdLimit, in: proxy.life) { [self] in decided(.over) }
        if let early = hold?.early { decided(early) }
    }

    private func decided(_ verdict: DeskVerdict) {
        guard machine?.isHeld == true else {
            hold?.early = verdict
            return
        }
        tell("hears \(verdict)")
        switch verdict {
        case .approved: perform(take { $0.approved() })
        case .denied: conclude(.denied)
        case .expired: conclude(.expired)
        case .superseded: conclude(.superseded)
        case .over: conclude(.over)
        }
    }

    private func conclude(_ verdict: HoldVerdict) {
        endHold()
        perform(take { $0.ended(by: verdict) ?? .end })
    }

    private func endHold() {
        guard let hold else { return }
        hold.timer?.cancel()
        proxy.desk.callEnded(id)
        self.hold = nil
    }

    private func tryRelease(_ approval: CallID) {
        guard let judged, let token = judged.token else { preconditionFailure("a held call has a token") }
        let now = proxy.clock.now
        if world.defect == .releasesAtFirstReview { return perform(take { $0.releaseGranted(at: now.time) }) }
        if let denial = proxy.refusal(of: caller, token, at: now.time) { return conclude(.refused(denial)) }
        let again = proxy.rules.decide(judged.accessRequest(at: now.time, reading: proxy.rules.headersRead))
        if again.effect == .deny {
            return conclude(.refused(.policy(rule: again.rule, reason: again.reason)))
        }
        switch proxy.desk.beginRelease(of: approval, by: id, under: again) {
        case .release(let pending):
            approvers = pending.reviews.map(\.person)
            release = consume pending
            hold?.timer?.cancel()
            perform(take { $0.releaseGranted(at: now.time) })
        case .pendingAgain: tell("has to be approved again")
        case .gone(let reason): decided(reason.verdict)
        }
    }

    // MARK: The tool

    private func forward(_ permit: consuming Permit, _ receipt: Receipt) {
        endHold()
        self.permit = consume permit
        self.receipt = receipt
        proxy.pool.lease(for: self)
        guard self.permit != nil else { return }
        leaseTimer = world.scheduler.after(Permit.lifetime, in: proxy.life) { [self] in leaseTimedOut() }
    }

    private func leaseTimedOut() {
        guard permit != nil else { return }
        permit = nil
        proxy.pool.forget(self)
        finish(.cancelled, status: nil)
        answer(.overloaded("no connection to the tool became free in time"))
    }

    private func deliver(on upstream: SimulatedUpstream) {
        let now = proxy.clock.now.time
        guard let permit = permit.take(), receipt != nil, let open else {
            preconditionFailure("only a permitted and recorded call is delivered")
        }
        let stale: Denial? = permit.isFresh(at: now) ? nil : .unavailable(.ledger)
        if let denial = proxy.refusal(of: caller, open.token, at: now) ?? stale {
            upstream.release()
            finish(.cancelled, status: nil)
            return answer(denial)
        }
        leaseTimer?.cancel()
        delivery = Delivery(upstream, since: now)
        let length: BodyLength =
            open.inspectsBody && request.body != .none ? .exactly(body.count) : request.body
        upstream.send(
            HTTPRequestHead(
                method: request.method, target: request.target,
                fields: ForwardedRequest.fields(for: open, proxy.forward, random: &world.random), body: length
            ))
        if open.inspectsBody {
            if world.defect == .changesBodies, body.count > 1 { body.swapAt(0, body.count - 1) }
            if !body.isEmpty { upstream.sendBody(body) }
            body = []
            upstream.sendEnd()
        } else {
            if request.expectsContinue { connection.sendContinue() }
            connection.pump()
        }
    }

    private func finish(_ outcome: EffectRecord.Outcome, status: Int?) {
        let delivery = self.delivery
        self.delivery = nil
        tell("effect: \(outcome.rawValue)")
        if world.defect == .losesEffects { return }
        let entry = EffectRecord(
            call: id, outcome, status: status, duration: delivery.map { proxy.clock.now.time - $0.since },
            responseDigest: outcome == .completed ? delivery?.digest.take()?.finish() : nil
        ).entry
        proxy.ledger.note(world.defect == .recordsEffectsTwice ? [entry, entry] : [entry])
    }

    // MARK: The answer

    private func refuse(_ denial: Denial) {
        proxy.refusals.note(denial.slug, by: caller.peer.id, at: proxy.clock.now.time)
        answer(denial)
    }

    private func answer(_ denial: Denial) {
        guard !isAnswered, callerIsHere else { return }
        isAnswered = true
        tell("answer: \(denial.slug)")
        world.observer.answers(id, denial.slug)
        let problem = Problem(denial, for: .init(call: id), answering: .http, message: nil)
        body = []
        connection.send(problem.response, body: problem.body)
    }

    func callerLeft() {
        callerIsHere = false
        endHold()
        if machine != nil {
            _ = take { machine in
                machine.callerLeft()
                return .end
            }
        }
        if let delivery {
            delivery.connection.abandon()
            finish(delivery.connection.hasSent ? .unknown : .cancelled, status: delivery.status)
        } else if permit != nil {
            permit = nil
            leaseTimer?.cancel()
            proxy.pool.forget(self)
            finish(.cancelled, status: nil)
        }
    }

    func drain() { if machine?.isHeld == true { decided(.over) } }
}

extension SimulatedCall {
    func upstreamReady(_ upstream: SimulatedUpstream) {
        guard permit != nil else { return upstream.release() }
        deliver(on: upstream)
    }

    func upstreamEvent(_ event: HTTPEvent) {
        switch event {
        case .request: preconditionFailure("a tool does not send requests")
        case .informational: break
        case .response(let response):
            delivery?.status = response.status
            judged = nil
            isAnswered = true
            connection.send(response)
        case .body(let bytes):
            delivery?.digest?.update(bytes)
            connection.sendBody(bytes)
        case .end:
            finish(.completed, status: delivery?.status)
            connection.sendEnd()
        }
    }

    func upstreamFailed(_ failure: SimulatedUpstream.Failure) {
        guard permit != nil || delivery != nil else { return }
        permit = nil
        leaseTimer?.cancel()
        finish(failure.outcome, status: delivery?.status)
        if isAnswered {
            connection.abort()
        } else {
            answer(failure.denial)
        }
    }
}

extension GoneReason {
    fileprivate var verdict: DeskVerdict {
        switch self {
        case .denied, .cancelled: .denied
        case .expired, .consumed, .unknown: .expired
        case .superseded: .superseded
        }
    }
}
