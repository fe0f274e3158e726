public import Primitives

/// Reviews in two phases: admitted, then counted once the ledger has them (contract §5: 201 only after durability).
///
/// Two reviewers can be in between at the same time. Whatever is admitted counts when it is durable; so a review that
/// would settle the approval, once durable, closes the door behind itself: who comes later gets 409 `.beingDecided`, and the
/// ledger never holds two reviews that contradict each other's outcome.
extension Approvals {
    /// Admits a review, or says why not.
    ///
    /// The person behind the subject, the agent or an actor may neither approve nor deny: they never count.
    public mutating func beginReview(
        of id: CallID, by reviewer: Reviewer, decision: ReviewDecision, reason: Text?, digest: Text?,
        at now: Timestamp
    ) throws(ReviewError) -> PendingReview {
        guard var approval = approvals[id], approval.isRecorded else { throw .notFound }
        guard approval.isVisible(to: reviewer), persons.contains(reviewer.person) else {
            throw .notEligible(.notInGroups)
        }
        let status = approval.status(at: now)
        guard status == .pending else { throw .terminal(status) }
        guard let request = approval.request else { throw .detachedWithoutArguments }
        guard !persons.behind(request).contains(reviewer.person) else { throw .notEligible(.ownRequest) }
        guard let digest else { throw .digestMissing }
        guard digest == approval.about.digest else { throw .digestMismatch }
        let review = Review(
            by: reviewer, decision: decision, reason: try Self.checked(reason, for: decision), digest: digest,
            under: approval.requirements, at: now)
        try admit(review, to: approval)
        let pending = PendingReview(approval: id, review: review, serial: nextSerial())
        approval.inFlight.append(.init(serial: pending.serial, review: review))
        store(approval)
        return pending
    }

    /// Counts the review if it is durable, forgets it if not.
    public mutating func finishReview(
        _ pending: consuming PendingReview, isDurable: Bool, at now: Timestamp
    ) -> ReviewOutcome {
        guard var approval = approvals[pending.approval],
            let index = approval.inFlight.firstIndex(where: { $0.serial == pending.serial })
        else { preconditionFailure("an approval is kept while a review of it is under way") }
        let review = approval.inFlight.remove(at: index).review
        let wasOpen = !approval.status(at: now).isTerminal
        let call = approval.place?.call
        if isDurable { approval.reviews.append(review) }
        // Also when it was not durable: it may have been a deny that stood in the way of others.
        let decided = approval.settle(persons, approvedFor: approvedFor, at: now)
        store(approval)
        return ReviewOutcome(
            approval: approval.id, status: approval.status(at: now), decided: decided,
            call: decided == nil ? nil : call, counted: isDurable && wasOpen)
    }

    /// An administrator takes a pending approval away.
    ///
    /// Its call is to be refused.
    public mutating func cancel(_ id: CallID, at now: Timestamp) throws(ReviewError) -> ReviewOutcome {
        guard var approval = approvals[id], approval.isRecorded else { throw .notFound }
        let status = approval.status(at: now)
        guard status == .pending else { throw .terminal(status) }
        let call = approval.place?.call
        approval.end(.cancelled, at: now)
        store(approval)
        return ReviewOutcome(approval: id, status: .cancelled, decided: .cancelled, call: call, counted: true)
    }

    private static func checked(_ reason: Text?, for decision: ReviewDecision) throws(ReviewError) -> Text? {
        let reason = reason.flatMap { $0.trimmed.isEmpty ? nil : $0 }
        guard (reason?.count ?? 0) <= Limits.reasonBytesMax else { throw .reasonTooLong }
        guard decision == .approve || reason != nil else { throw .reasonRequired }
        return reason
    }

    private func admit(_ review: Review, to approval: Approval) throws(ReviewError) {
        let all = approval.reviews + approval.inFlight.map(\.review)
        // Someone who reviewed under a rule that has changed since may review again under the present one.
        let covered = all.filter { $0.person == review.person }.reduce(into: Set<Digest>()) {
            $0.formUnion($1.rules)
        }
        guard !review.rules.isSubset(of: covered) else { throw .alreadyReviewed }
        let isSettled =
            approval.inFlight.contains { $0.review.decision == .deny }
            || approval.isMet(by: all, approval.requirements, among: persons)
        guard !isSettled else { throw .beingDecided }
        guard all.count < Limits.reviewsMax else { throw .tooManyReviews }
    }
}
