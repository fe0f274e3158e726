public import Ledger
public import Primitives

// The life of one call after it was judged. The invariants that the whole product keeps (tests cite the numbers):
//
//  1. A token admits at most one call, across all connections, restarts and crashes inside its lifetime.
//  2. No byte of a call goes upstream before its decision record is durable.
//  3. A held call is forwarded only if enough eligible people approved exactly it before its deadline, at most once.
//  4. Every request gets exactly one response or a closed connection; every redeemed one has one durable decision
//     record before any answer, hold or forwarding, a release record if it was held and let go, and one effect
//     record if forwarded.
//  5. When ledger, claims or rules are unavailable, calls are refused, never waved through.
//  6. Any prefix of the ledger that ends on an entry verifies; any change to less than the whole rest is found.
//  7. Every queue, buffer, table and wait has a limit, and the limit has a name.
//  8. What was judged is what is forwarded, byte for byte.
//
//                      ┌────────── allow ──▶ recordingPermit ──recorded──▶ forwarding ──concluded──▶ finished
//                      │                                                       ▲                        ▲
//  Enforcer.admit ─────┼── deny ──▶ recordingRefusal ──recorded──▶ answer ─────┼────────────────────────┤
//                      │                                                       │ recorded               │
//                      └── hold ──▶ placing ──▶ recordingHold ──▶ held ──▶ releasing                    │
//                                      └ no place: recordingRefusal │ ▲ pending again │                 │
//                                                                   │ └───────────────┘                 │
//                                                                   └ denied, expired, superseded, over ┘
//
// A record that cannot be made durable ends the call with `control-unavailable` from every recording state; a caller
// that leaves ends the call from every state, and what was permitted but not sent gets an effect `cancelled`.

/// What the driver has to do next.
///
/// Exactly one for each event.
public enum CallAction: ~Copyable, Sendable {
    /// Append this record; report `recorded` or `recordFailed`.
    case record(CallRecord)
    /// Find the call's place among the approvals; report `placed` or `refusedPlace`.
    case place
    /// Nothing to do until people, time or the caller say something.
    case wait(approval: CallID)
    /// The approval is there: check the caller and the current rules; report `releaseGranted`,
    /// `ended`, or nothing when people have to be asked again.
    case release(approval: CallID)
    /// Send the request now. The proofs are spent by it.
    case forward(Permit, Receipt)
    case answer(Denial)
    /// The call is over and nothing is to be sent.
    case end
}

/// A record a call asks for; the driver knows the facts that go into it.
public enum CallRecord: Sendable, Equatable {
    case allow
    case deny(slug: String)
    case hold(approval: CallID)
    case release(approval: CallID)
    /// Permitted, but the caller was gone before the first byte was sent.
    case cancelled
}

/// What people or time decided about a held call.
public enum HoldVerdict: Sendable {
    case denied, expired, superseded
    /// The connection may be held no longer, or nobody could be asked again: 503, the same request joins again.
    case over
    /// The caller, its token or the rules no longer let it pass.
    case refused(Denial)
}

/// One call, from its admission to its end.
///
/// Each event method answers with exactly one action.
public struct CallMachine: ~Copyable, Sendable {
    private enum State: ~Copyable, Sendable {
        case recordingPermit(Permit)
        case recordingRefusal(Denial)
        case placing(Redemption)
        case recordingHold(Redemption, approval: CallID)
        case held(Redemption, approval: CallID)
        case releasing(Permit, approval: CallID)
        case forwarding
        case recordingCancellation
        case finished
    }

    private var state: State

    public init(permitting permit: consuming Permit) { state = .recordingPermit(permit) }
    public init(refusing denial: Denial) { state = .recordingRefusal(denial) }
    public init(holding redemption: consuming Redemption) { state = .placing(redemption) }

    private init(_ state: consuming State) { self.state = state }

    /// The first action, asked for once.
    public func start() -> CallAction {
        switch state {
        case .recordingPermit: .record(.allow)
        case .recordingRefusal(let denial): .record(.deny(slug: denial.slug))
        case .placing: .place
        default: preconditionFailure("a call starts once, right after its admission")
        }
    }

