public import Primitives

// What happens to the proxy itself. `start`, `stop` and `recovered` are written by the journal.

/// Calls refused before their token was redeemed: nobody waits for these records, so they are limited per
/// agent and then counted.
public struct RefusedRecord: Sendable {
    public var agent: Text?
    public var source: Text?
    /// The problem's slug: `invalid-token`.
    public var reason: Text
    /// How many refusals this record stands for.
    public var count: Int
    /// A word on the one refusal, where it stands for one.
    public var detail: Text?
    public var requestID: Text?

    public init(
        agent: Text?, source: Text? = nil, reason: Text, count: Int = 1, detail: Text? = nil,
        requestID: Text? = nil
    ) {
        (self.agent, self.source, self.reason) = (agent, source, reason)
        (self.count, self.detail, self.requestID) = (count, detail, requestID)
    }

    public var entry: Entry {
        var members = Members()
        members.text("agent", agent)
        members.text("source", source)
        members.text("reason", reason)
        members.integer("count", Int64(count))
        members.text("detail", detail)
        members.text("request_id", requestID)
        return Entry(known: Self.event, members) { .none }
    }

    private static let event: Text = "refused"
}

public struct PolicyLoadedRecord: Sendable {
    public var revision: Text
    public var rules: Int
    public var files: [Text]

    public init(revision: Text, rules: Int, files: [Text]) {
        (self.revision, self.rules, self.files) = (revision, rules, files)
    }

    public var entry: Entry {
        var members = Members()
        members.text("revision", revision)
        members.integer("rules", Int64(rules))
        members.texts("files", files)
        return Entry(known: "policy.loaded", members)
    }
}

public struct IdentityRotatedRecord: Sendable {
    public var id: Text
    /// SHA-256 of the new leaf.
    public var leaf: Digest
    public var expires: Timestamp
    /// The trust bundles now in force, by trust domain.
    public var trustDomains: [Text]

    public init(id: Text, leaf: Digest, expires: Timestamp, trustDomains: [Text]) {
        (self.id, self.leaf, self.expires, self.trustDomains) = (id, leaf, expires, trustDomains)
    }

    public var entry: Entry {
        var members = Members()
        members.text("id", id)
        members.digest("leaf_sha256", leaf)
        members.time("not_after", expires)
        members.texts("trust_domains", trustDomains)
        return Entry(known: "identity.rotated", members)
    }
}

struct StartRecord {
    let continuity: Continuity
    let voidApprovals: Int
    /// Whose signatures checkpoints carry from here on.
    var checkpointKey: Text?

    var entry: Entry {
        var members = Members()
        switch continuity {
        case .proven:
            members.word("continuity", "proven")
            members.text("reason", nil)
        case .unproven(let reason):
            members.word("continuity", "unproven")
            members.text("reason", Text(reason))
        }
        members.integer("approvals_void", Int64(voidApprovals))
        members.text("checkpoint_key", checkpointKey)
        return Entry(known: "start", members)
    }
}

struct StopRecord {
    var entry: Entry { Entry(known: "stop", Members()) }
}

struct RecoveredRecord {
    let cut: Cut

    var entry: Entry {
        var members = Members()
        members.text("segment", cut.segment)
        members.integer("bytes", Int64(cut.bytes))
        members.digest("sha256", cut.digest)
        return Entry(known: "recovered", members)
    }
}
