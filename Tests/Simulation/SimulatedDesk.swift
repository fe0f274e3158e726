import Approvals
import Enforcement
import Gateway
import Ledger
import Policies
import Primitives
import Tokens

/// What a held call hears.
enum DeskVerdict: Equatable { case approved, denied, expired, superseded, over }

/// `ApprovalDesk` without its lock, log and webhook: the same calls of the real `Approvals`, in the same order.
final class SimulatedDesk {
    private unowned let world: World
    private unowned let proxy: SimulatedProxy
    private var approvals: Approvals
    private var waiting: [CallID: (DeskVerdict) -> Void] = [:]
    private var timer: Alarm?
    private var timerMoment: Timestamp?

    init(_ world: World, _ proxy: SimulatedProxy, _ approvals: Approvals) {
        (self.world, self.proxy, self.approvals) = (world, proxy, approvals)
        // What was restored has deadlines too.
        reschedule()
    }

    private var now: Timestamp { proxy.clock.now.time }
    var pendingCount: Int { approvals.pendingCount }
    var heldCount: Int { waiting.count }

    // MARK: Calls

    struct Place {
        let approval: CallID
        let requested: Entry?
        let isApproved: Bool
    }

    func place(
        _ judged: JudgedCall, _ decision: Decision, reading headers: Set<Text>,
        hear: @escaping (DeskVerdict) -> Void
    ) throws(Denial) -> Place {
        guard let request = judged.heldRequest(reading: headers) else { throw .tokenRequired }
        let requirements = decision.holds.map(\.requirement)
        let now = now
        let placement: Placement
        do throws(PlacementError) {
            placement = try approvals.place(
                request, requirements: requirements, call: judged.id, newID: world.newID(at: now), at: now)
        } catch {
            throw error.isOverload
                ? .overloaded(error.description) : .policy(rule: decision.rule, reason: error.description)
        }
        waiting[judged.id] = hear
        placement.superseded.flatMap { waiting.removeValue(forKey: $0) }?(.superseded)
        reschedule()
        let requested =
            placement.isNew
            ? ApprovalEntries.requested(placement, request, requirements, call: judged.id, at: now) : nil
        return Place(approval: placement.approval, requested: requested, isApproved: placement.isApproved)
    }

    func callEnded(_ call: CallID) {
        waiting[call] = nil
        approvals.callEnded(call, at: now)
        reschedule()
    }

    func beginRelease(of approval: CallID, by call: CallID, under decision: Decision) -> ReleaseVerdict {
        approvals.beginRelease(
            of: approval, call: call, requirements: decision.holds.map(\.requirement), at: now)
    }

    func finishRelease(_ pending: consuming PendingRelease, isDurable: Bool) {
        let isConsumed = isDurable && world.defect != .releasesTwice
        approvals.finishRelease(pending, isDurable: isConsumed, at: now)
        reschedule()
    }

    func recorded(_ approval: CallID, isDurable: Bool) {
        if isDurable {
            approvals.recorded(approval)
        } else {
            approvals.withdraw(approval, at: now).flatMap { waiting[$0] }?(.over)
        }
        reschedule()
    }

    // MARK: People

    func list(visibleTo reviewer: Reviewer) -> [ApprovalView] {
        approvals.list(visibleTo: reviewer, status: .pending, after: nil, limit: 100).approvals
    }

    /// Tells `done` the HTTP status.
    func review(
        _ id: CallID, by reviewer: Reviewer, _ decision: ReviewDecision, digest: Text?, on loop: Lane,
        _ done: @escaping (Int) -> Void
    ) {
        let pending: PendingReview
        do throws(ReviewError) {
            pending = try approvals.beginReview(
                of: id, by: reviewer, decision: decision, reason: decision == .deny ? "no" : nil,
                digest: digest, at: now)
        } catch {
            return done(error.httpStatus)
        }
        let entry = ApprovalEntries.reviewed(id, pending.review)
        let handover = Box(pending)
        proxy.ledger.append([entry], on: loop) { [self] receipt in
            finish(handover.take(), isDurable: receipt != nil)
            done(receipt == nil ? 503 : 201)
        }
    }

    private func finish(_ pending: consuming PendingReview, isDurable: Bool) {
        let approval = pending.approval
        let outcome = approvals.finishReview(pending, isDurable: isDurable, at: now)
        reschedule()
        if world.defect == .releasesAtFirstReview, isDurable {
            for hear in waiting.keys.sorted(by: { $0.text < $1.text }).compactMap({ waiting[$0] }) {
                hear(.approved)
            }
        }
        guard let decided = outcome.decided else { return }
        record(approval, decided == .approved ? .approved : .denied)
        outcome.call.flatMap { waiting[$0] }?(decided == .approved ? .approved : .denied)
    }

    private func record(_ approval: CallID, _ outcome: ApprovalDecidedRecord.Outcome) {
        world.tell("desk", "approval \(world.name(approval)) is \(outcome.rawValue)")
        proxy.ledger.append([ApprovalDecidedRecord(approval: approval, outcome).entry], on: nil) { _ in }
    }

    // MARK: Time

    private func reschedule() {
        guard let moment = approvals.nextDeadline else { return }
        if let timerMoment, timerMoment <= moment { return }
        timer?.cancel()
        timerMoment = moment
        timer = world.scheduler.after(moment - now, in: proxy.life) { [self] in advance() }
    }

    private func advance() {
        timerMoment = nil
        for expiry in approvals.advance(to: now) {
            let hear = expiry.call.flatMap { waiting[$0] }
            record(expiry.approval, .expired)
            hear?(.expired)
        }
        reschedule()
    }
}

/// Hands a value that cannot be copied to a closure, once.
final class Box<Value: ~Copyable> {
    private var value: Value?

    init(_ value: consuming Value) { self.value = consume value }

    func take() -> Value {
        guard let taken = value.take() else { preconditionFailure("a box is opened once") }
        return taken
    }
}
