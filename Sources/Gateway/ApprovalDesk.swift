internal import Approvals
internal import Enforcement
internal import Identity
internal import Ledger
internal import Policies
internal import Primitives
internal import Reactor
internal import Synchronization
internal import Tokens

/// What a held call hears.
enum DeskVerdict: Sendable, Equatable {
    case approved, denied, expired, superseded
    /// The connection may be held no longer.
    case over
}

/// The one `Approvals` value, behind its lock, with the timer that ends what is due and the way back to waiting calls.
///
/// Every outcome is durable before anybody hears of it: a review is admitted, recorded, then counted; a release is
/// taken, recorded, then final.
final class ApprovalDesk: Sendable {
    private struct State {
        var approvals: Approvals
        var waiting: [CallID: @Sendable (DeskVerdict) -> Void] = [:]
        var timer: Timer?
        var timerMoment: Timestamp?
    }

    private let state: Mutex<State>
    private let clock: SystemClock
    private let ledger: LedgerWriter
    private let metrics: Metrics
    private let log: Log
    private let loop: Loop
    private let webhook: Webhook?

    init(
        _ approvals: Approvals, clock: SystemClock, ledger: LedgerWriter, metrics: Metrics, log: Log,
        loop: Loop,
        webhook: Webhook?
    ) {
        state = Mutex(State(approvals: approvals))
        (self.clock, self.ledger, self.metrics, self.log) = (clock, ledger, metrics, log)
        (self.loop, self.webhook) = (loop, webhook)
        // Restored approvals have deadlines too, whether or not anybody comes back for them.
        reschedule()
    }

    var pendingCount: Int { state.withLock { $0.approvals.pendingCount } }
    var heldCount: Int { state.withLock { $0.waiting.count } }

    // MARK: Calls

    /// Where a call waits, and the record to write when its approval is new.
    struct Place: Sendable {
        let approval: CallID
        let requested: Entry?
        let isApproved: Bool
    }

    func place(
        _ judged: JudgedCall, _ decision: Decision, reading headers: Set<Text>,
        hear: @escaping @Sendable (DeskVerdict) -> Void
    ) throws(Denial) -> Place {
        guard let request = judged.heldRequest(reading: headers) else { throw .tokenRequired }
        let requirements = decision.holds.map(\.requirement)
        let now = clock.now.time
        var random = SystemRandomNumberGenerator()
        let newID = CallID(at: now, random: &random)
        let result: Result<(Placement, (@Sendable (DeskVerdict) -> Void)?), PlacementError> = state.withLock {
            state in
            do throws(PlacementError) {
                let placement = try state.approvals.place(
                    request, requirements: requirements, call: judged.id, newID: newID, at: now)
                state.waiting[judged.id] = hear
                return .success(
                    (placement, placement.superseded.flatMap { state.waiting.removeValue(forKey: $0) }))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let (placement, superseded)):
            superseded?(.superseded)
            reschedule()
            let requested =
                placement.isNew
                ? ApprovalEntries.requested(placement, request, requirements, call: judged.id, at: now) : nil
            return Place(approval: placement.approval, requested: requested, isApproved: placement.isApproved)
        case .failure(let error):
            throw error.denial(by: decision.rule)
        }
    }

    /// The call ended by itself or was answered; its approval stays as it is.
    func callEnded(_ call: CallID) {
        state.withLock { state in
            state.waiting[call] = nil
            state.approvals.callEnded(call, at: clock.now.time)
        }
        reschedule()
    }

    func beginRelease(of approval: CallID, by call: CallID, under decision: Decision) -> ReleaseVerdict {
        let requirements = decision.holds.map(\.requirement)
        return state.withLock { state in
            state.approvals.beginRelease(
                of: approval, call: call, requirements: requirements, at: clock.now.time)
        }
    }

    func finishRelease(_ pending: consuming PendingRelease, isDurable: Bool) {
        let handover = Handover(pending)
        state.withLock { state in
            state.approvals.finishRelease(handover.take(), isDurable: isDurable, at: clock.now.time)
        }
        metrics.count(.approvals, isDurable ? "consumed" : "unrecorded")
        reschedule()
    }

    /// The record that asks people is durable, and they may see the approval; or it is not, and there is none.
    func recorded(_ approval: CallID, isDurable: Bool) {
        let hear = state.withLock { state -> (@Sendable (DeskVerdict) -> Void)? in
            guard !isDurable else {
                state.approvals.recorded(approval)
                return nil
            }
            return state.approvals.withdraw(approval, at: clock.now.time).flatMap { state.waiting[$0] }
        }
        hear?(.over)
        reschedule()
    }

