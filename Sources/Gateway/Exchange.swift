internal import Approvals
internal import Crypto
internal import Enforcement
internal import HTTP
internal import Identity
internal import Ledger
internal import Policies
internal import Primitives
internal import Reactor
internal import Tokens

/// One request and its answer: drives a `CallMachine` with what the loop, the ledger, people and the tool say.
///
/// Lives on one loop from the request's head to the last byte of its answer. Everything it does to the outside is one
/// of `CallAction`'s cases; everything it decides was decided by `Enforcer` and the machine.
final class Exchange {
    private let site: Site
    private let loop: Loop
    private let pool: UpstreamPool
    private let downstream: Downstream
    private let caller: Caller
    private let request: HTTPRequest
    private let id: CallID
    private let startedAt: Timestamp

    private var open: OpenCall?
    private var judged: JudgedCall?
    private var decision: Decision?
    private var machine: CallMachine?
    private var body: [UInt8] = []
    private var bodyIsWhole = false
    private var isAnswered = false
    private var callerIsHere = true
    private var hold: Hold?
    private var release: PendingRelease?
    private var approvers: [Text] = []
    private var permit: Permit?
    private var receipt: Receipt?
    private var leaseTimer: Timer?
    private var delivery: Delivery?

    /// A call that waits for people.
    private struct Hold {
        let place: ApprovalDesk.Place
        let since: Timestamp
        var timer: Timer?
        /// What was decided before the hold itself was durable.
        var early: DeskVerdict?
    }

    /// A call that is with the tool.
    private final class Delivery {
        let connection: UpstreamConnection
        let since: Timestamp
        var status: Int?
        var digest: SHA256Stream? = SHA256Stream()

        init(_ connection: UpstreamConnection, since: Timestamp) {
            (self.connection, self.since) = (connection, since)
        }
    }

    init(
        _ request: HTTPRequest, from caller: Caller, over downstream: Downstream, site: Site,
        pool: UpstreamPool
    ) {
        self.site = site
        self.pool = pool
        self.downstream = downstream
        self.caller = caller
        self.request = request
        loop = downstream.loop
        startedAt = site.clock.now.time
        var random = site.random
        id = CallID(at: startedAt, random: &random)
    }

    // MARK: The request

    func begin() {
        do throws(Denial) {
            if site.isDraining { throw .unavailable(.draining) }
            let open = try site.enforcer.open(
                request, from: caller, as: id, under: site.rules.current, at: site.clock.now)
            self.open = open
            if open.token != nil { site.metrics.count(.tokenVerifications, "ok") }
            if open.inspectsBody {
                if request.expectsContinue { downstream.sendContinue() }
            } else {
                judge(nil)
            }
        } catch {
            refuse(error)
        }
    }

    /// True when the next piece of the request body may be handed in.
    ///
    /// What streams to the tool goes on doing so after an early answer: both ends would hang otherwise.
    var wantsBody: Bool {
        if let delivery, isStreaming { return delivery.connection.isWritable }
        return isAnswered || open?.inspectsBody == true
    }

    private var isStreaming: Bool { open?.inspectsBody == false }

    func received(_ bytes: [UInt8]) {
        if isStreaming {
            delivery?.connection.sendBody(bytes)
            return
        }
        guard !isAnswered else { return }
        let limit = site.enforcer.inspectedBodyMax
        guard body.count + bytes.count <= limit else { return refuse(.bodyTooLarge(limit: limit)) }
        body += bytes
    }

    func receivedEnd() {
        bodyIsWhole = true
        if isStreaming {
            delivery?.connection.sendEnd()
        } else if !isAnswered {
            judge(body)
        }
    }

