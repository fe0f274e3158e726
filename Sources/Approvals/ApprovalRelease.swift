public import Primitives

/// A release that is being written to the ledger.
///
/// Made by `Approvals.beginRelease` alone; give it back to `finishRelease` exactly once: until then its
/// approval belongs to nobody else.
public struct PendingRelease: ~Copyable, Sendable {
    public let approval: CallID
    public let call: CallID
    public let digest: Text
    /// Those that meet the rules of now, for the record.
    public let reviews: [Review]
}

public enum ReleaseVerdict: ~Copyable, Sendable {
    /// Write the `release` record, then `finishRelease`; forward only when it is durable.
    case release(PendingRelease)
    /// Not enough under the rules of now: the call waits on.
    case pendingAgain
    /// Nothing to wait for; answer by the reason.
    case gone(GoneReason)
}

public enum GoneReason: String, Sendable, Hashable {
    case denied, expired, cancelled, consumed
    /// A later call has the place: 409.
    case superseded
    /// Forgotten, or never there.
    case unknown
}

/// The release record is the consumption: an approval lets one call go, once.
extension Approvals {
    /// Judges the release by the rules of now: every matching `Hold` must be met by reviews made under the same content.
    ///
    /// - Parameter requirements: of every `Hold` that matches now; none when no rule holds this any more.
    public mutating func beginRelease(
        of id: CallID, call: CallID, requirements: [Requirement], at now: Timestamp
    ) -> ReleaseVerdict {
        guard var approval = approvals[id] else { return .gone(.unknown) }
        if let reason = Self.end(of: approval, at: now) { return .gone(reason) }
        guard approval.place?.call == call else { return .gone(.superseded) }
        guard approval.isRecorded else { return .pendingAgain }
        guard case .approved(let place, let until) = approval.state else { return .pendingAgain }
        guard approval.isMet(by: approval.reviews, requirements, among: persons) else {
            approval.requirements = requirements
            approval.state = .pending(place)
            store(approval)
            return .pendingAgain
        }
        approval.state = .releasing(place, until: until)
        store(approval)
        return .release(
            PendingRelease(
                approval: id, call: call, digest: approval.about.digest,
                reviews: Self.relevant(approval.reviews, to: requirements)))
    }

    /// Consumed, or, when the record could not be written, approved as before.
    public mutating func finishRelease(
        _ pending: consuming PendingRelease, isDurable: Bool, at now: Timestamp
    ) {
        guard var approval = approvals[pending.approval],
            case .releasing(let place, let until) = approval.state
        else {
            preconditionFailure("only its own release takes an approval out of releasing")
        }
        if isDurable {
            approval.end(.consumed, at: now)
        } else {
            approval.state = .approved(place, until: until)
        }
        store(approval)
    }

    /// Those made under a rule of now; all of them when no rule holds this any more.
    private static func relevant(_ reviews: [Review], to requirements: [Requirement]) -> [Review] {
        guard !requirements.isEmpty else { return reviews }
        return reviews.filter { review in requirements.contains { review.rules.contains($0.ruleDigest) } }
    }

    private static func end(of approval: Approval, at now: Timestamp) -> GoneReason? {
        if case .releasing = approval.state { return .consumed }
        switch approval.status(at: now) {
        case .pending, .approved: return nil
        case .denied: return .denied
        case .expired: return .expired
        case .cancelled: return .cancelled
        case .consumed: return .consumed
        }
    }
}
