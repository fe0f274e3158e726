public import Approvals
public import Enforcement
internal import HTTP
internal import Identity
public import Ledger
public import Policies
public import Primitives
internal import Tokens

/// From what enforcement knows to what the ledger keeps.
public enum Records {
    public static func decision(
        _ effect: DecisionRecord.Decision, _ judged: JudgedCall, _ decision: Decision, approval: CallID?,
        message: Text? = nil
    ) -> Entry {
        var record = DecisionRecord(
            facts(of: judged), effect, rule: decision.rule, policyRevision: Text(decision.revision.hex),
            matched: decision.matched, missing: decision.missing, message: message ?? decision.message,
            claim: judged.token.map {
                SpentToken(issuer: $0.issuer, tokenID: $0.tokenID, expires: $0.expiresAt, digest: $0.digest)
            },
            approval: approval, broker: broker(judged, tier: effect == .hold ? .hitl : .auto, approver: nil))
        record.shadow = decision.shadow.map { match in
            .object(["rule": .string(match.rule), "effect": .string("\(match.effect)")])
        }
        return record.entry
    }

    public static func release(_ judged: JudgedCall, approval: CallID, approvers: [Text], revision: Text)
        -> Entry
    {
        ReleaseRecord(
            facts(of: judged), approval: approval, policyRevision: revision,
            broker: broker(judged, tier: .hitl, approver: approvers.joined)
        ).entry
    }

    private static func facts(of judged: JudgedCall) -> CallFacts {
        // What has no canonical form is still evidence: then its bytes are named.
        let digest = (try? judged.call.action.argumentsDigest()) ?? judged.call.bodyDigest
        return CallFacts(
            call: judged.id, agent: judged.caller.peer.id.text, subject: judged.token?.subject,
            actors: judged.token?.actors ?? [], source: judged.caller.source,
            protocolName: Text(judged.open.route.speaks.rawValue), host: judged.open.request.host,
            action: judged.call.action.action, resource: judged.call.action.resource, argumentsDigest: digest,
            transaction: judged.token?.transaction, requestID: judged.id.text)
    }

    /// CB4A's words for the same facts.
    private static func broker(_ judged: JudgedCall, tier: BrokerFacts.Tier, approver: Text?) -> BrokerFacts {
        let token = judged.token
        return BrokerFacts(
            tier: tier, credentialScope: token.map { $0.action + " " + $0.resource },
            credentialSeconds: token.map { ($0.expiresAt - $0.issuedAt).components.seconds },
            targetService: judged.audience, targetAction: judged.call.action.action,
            approver: approver ?? (tier == .auto ? "auto" : nil), correlationID: token?.transaction)
    }
}

extension [Text] {
    fileprivate var joined: Text { Text(map(\.bytes).joined(separator: [0x2C, 0x20])) }
}

/// Approvals in the ledger, both ways.
///
/// Arguments are not stored: the digest binds them.
public enum ApprovalEntries {
    public static func requested(
        _ placement: Placement, _ request: HeldRequest, _ requirements: [Requirement], call: CallID,
        at time: Timestamp
    ) -> Entry {
        var canonical = request.canonical.object ?? JSONObject()
        canonical = JSONObject(canonical.members.filter { $0.name != "arguments" })
        return ApprovalRequestedRecord(
            approval: placement.approval, call: call, agent: request.agent.text, digest: placement.digest,
            request: .object(canonical), requirements: requirements.map(\.json), created: time,
            expires: placement.expiresAt
        ).entry
    }

    public static func reviewed(_ approval: CallID, _ review: Review) -> Entry {
        ApprovalReviewedRecord(
            approval: approval, reviewer: review.person, credential: review.credential,
            groups: review.groups.sorted(),
            decision: review.decision == .approve ? .approve : .deny, reason: review.reason,
            digest: review.digest,
            rules: review.rules.map { .string($0.hex) }
        ).entry
    }
}

/// An approval that the ledger knows as open, with its reviews, back in the words of `Approvals`.
extension RestoredApproval {
    /// Nil when the records do not say enough, which a ledger of this version never does.
    public init?(_ open: OpenApproval) {
        guard let id = open.requested["approval"]?.string.flatMap({ CallID($0) }),
            let about = ApprovalSubject(open.requested),
            let holds = open.requested["holds"]?.array,
            let created = open.requested["created_at"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        let requirements = holds.compactMap(Requirement.init(json:))
        guard requirements.count == holds.count else { return nil }
        let reviews = open.reviews.compactMap(Review.init(recorded:))
        guard reviews.count == open.reviews.count else { return nil }
        self.init(
            id: id, about: about, requirements: requirements, createdAt: created, reviews: reviews,
            approvedAt: open.approved?.time)
    }
}

extension ApprovalSubject {
    fileprivate init?(_ requested: JSONObject) {
        guard let request = requested["request"], let digest = requested["digest"]?.string,
            let agent = request["agent"]?.string.flatMap({ try? SPIFFEID($0) }),
            let subject = request["subject"]?.string, let kind = request["protocol"]?.string,
            let host = request["host"]?.string, let action = request["action"]?.string,
            let resource = request["resource"]?.string
        else { return nil }
        self.init(
            agent: agent, subject: subject, kind: kind, host: host, action: action, resource: resource,
            digest: digest)
    }
}

extension Review {
    /// From an `approval.reviewed` record: the same facts under the ledger's names.
    fileprivate init?(recorded: OpenApproval.Review) {
        let record = recorded.members
        self.init(
            json: .object([
                "person": record["approver_identity"], "credential": record["credential"],
                "groups": record["groups"],
                "decision": record["decision"], "reason": record["reason"]?.string.map { .string($0) },
                "digest": record["digest"], "rules": record["rules"], "time": .string(recorded.time.rfc3339),
            ]))
    }
}
