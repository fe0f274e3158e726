internal import Crypto
public import Primitives

/// One approval as a reviewer sees it.
public struct ApprovalView: Sendable {
    public struct Hold: Sendable, Hashable {
        public let rule: Text
        public let groups: [Text]
        public let required: Int
        /// Distinct persons whose approval counts for this rule so far.
        public let approvals: Int
        public let message: Text?
    }

    public let id: CallID
    public let status: ApprovalStatus
    public let about: ApprovalSubject
    /// The canonical request, whole: the digest is over exactly this.
    ///
    /// Nil when the arguments are not at hand: after the end, and after a restart until the caller comes
    /// back.
    public let request: JSON?
    public let holds: [Hold]
    public let reviews: [Review]
    /// A call waits for the decision at this moment.
    public let isAttached: Bool
    public let createdAt: Timestamp
    /// When the present state ends, or ended.
    public let expiresAt: Timestamp
    public let decidedAt: Timestamp?

    init(_ approval: Approval, _ persons: Persons) {
        (id, status, about) = (approval.id, approval.status, approval.about)
        request = approval.request?.canonical
        let excluded = approval.request.map(persons.behind) ?? []
        holds = approval.requirements.map {
            Hold(
                rule: $0.rule, groups: $0.groups, required: $0.required,
                approvals: $0.approvers(among: approval.reviews, excluding: excluded).count,
                message: $0.message)
        }
        (reviews, isAttached) = (approval.reviews, approval.place?.call != nil)
        (createdAt, decidedAt) = (approval.createdAt, approval.decidedAt)
        expiresAt = approval.deadline ?? approval.decidedAt ?? approval.reviewDeadline
    }

    /// Everything, as `GET /v1/approvals/{id}` shows it.
    public var json: JSON { json(showing: request ?? .null) }

    /// Everything but the request: for a list, whose requests together may be large.
    ///
    /// The digest says which request it is.
    public var summaryJSON: JSON { json(showing: nil) }

    private func json(showing request: JSON?) -> JSON {
        .object([
            "id": .string(id.text), "status": .string(status.rawValue), "agent": .string(about.agent.text),
            "subject": .string(about.subject), "protocol": .string(about.kind), "host": .string(about.host),
            "action": .string(about.action), "resource": .string(about.resource),
            "digest": .string(about.digest),
            "request": request, "holds": .array(holds.map(\.json)),
            "reviews": .array(reviews.map(Self.json)), "attached": .bool(isAttached),
            "createdAt": .string(createdAt.rfc3339), "expiresAt": .string(expiresAt.rfc3339),
            "decidedAt": decidedAt.map { .string($0.rfc3339) } ?? .null,
        ])
    }

    /// A strong validator with its quotes (RFC 9110 §8.8.3): another text, another tag, also across restarts.
    public var etag: Text { Text("\"" + SHA256.hash(json.encoded).base64URL + "\"") }

    private static func json(_ review: Review) -> JSON {
        .object([
            "person": .string(review.person), "decision": .string(review.decision.rawValue),
            "reason": review.reason.map { .string($0) } ?? .null, "createdAt": .string(review.time.rfc3339),
        ])
    }
}

extension ApprovalView.Hold {
    var json: JSON {
        .object([
            "rule": .string(rule), "groups": .array(groups.map { .string($0) }),
            "required": .integer(Int64(required)),
            "approvals": .integer(Int64(approvals)), "message": message.map { .string($0) } ?? .null,
        ])
    }
}

extension Approvals {
    /// Nil also for one that this reviewer may not see.
    public func approval(_ id: CallID, visibleTo reviewer: Reviewer) -> ApprovalView? {
        guard let approval = approvals[id], approval.isVisible(to: reviewer) else { return nil }
        return ApprovalView(approval, persons)
    }

    /// What a reviewer may see, oldest first.
    ///
    /// - Parameters:
    ///   - status: nil for every status.
    ///   - cursor: the `next` of the page before.
    ///   - limit: 1 … `Limits.listMax`; anything else becomes the nearest of these.
    public func list(
        visibleTo reviewer: Reviewer, status: ApprovalStatus?, after cursor: CallID?, limit: Int
    ) -> (approvals: [ApprovalView], next: CallID?) {
        let found = approvals.values
            .filter { (status == nil || $0.status == status) && $0.isVisible(to: reviewer) }
            .filter { approval in cursor.map { $0.precedes(approval.id) } ?? true }
            .sorted { $0.id.precedes($1.id) }
        let page = found.prefix(min(max(1, limit), Limits.listMax))
        return (page.map { ApprovalView($0, persons) }, page.count < found.count ? page.last?.id : nil)
    }
}

extension CallID {
    fileprivate func precedes(_ other: CallID) -> Bool { (high, low) < (other.high, other.low) }
}
