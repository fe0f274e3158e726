public import Primitives

public enum ReviewDecision: String, Sendable, Hashable {
    case approve, deny

    /// The exact words of the API; nil for anything else.
    public init?(_ text: Text) {
        if text == "approve" { self = .approve } else if text == "deny" { self = .deny } else { return nil }
    }
}

/// One person's word on one approval.
///
/// It never changes.
public struct Review: Sendable, Hashable {
    public let person: Text
    /// How the person signed in; for the record only.
    public let credential: Text
    /// Those of the person's groups that gave a say here.
    public let groups: Set<Text>
    public let decision: ReviewDecision
    public let reason: Text?
    /// The request the person saw.
    public let digest: Text
    /// The content hashes of the rules this review was made under, and for which the person is in a group.
    public let rules: Set<Digest>
    public let time: Timestamp

    init(
        by reviewer: Reviewer, decision: ReviewDecision, reason: Text?, digest: Text,
        under requirements: [Requirement],
        at time: Timestamp
    ) {
        (person, credential) = (reviewer.person, reviewer.credential)
        groups = reviewer.groups.intersection(requirements.flatMap(\.groups))
        (self.decision, self.reason, self.digest, self.time) = (decision, reason, digest, time)
        rules = Set(requirements.filter { $0.admits(reviewer.groups) }.map(\.ruleDigest))
    }
}

extension Review {
    /// The form kept in the ledger; `init(json:)` reads it back.
    public var json: JSON {
        .object([
            "person": .string(person), "credential": .string(credential),
            "groups": .array(groups.sorted().map { .string($0) }), "decision": .string(decision.rawValue),
            "reason": reason.map { .string($0) }, "digest": .string(digest),
            "rules": .array(rules.map(\.hex).sorted().map { .string($0) }), "time": .string(time.rfc3339),
        ])
    }

    /// Nil for anything `json` does not write.
    public init?(json: JSON) {
        guard let person = json["person"]?.string, let credential = json["credential"]?.string,
            let groups = json["groups"]?.texts,
            let decision = json["decision"]?.string.flatMap(ReviewDecision.init),
            let digest = json["digest"]?.string, let rules = json["rules"]?.texts,
            let time = json["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        let digests = rules.compactMap { Digest(hex: $0) }
        guard digests.count == rules.count else { return nil }
        (self.person, self.credential, self.groups) = (person, credential, Set(groups))
        (self.decision, reason, self.digest) = (decision, json["reason"]?.string, digest)
        (self.rules, self.time) = (Set(digests), time)
    }
}

/// A review that was admitted and is being written to the ledger.
///
/// Made by `Approvals.beginReview` alone; give it back to `finishReview` exactly once, whether or not the
/// write worked: until then it keeps its approval from other outcomes.
public struct PendingReview: ~Copyable, Sendable {
    public let approval: CallID
    /// For the record.
    public let review: Review
    let serial: UInt64
}

/// What a review came to, once it is durable or is known not to be.
public struct ReviewOutcome: Sendable, Hashable {
    public let approval: CallID
    /// The approval's status now.
    public let status: ApprovalStatus
    /// `.approved` or `.denied` when this very review settled it: write `approval.decided`.
    public let decided: ApprovalStatus?
    /// The call to wake when something was decided; nil when nobody waits.
    public let call: CallID?
    /// False when the review is not durable, or came to an end already reached (an expiry while it was being written).
    public let counted: Bool
}

/// Why a review is not taken.
///
/// The number is the HTTP status of contract §5.
public enum ReviewError: Error, Hashable, Sendable {
    public enum Ineligible: Hashable, Sendable {
        /// In none of the groups that may decide this, or no configured person any more.
        case notInGroups
        /// The person behind the subject, the agent or someone in the `act` chain.
        case ownRequest
    }

    case notFound
    case notEligible(Ineligible)
    /// Decided already; a status never changes afterwards.
    case terminal(ApprovalStatus)
    /// Another review that settles it is being written at this moment.
    case beingDecided
    /// Known only from the ledger; the caller has not come back with the arguments yet.
    case detachedWithoutArguments
    case digestMissing
    case digestMismatch
    case reasonRequired
    case reasonTooLong
    case alreadyReviewed
    case tooManyReviews

    public var httpStatus: Int {
        switch self {
        case .notFound: 404
        case .notEligible: 403
        case .terminal, .beingDecided, .detachedWithoutArguments, .alreadyReviewed, .tooManyReviews: 409
        case .digestMismatch: 412
        case .digestMissing, .reasonRequired, .reasonTooLong: 422
        }
    }
}

extension ReviewError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound: "there is no such approval"
        case .notEligible(.notInGroups): "you are in none of the groups that may decide this"
        case .notEligible(.ownRequest): "nobody decides what runs on their own behalf"
        case .terminal(let status): "this is \(status.rawValue) already"
        case .beingDecided: "another review is deciding this at the moment"
        case .detachedWithoutArguments:
            "the caller has to repeat its request before this can be reviewed again"
        case .digestMissing: "`digest` is missing: send the digest of the request that you saw"
        case .digestMismatch: "`digest` is not the digest of this request"
        case .reasonRequired: "a denial needs a `reason`"
        case .reasonTooLong: "`reason` is longer than \(Approvals.Limits.reasonBytesMax) bytes"
        case .alreadyReviewed: "you have reviewed this already"
        case .tooManyReviews: "this has \(Approvals.Limits.reviewsMax) reviews, which is the limit"
        }
    }
}
