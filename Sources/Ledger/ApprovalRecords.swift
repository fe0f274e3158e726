public import Primitives

// The records of an approval. Its consumption has none of its own: that is the `release` of the call.

/// People are asked.
///
/// Arguments are not stored: `request` is the canonical request without them, `digest` binds them.
public struct ApprovalRequestedRecord: Sendable {
    public var approval, call: CallID
    public var agent: Text
    /// `sha-256:` and base64url, over the canonical request.
    public var digest: Text
    public var request: JSON
    /// Every rule that holds the call: `{rule, digest, groups, required, …}`.
    public var requirements: [JSON]
    public var created, expires: Timestamp

    public init(
        approval: CallID, call: CallID, agent: Text, digest: Text, request: JSON, requirements: [JSON],
        created: Timestamp, expires: Timestamp
    ) {
        (self.approval, self.call, self.agent, self.digest) = (approval, call, agent, digest)
        (self.request, self.requirements) = (request, requirements)
        (self.created, self.expires) = (created, expires)
    }

    public var entry: Entry {
        var members = Members()
        members.word("event_type", "approval")
        members.call("approval", approval)
        members.call("call", call)
        members.text("agent", agent)
        members.text("digest", digest)
        members.json("request", request)
        members.json("holds", .array(requirements))
        members.time("created_at", created)
        members.time("expires_at", expires)
        return Entry(known: "approval.requested", members)
    }
}

/// One person's word.
public struct ApprovalReviewedRecord: Sendable {
    public enum Decision: String, Hashable, Sendable { case approve, deny }

    public var approval: CallID
    /// The person, by the name in the configuration.
    public var reviewer: Text
    /// How they were known: `oidc:…#sub` or `cert:<hex>`.
    public var credential: Text
    public var groups: [Text]
    public var decision: Decision
    public var reason: Text?
    /// What the reviewer said they saw.
    public var digest: Text
    /// What the review counts for: rules, each with the digest of its content at the time.
    public var rules: [JSON]

    public init(
        approval: CallID, reviewer: Text, credential: Text, groups: [Text], decision: Decision, reason: Text?,
        digest: Text, rules: [JSON]
    ) {
        (self.approval, self.reviewer, self.credential) = (approval, reviewer, credential)
        (self.groups, self.decision, self.reason) = (groups, decision, reason)
        (self.digest, self.rules) = (digest, rules)
    }

    public var entry: Entry {
        var members = Members()
        members.word("event_type", "approval")
        members.call("approval", approval)
        members.text("approver_identity", reviewer)
        members.text("credential", credential)
        members.texts("groups", groups)
        members.word("decision", decision.rawValue)
        members.text("reason", reason)
        members.text("digest", digest)
        members.json("rules", .array(rules))
        return Entry(known: "approval.reviewed", members)
    }
}

/// An approval has left `pending`.
///
/// `approved` may still expire; every other outcome is its end.
public struct ApprovalDecidedRecord: Sendable {
    public enum Outcome: String, Hashable, Sendable { case approved, denied, expired, cancelled }

    public var approval: CallID
    public var outcome: Outcome
    public var reviewers: [Text]
    public var reason: Text?

    public init(approval: CallID, _ outcome: Outcome, reviewers: [Text] = [], reason: Text? = nil) {
        (self.approval, self.outcome, self.reviewers, self.reason) = (approval, outcome, reviewers, reason)
    }

    public var entry: Entry {
        var members = Members()
        members.word("event_type", "approval")
        members.call("approval", approval)
        members.word("outcome", outcome.rawValue)
        members.texts("reviewers", reviewers)
        members.text("reason", reason)
        return Entry(known: "approval.decided", members)
    }
}
