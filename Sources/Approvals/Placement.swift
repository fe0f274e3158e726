public import Primitives

/// Where a held call now waits.
public struct Placement: Sendable, Hashable {
    public let approval: CallID
    /// The request's digest, for the record.
    public let digest: Text
    /// False: an equal request had asked before; write no second `approval.requested`.
    public let isNew: Bool
    /// The earlier call that lost the place: answer 409 `superseded`.
    public let superseded: CallID?
    /// Approved before: go to `beginRelease` at once.
    public let isApproved: Bool
    /// When the present state ends.
    public let expiresAt: Timestamp

    init(_ approval: Approval, isNew: Bool, superseded: CallID?) {
        (self.approval, digest) = (approval.id, approval.about.digest)
        (self.isNew, self.superseded) = (isNew, superseded)
        isApproved = approval.status == .approved
        expiresAt = approval.deadline ?? .distantPast
    }
}

/// Why a call cannot be held.
public enum PlacementError: Error, Hashable, Sendable {
    /// `Limits.pendingMax`, `Limits.pendingPerAgentMax`, `Limits.requestBytesMax`.
    case tooMany, tooManyOfAgent, tooManyBytes
    /// The subject is no configured person, and a rule does not say `subject: workload`.
    case subjectUnknown(Text)
    /// Fewer persons than the rule requires could ever count.
    case impossible(rule: Text)
    /// A hold without a rule that says who may let it go.
    case noRequirement
    /// No digest binds a number that has no exact canonical form.
    case notCanonical(CanonicalJSONError)
    /// No digest binds text that is not UTF-8.
    case notUTF8

    /// True when it helps to wait (503 or 429).
    public var isOverload: Bool {
        switch self {
        case .tooMany, .tooManyOfAgent, .tooManyBytes: true
        case .subjectUnknown, .impossible, .noRequirement, .notCanonical, .notUTF8: false
        }
    }

    /// True when the request itself cannot be read with one meaning (400).
    public var isAmbiguous: Bool {
        switch self {
        case .notCanonical, .notUTF8: true
        case .tooMany, .tooManyOfAgent, .tooManyBytes, .subjectUnknown, .impossible, .noRequirement: false
        }
    }
}

extension PlacementError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooMany: "too many calls wait for an approval"
        case .tooManyOfAgent: "too many calls of this agent wait for an approval"
        case .tooManyBytes: "the requests that wait for an approval take too much memory"
        case .subjectUnknown(let subject):
            "this needs an approval, and the token's subject `\(subject)` is no configured person"
        case .impossible(let rule): "the rule `\(rule)` requires more approvers than there can be"
        case .noRequirement: "no rule says who may approve this"
        case .notCanonical(let error): "this needs an approval, and \(error)"
        case .notUTF8: "this needs an approval, and its text is not UTF-8"
        }
    }
}

/// An approval that ended because its time was up.
public struct Expiry: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable {
        /// People did not decide in time.
        case expired
        /// The caller did not come back.
        case abandoned
        /// Approved, and not used in time.
        case unused
    }

    public let approval: CallID
    /// The call to refuse with 403 `approval-expired`; nil when nobody waits.
    public let call: CallID?
    public let outcome: Outcome

    init(_ due: Approval) {
        (approval, call) = (due.id, due.place?.call)
        switch due.state {
        case .pending(.detached(let until)): outcome = until < due.reviewDeadline ? .abandoned : .expired
        case .approved: outcome = .unused
        case .pending, .releasing, .denied, .expired, .cancelled, .consumed: outcome = .expired
        }
    }
}