    /// The call has a place at an approval; its decision record comes next.
    public mutating func placed(at approval: CallID) -> CallAction {
        let next: State
        switch consume state {
        case .placing(let redemption): next = .recordingHold(redemption, approval: approval)
        default: preconditionFailure("only a call that asked for a place gets one")
        }
        self = CallMachine(next)
        return .record(.hold(approval: approval))
    }

    /// Nobody could approve it, or there is no room: the token stays spent, so that is recorded first.
    public mutating func refusedPlace(_ denial: Denial) -> CallAction {
        guard isPlacing else { preconditionFailure("only a call that asked for a place is refused one") }
        self = CallMachine(.recordingRefusal(denial))
        return .record(.deny(slug: denial.slug))
    }

    /// The record asked for is durable.
    public mutating func recorded(_ receipt: Receipt, callerIsHere: Bool) -> CallAction {
        let next: State
        let action: CallAction
        switch consume state {
        case .recordingPermit(let permit):
            next = callerIsHere ? .forwarding : .recordingCancellation
            action = callerIsHere ? .forward(permit, receipt) : .record(.cancelled)
        case .releasing(let permit, _):
            next = callerIsHere ? .forwarding : .recordingCancellation
            action = callerIsHere ? .forward(permit, receipt) : .record(.cancelled)
        case .recordingHold(let redemption, let approval):
            next = callerIsHere ? .held(redemption, approval: approval) : .finished
            action = callerIsHere ? .wait(approval: approval) : .end
        case .recordingRefusal(let denial):
            next = .finished
            action = callerIsHere ? .answer(denial) : .end
        case .recordingCancellation:
            next = .finished
            action = .end
        case .placing: preconditionFailure("a call that has no place yet records nothing")
        case .held: preconditionFailure("a held call records nothing until it is released")
        case .forwarding: preconditionFailure("the effect of a call is recorded by whoever forwards it")
        case .finished: preconditionFailure("a finished call records nothing")
        }
        self = CallMachine(next)
        return action
    }

    /// The record asked for could not be made durable: the call is refused (invariant 5).
    public mutating func recordFailed() -> CallAction {
        guard isRecording else { preconditionFailure("a record that nobody asked for cannot fail") }
        self = CallMachine(.finished)
        return .answer(.unavailable(.ledger))
    }

    /// Enough people said yes.
    ///
    /// Whether the call may still go is found out before anything is recorded.
    public mutating func approved() -> CallAction {
        guard let approval = approvalHolding else { return .end }
        return .release(approval: approval)
    }

    /// Caller, token and current rules were checked in this turn and the approval is taken: record the release.
    public mutating func releaseGranted(at time: Timestamp) -> CallAction {
        let next: State
        let action: CallAction
        switch consume state {
        case .held(let redemption, let approval):
            next = .releasing(Permit(redemption, at: time), approval: approval)
            action = .record(.release(approval: approval))
        default: preconditionFailure("only a held call is released")
        }
        self = CallMachine(next)
        return action
    }

    /// Denied, expired, superseded, held too long, or no longer allowed.
    ///
    /// Ignored once the call is being released: its approval is taken and terminal.
    public mutating func ended(by verdict: HoldVerdict) -> CallAction? {
        guard let approval = approvalHolding else { return nil }
        self = CallMachine(.finished)
        return .answer(verdict.denial(approval))
    }

    /// The caller's connection is gone.
    ///
    /// What is being recorded is recorded; `recorded` then ends the call.
    public mutating func callerLeft() {
        if isHeld { self = CallMachine(.finished) }
    }

    public var isHeld: Bool { approvalHolding != nil }

    private var isPlacing: Bool {
        switch state {
        case .placing: true
        default: false
        }
    }

    private var isRecording: Bool {
        switch state {
        case .recordingPermit: true
        case .recordingRefusal: true
        case .recordingHold: true
        case .releasing: true
        case .recordingCancellation: true
        case .placing: false
        case .held: false
        case .forwarding: false
        case .finished: false
        }
    }

    private var approvalHolding: CallID? {
        switch state {
        case .held(_, let approval): approval
        default: nil
        }
    }
}

extension HoldVerdict {
    fileprivate func denial(_ approval: CallID) -> Denial {
        switch self {
        case .denied: .approvalDenied(approval: approval)
        case .expired: .approvalExpired(approval: approval)
        case .superseded: .superseded(approval: approval)
        case .over: .approvalPending(approval: approval)
        case .refused(let denial): denial
        }
    }
}