    /// Tells people that somebody waits: a log line and, if configured, the webhook.
    func announce(_ approval: CallID, _ judged: JudgedCall, _ decision: Decision) {
        log.info(
            .callHeld, "a call waits for approval",
            [
                "sallyport.approval": "\(approval)", "user.id": "\(judged.caller.peer.id)",
                "sallyport.action": "\(judged.call.action.action)",
                "sallyport.resource": "\(judged.call.action.resource)",
                "sallyport.rule": "\(decision.rule ?? "")",
            ])
        webhook?.announce(approval, judged, decision, at: clock.now.time)
    }

    // MARK: People

    func list(
        visibleTo reviewer: Reviewer, status: ApprovalStatus?, after cursor: CallID?, limit: Int
    ) -> (approvals: [ApprovalView], next: CallID?) {
        state.withLock { $0.approvals.list(visibleTo: reviewer, status: status, after: cursor, limit: limit) }
    }

    func approval(_ id: CallID, visibleTo reviewer: Reviewer) -> ApprovalView? {
        state.withLock { $0.approvals.approval(id, visibleTo: reviewer) }
    }

    /// Why a review was not taken.
    enum ReviewFailure: Error {
        case refused(ReviewError)
        case notRecorded
    }

    func review(
        _ id: CallID, by reviewer: Reviewer, _ decision: ReviewDecision, reason: Text?, digest: Text?,
        on loop: Loop,
        _ done: @escaping @Sendable (Result<ReviewOutcome, ReviewFailure>) -> Void
    ) {
        let now = clock.now.time
        let begun: Result<(Handover<PendingReview>, Review), ReviewError> = state.withLock { state in
            do throws(ReviewError) {
                let pending = try state.approvals.beginReview(
                    of: id, by: reviewer, decision: decision, reason: reason, digest: digest, at: now)
                let review = pending.review
                return .success((Handover(pending), review))
            } catch {
                return .failure(error)
            }
        }
        switch begun {
        case .failure(let error): done(.failure(.refused(error)))
        case .success(let (pending, review)):
            ledger.append([ApprovalEntries.reviewed(id, review)], on: loop) { [self] receipt in
                let outcome = finish(pending, isDurable: receipt != nil)
                done(receipt == nil ? .failure(.notRecorded) : .success(outcome))
            }
        }
    }

    private func finish(_ pending: Handover<PendingReview>, isDurable: Bool) -> ReviewOutcome {
        let (outcome, hear) = state.withLock { state in
            let outcome = state.approvals.finishReview(
                pending.take(), isDurable: isDurable, at: clock.now.time)
            return (outcome, outcome.call.flatMap { state.waiting[$0] })
        }
        reschedule()
        guard let decided = outcome.decided else { return outcome }
        // Before anybody hears of it: the ledger tells a decision before the release that rests on it.
        record(outcome.approval, decided == .approved ? .approved : .denied)
        metrics.count(.approvals, decided.rawValue)
        hear?(decided == .approved ? .approved : .denied)
        return outcome
    }

    private func record(_ approval: CallID, _ outcome: ApprovalDecidedRecord.Outcome) {
        ledger.append([ApprovalDecidedRecord(approval: approval, outcome).entry], on: nil) { _ in }
        log.info(
            .approvalEnded, "an approval is \(outcome.rawValue)", ["sallyport.approval": "\(approval)"])
    }

    // MARK: Time

    private func reschedule() {
        state.withLock { state in
            guard let moment = state.approvals.nextDeadline else { return }
            if let armed = state.timerMoment, armed <= moment { return }
            state.timer?.cancel()
            state.timerMoment = moment
            state.timer = loop.schedule(after: moment - clock.now.time) { [weak self] in self?.advance() }
        }
    }

    private func advance() {
        let (expiries, hearers) = state.withLock { state in
            state.timerMoment = nil
            let expiries = state.approvals.advance(to: clock.now.time)
            return (expiries, expiries.map { $0.call.flatMap { state.waiting[$0] } })
        }
        for (expiry, hear) in zip(expiries, hearers) {
            metrics.count(.approvals, expiry.outcome.rawValue)
            record(expiry.approval, .expired)
            hear?(.expired)
        }
        reschedule()
    }
}

extension PlacementError {
    fileprivate func denial(by rule: Text?) -> Denial {
        if isOverload { return .overloaded(description) }
        if isAmbiguous { return .ambiguous(description) }
        return .policy(rule: rule, reason: description)
    }
}

extension GoneReason {
    var verdict: DeskVerdict {
        switch self {
        case .denied, .cancelled: .denied
        case .expired, .consumed, .unknown: .expired
        case .superseded: .superseded
        }
    }
}