    private func judge(_ body: [UInt8]?) {
        guard let open else { return }
        let now = site.clock.now
        do throws(Denial) {
            let rules = site.rules.current
            let admission = try site.enforcer.admit(open, body: body, under: rules, at: now)
            site.metrics.observe(.decision, site.clock.now.time - now.time)
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
        for match in decision.shadow { site.metrics.count(.shadowMatches, "\(match.effect)") }
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
                    judged, approval: approval, approvers: approvers,
                    revision: Text(site.rules.current.revision.hex)))
        case .cancelled: entries.append(EffectRecord(call: id, .cancelled).entry)
        }
        let bound = LoopBound(self, on: loop)
        let asks = hold?.place.requested != nil
        site.ledger.append(entries, on: loop) { receipt in bound.value.appended(record, receipt, asks: asks) }
    }

    /// - Parameter asks: the record asked people for a new approval.
    private func appended(_ record: CallRecord, _ receipt: Receipt?, asks: Bool) {
        if let release = release.take() { site.desk.finishRelease(release, isDurable: receipt != nil) }
        if case .hold(let approval) = record, asks { site.desk.recorded(approval, isDurable: receipt != nil) }
        guard let receipt else {
            endHold()
            // Nobody waits for this one: it is tried again as every other effect.
            if record == .cancelled { site.ledger.note([EffectRecord(call: id, .cancelled).entry]) }
            return perform(take { $0.recordFailed() })
        }
        if case .hold(let approval) = record, asks, let judged, let decision {
            site.desk.announce(approval, judged, decision)
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
        let bound = LoopBound(self, on: loop)
        let loop = loop
        do throws(Denial) {
            let place = try site.desk.place(judged, decision, reading: site.rules.current.headersRead) {
                verdict in
                loop.execute { bound.value.decided(verdict) }
            }
            hold = Hold(place: place, since: site.clock.now.time, early: place.isApproved ? .approved : nil)
            perform(take { $0.placed(at: place.approval) })
        } catch {
            perform(take { $0.refusedPlace(error) })
        }
    }

    /// From the moment the hold is durable; never past the peer's SVID (contract §5).
    private func wait() {
        // A drain that began while the hold was being recorded did not find it held.
        if site.isDraining { return decided(.over) }
        let now = site.clock.now.time
        let until = min(now + holdLimit, caller.peer.notAfter)
        hold?.timer = loop.scheduleHere(after: until - now) { [weak self] in self?.decided(.over) }
        if let early = hold?.early { decided(early) }
    }

    /// `Prefer: wait=N` (RFC 7240 §4.3) lowers the time a caller is willing to wait.
    private var holdLimit: Duration {
        var limit = site.limits.hold
        for preference in request.fields.values("prefer").flatMap({ $0.split(on: 0x2C) }) {
            let text = preference.trimmed
            guard text.lowercased.hasPrefix("wait="), let seconds = Decimal(text.dropFirst(5).bytes)?.int64
            else { continue }
            if (0...3600).contains(seconds) { limit = min(limit, .seconds(seconds)) }
        }
        return limit
    }

    private func decided(_ verdict: DeskVerdict) {
        guard machine?.isHeld == true else {
            hold?.early = verdict
            return
        }
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
        site.metrics.observe(.hold, site.clock.now.time - hold.since)
        site.desk.callEnded(id)
        self.hold = nil
    }

    /// The agent is checked again and the current rules are evaluated with the approval granted (contract §5).
    private func tryRelease(_ approval: CallID) {
        guard let judged, let token = judged.token else { preconditionFailure("a held call has a token") }
        let now = site.clock.now
        if let denial = site.refusal(of: caller, token, at: now.time) { return conclude(.refused(denial)) }
        let rules = site.rules.current
        let again = rules.decide(judged.accessRequest(at: now.time, reading: rules.headersRead))
        if again.effect == .deny {
            return conclude(.refused(.policy(rule: again.rule, reason: again.reason)))
        }
        switch site.desk.beginRelease(of: approval, by: id, under: again) {
        case .release(let pending):
            approvers = pending.reviews.map(\.person)
            release = consume pending
            hold?.timer?.cancel()
            perform(take { $0.releaseGranted(at: now.time) })
        case .pendingAgain: break
        case .gone(let reason): decided(reason.verdict)
        }
    }

    // MARK: The tool

    private func forward(_ permit: consuming Permit, _ receipt: Receipt) {
        endHold()
        self.permit = consume permit
        self.receipt = receipt
        // A permit that has found no connection in its lifetime is void (contract §1).
        pool.lease(for: self)
        guard self.permit != nil else { return }
        leaseTimer = loop.scheduleHere(after: Permit.lifetime) { [weak self] in self?.leaseTimedOut() }
    }

    private func leaseTimedOut() {
        guard permit != nil else { return }
        permit = nil
        pool.forget(self)
        finish(.cancelled, status: nil)
        answer(.overloaded("no connection to the tool became free in time"))
    }

    private func deliver(on connection: UpstreamConnection) {
        let now = site.clock.now.time
        guard let permit = permit.take(), receipt != nil, let open else {
            preconditionFailure("only a permitted and recorded call is delivered")
        }
        // The last look, in the turn that writes the first byte (contract §1).
        let stale: Denial? = permit.isFresh(at: now) ? nil : .unavailable(.ledger)
        if let denial = site.refusal(of: caller, open.token, at: now) ?? stale {
            connection.release()
            finish(.cancelled, status: nil)
            return answer(denial)
        }
        leaseTimer?.cancel()
        delivery = Delivery(connection, since: now)
        var random = site.random
        let length: BodyLength =
            open.inspectsBody && request.body != .none ? .exactly(body.count) : request.body
        connection.send(
            HTTPRequestHead(
                method: request.method, target: request.target,
                fields: ForwardedRequest.fields(for: open, site.forward, random: &random), body: length))
        if open.inspectsBody {
            if !body.isEmpty { connection.sendBody(body) }
            body = []
            connection.sendEnd()
        } else {
            connection.flush()
            if request.expectsContinue { downstream.sendContinue() }
            downstream.pump()
        }
    }

    private func respond(_ response: HTTPResponse) {
        delivery?.status = response.status
        judged = nil
        isAnswered = true
        downstream.send(response)
    }

    /// The effect record: what became of a call that was permitted.
    private func finish(_ outcome: EffectRecord.Outcome, status: Int?) {
        let delivery = self.delivery
        self.delivery = nil
        let now = site.clock.now.time
        if let delivery { site.metrics.observe(.upstream, now - delivery.since) }
        site.ledger.note([
            EffectRecord(
                call: id, outcome, status: status, duration: delivery.map { now - $0.since },
                responseDigest: outcome == .completed ? delivery?.digest.take()?.finish() : nil
            ).entry
        ])
    }

    // MARK: The answer

    /// Refused before anything was redeemed: recorded without waiting.
    private func refuse(_ denial: Denial) {
        switch denial {
        case .invalidToken(let error), .mismatch(let error):
            site.metrics.count(.tokenVerifications, error.metricsName)
        case .replayed: site.metrics.count(.tokenVerifications, "replayed")
        default: break
        }
        site.refusals.note(denial.slug, by: caller.peer.id, at: site.clock.now.time)
        answer(denial)
    }

    private func answer(_ denial: Denial) {
        guard !isAnswered, callerIsHere else { return }
        isAnswered = true
        let speaks = site.enforcer.speaks(request)
        let message = judged?.call.messageID ?? (speaks == .mcp ? Problem.messageID(of: body) : nil)
        let problem = Problem(denial, for: .init(call: id), answering: speaks, message: message)
        body = []
        site.metrics.request(speaks.rawValue, decision: denial.slug, code: problem.response.status)
        site.metrics.observe(.request, site.clock.now.time - startedAt)
        downstream.send(problem.response, body: problem.body)
    }

    /// The caller's connection is gone.
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
            pool.forget(self)
            finish(.cancelled, status: nil)
        }
    }

    /// The caller's side can take more of the answer.
    func downstreamWritable() { delivery?.connection.resumeReading() }

    /// SIGTERM: a held call is answered so that it can join again elsewhere; others finish.
    func drain() { if machine?.isHeld == true { decided(.over) } }
}

