public import Primitives

/// An open approval as the ledger tells it: requested, reviewed, perhaps decided, and neither released nor ended.
public struct RestoredApproval: Sendable {
    public var id: CallID
    public var about: ApprovalSubject
    public var requirements: [Requirement]
    public var createdAt: Timestamp
    /// Every durable review, in the order of the ledger.
    public var reviews: [Review]
    /// The time of `approval.decided` when it said approved.
    public var approvedAt: Timestamp?

    public init(
        id: CallID, about: ApprovalSubject, requirements: [Requirement], createdAt: Timestamp,
        reviews: [Review],
        approvedAt: Timestamp?
    ) {
        (self.id, self.about, self.requirements, self.createdAt) = (id, about, requirements, createdAt)
        (self.reviews, self.approvedAt) = (reviews, approvedAt)
    }
}

extension Approvals {
    /// Takes up what was open before a restart: nobody waits, nobody can review, until a call of the same
    /// digest brings the arguments.
    ///
    /// Reviews are kept, and so are the deadlines; a durable deny is an end even if its decision was not
    /// written any more. Nothing lives longer because the clock was set back between the runs: what the ledger
    /// tells of the future counts as of now. To be called before anything is placed.
    public mutating func restore(_ records: [RestoredApproval], at now: Timestamp) {
        for record in records {
            precondition(approvals[record.id] == nil, "an approval is restored once")
            let place = Approval.Place.detached(until: now + abandonAfter)
            var approval = Approval(
                record.id, about: record.about, requirements: record.requirements, request: nil,
                requestBytes: 0,
                state: record.approvedAt.map { .approved(place, until: min($0, now) + approvedFor) }
                    ?? .pending(place),
                createdAt: min(record.createdAt, now))
            approval.isRecorded = true
            approval.reviews = record.reviews
            approval.decidedAt = record.approvedAt.map { min($0, now) }
            if record.reviews.contains(where: { $0.decision == .deny }) { approval.end(.denied, at: now) }
            storeRestored(approval)
        }
    }
}