extension Exchange: UpstreamUser {
    /// The caller may have left, or the wait may have ended, while the connection was being opened.
    func upstreamReady(_ connection: UpstreamConnection) {
        guard permit != nil else { return connection.release() }
        deliver(on: connection)
    }

    func upstreamWritable() { downstream.pump() }

    func upstreamDrained() {
        if isAnswered, !downstream.flushAnswer() { delivery?.connection.pauseReading() }
    }

    func upstreamEvent(_ event: HTTPEvent) {
        switch event {
        case .request: preconditionFailure("a tool does not send requests")
        case .informational: break
        case .response(let response): respond(response)
        case .body(let bytes):
            delivery?.digest?.update(bytes)
            downstream.sendBody(bytes)
        case .end:
            let status = delivery?.status
            finish(.completed, status: status)
            site.metrics.request(open?.route.speaks.rawValue ?? "http", decision: "allow", code: status ?? 0)
            site.metrics.observe(.request, site.clock.now.time - startedAt)
            downstream.sendEnd()
        }
    }

    func upstreamFailed(_ failure: UpstreamFailure) {
        guard permit != nil || delivery != nil else { return }
        permit = nil
        leaseTimer?.cancel()
        let status = delivery?.status
        let denial: Denial
        switch failure {
        case .refused: denial = .upstream(.connectionRefused)
        case .connectTimeout: denial = .upstream(.connectionTimeout)
        case .busy: denial = .overloaded("too many calls wait for a connection to the tool")
        case .brokeOff: denial = .upstream(.outcomeUnknown)
        case .badResponse: denial = .upstream(.badResponse)
        case .responseTimeout: denial = .upstream(.responseTimeout)
        }
        site.metrics.count(.upstreamErrors, denial.slug)
        finish(failure.outcome, status: status)
        if isAnswered {
            // The head is out: cutting the connection is the only honest way to say that the rest is missing.
            downstream.abort()
        } else {
            answer(denial)
        }
    }
}

extension UpstreamFailure {
    /// Without a byte sent nothing can have happened; after it the tool alone knows.
    fileprivate var outcome: EffectRecord.Outcome {
        switch self {
        case .refused, .connectTimeout, .busy: .failed
        case .brokeOff, .badResponse, .responseTimeout: .unknown
        }
    }
}
