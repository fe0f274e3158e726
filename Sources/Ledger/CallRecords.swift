public import Primitives

// The three records of a call: `decision` (durable before any answer, hold or forwarding), `release` (a held
// call let go, which consumes its approval) and `effect` (what came of a forwarded one). Arguments appear as
// digests; tokens, proofs and keys never do. CB4A §4.7 calls `agent` `agent_spiffe_id` and `time`
// `timestamp`; its other names stand as they are, null where not used.

/// Who called what: the members that `decision` and `release` share.
public struct CallFacts: Hashable, Sendable {
    public var call: CallID
    /// The caller's SPIFFE ID.
    public var agent: Text
    public var subject: Text?
    /// The `act` chain, outermost first.
    public var actors: [Text]
    /// The client's address and port.
    public var source: Text?
    /// `http`, `mcp` or `grpc`.
    public var protocolName: Text
    public var host, action, resource: Text?
    /// `sha-256:` and base64url, as in the token.
    public var argumentsDigest: Text?
    /// The token's `txn`.
    public var transaction: Text?
    public var requestID, traceID: Text?

    public init(
        call: CallID, agent: Text, subject: Text? = nil, actors: [Text] = [], source: Text? = nil,
        protocolName: Text, host: Text? = nil, action: Text? = nil, resource: Text? = nil,
        argumentsDigest: Text? = nil, transaction: Text? = nil, requestID: Text? = nil, traceID: Text? = nil
    ) {
        (self.call, self.agent, self.subject, self.actors) = (call, agent, subject, actors)
        (self.source, self.protocolName, self.host) = (source, protocolName, host)
        (self.action, self.resource, self.argumentsDigest) = (action, resource, argumentsDigest)
        (self.transaction, self.requestID, self.traceID) = (transaction, requestID, traceID)
    }

    func write(into members: inout Members) {
        members.call("call", call)
        members.text("agent", agent)
        members.text("subject", subject)
        members.texts("act", actors)
        members.text("source", source)
        members.text("protocol", protocolName)
        members.text("host", host)
        members.text("action", action)
        members.text("resource", resource)
        members.text("args_digest", argumentsDigest)
        members.text("txn", transaction)
        members.text("request_id", requestID)
        members.text("trace_id", traceID)
    }
}

/// CB4A §4.7's members.
public struct BrokerFacts: Hashable, Sendable {
    public enum Tier: String, Hashable, Sendable { case auto, hitl, mfa }

    public var tier: Tier?
    public var credentialScope: Text?
    public var credentialSeconds: Int64?
    public var targetService, targetAction: Text?
    /// `auto`, or the persons who approved.
    public var approver: Text?
    public var correlationID: Text?
    public var envelopeDigest: Digest?

    public init(
        tier: Tier? = nil, credentialScope: Text? = nil, credentialSeconds: Int64? = nil,
        targetService: Text? = nil,
        targetAction: Text? = nil, approver: Text? = nil, correlationID: Text? = nil,
        envelopeDigest: Digest? = nil
    ) {
        (self.tier, self.credentialScope, self.credentialSeconds) = (tier, credentialScope, credentialSeconds)
        (self.targetService, self.targetAction) = (targetService, targetAction)
        (self.approver, self.correlationID, self.envelopeDigest) = (approver, correlationID, envelopeDigest)
    }

    func write(into members: inout Members) {
        members.word("decision_tier", tier?.rawValue)
        members.text("credential_scope", credentialScope)
        members.integer("credential_ttl_seconds", credentialSeconds)
        members.text("target_service", targetService)
        members.text("target_action", targetAction)
        members.text("approver_identity", approver)
        members.text("correlation_id", correlationID)
        members.digest("envelope_hash", envelopeDigest)
    }
}

/// The token that a decision spends.
///
/// The replay key is issuer and token id.
public struct SpentToken: Hashable, Sendable {
    public let issuer, tokenID: Text
    /// Recorded in whole seconds, rounded up.
    public let expires: Timestamp
    /// SHA-256 of the token's bytes.
    public let digest: Digest

    public init(issuer: Text, tokenID: Text, expires: Timestamp, digest: Digest) {
        (self.issuer, self.tokenID, self.expires, self.digest) = (issuer, tokenID, expires, digest)
    }

    func write(into members: inout Members) {
        members.text("iss", issuer)
        members.text("jti", tokenID)
        members.integer("exp", expires.secondsRoundedUp)
        members.digest("token_sha256", digest)
    }

    /// Throws for what could not be read back as the same text.
    func claim() throws(UnusableRecord) -> LiveChange.Claim {
        guard UTF8Check.isValid(issuer.bytes) else { throw UnusableRecord("`iss` is not a text") }
        guard UTF8Check.isValid(tokenID.bytes) else { throw UnusableRecord("`jti` is not a text") }
        return LiveChange.Claim(issuer: issuer, tokenID: tokenID, expires: expires.secondsRoundedUp)
    }
}

/// What was decided about a call whose token was redeemed, or that a rule lets pass without one.
public struct DecisionRecord: Sendable {
    public enum Decision: String, Hashable, Sendable { case allow, deny, hold }

    public var facts: CallFacts
    public var decision: Decision
    /// The rule that settled it; null for "no rule allows it".
    public var rule, policyRevision: Text?
    /// Names of all rules that matched, and keys of attributes that rules wanted and the call had not.
    public var matched, missing: [Text]
    /// Rules in shadow mode that matched.
    ///
    /// `{rule, effect}` each. They decided nothing.
    public var shadow: [JSON] = []
    public var message: Text?
    public var claim: SpentToken?
    public var approval: CallID?
    public var broker: BrokerFacts

    public init(
        _ facts: CallFacts, _ decision: Decision, rule: Text? = nil, policyRevision: Text? = nil,
        matched: [Text] = [], missing: [Text] = [], message: Text? = nil, claim: SpentToken?,
        approval: CallID? = nil, broker: BrokerFacts = BrokerFacts()
    ) {
        (self.facts, self.decision, self.rule, self.policyRevision) = (facts, decision, rule, policyRevision)
        (self.matched, self.missing, self.message) = (matched, missing, message)
        (self.claim, self.approval, self.broker) = (claim, approval, broker)
    }

    public var entry: Entry {
        var members = Members(expecting: Members.bytesOfDecision)
        members.word("event_type", "usage")
        facts.write(into: &members)
        members.word("decision", decision.rawValue)
        members.text("rule", rule)
        members.text("policy_revision", policyRevision)
        members.texts("matched", matched)
        members.texts("missing", missing)
        members.json("shadow", .array(shadow))
        members.text("message", message)
        if let claim { members.object("claim") { claim.write(into: &$0) } } else { members.null("claim") }
        members.call("approval", approval)
        broker.write(into: &members)
        return Entry(known: Self.event, members, changing: change)
    }

    private static let event: Text = "decision"

    private func change() throws(UnusableRecord) -> LiveChange {
        .decided(call: decision == .allow ? facts.call.text : nil, claim: try claim?.claim())
    }
}

/// A held call let go: this one line is the consumption of its approval.
public struct ReleaseRecord: Sendable {
    public var facts: CallFacts
    public var approval: CallID
    public var policyRevision: Text?
    public var broker: BrokerFacts

    public init(
        _ facts: CallFacts, approval: CallID, policyRevision: Text? = nil, broker: BrokerFacts = BrokerFacts()
    ) {
        (self.facts, self.approval) = (facts, approval)
        (self.policyRevision, self.broker) = (policyRevision, broker)
    }

    public var entry: Entry {
        var members = Members(expecting: Members.bytesOfDecision)
        members.word("event_type", "usage")
        facts.write(into: &members)
        members.call("approval", approval)
        members.text("policy_revision", policyRevision)
        broker.write(into: &members)
        return Entry(known: Self.event, members) { .released(call: facts.call.text, approval: approval.text) }
    }

    private static let event: Text = "release"
}

/// What came of a call that was forwarded, or was about to be.
public struct EffectRecord: Sendable {
    public enum Outcome: String, Hashable, Sendable { case completed, failed, unknown, cancelled }

    public var call: Text
    public var outcome: Outcome
    /// The tool's HTTP status, if it answered.
    public var status: Int?
    public var duration: Duration?
    public var responseDigest: Digest?
    /// Why, in a few words, where it did not complete.
    public var reason: Text?

    public init(
        call: CallID, _ outcome: Outcome, status: Int? = nil, duration: Duration? = nil,
        responseDigest: Digest? = nil, reason: Text? = nil
    ) {
        (self.call, self.outcome, self.status) = (call.text, outcome, status)
        (self.duration, self.responseDigest, self.reason) = (duration, responseDigest, reason)
    }

    /// For a call of `RecoveredState.openCalls`: it may have reached the tool before the process ended.
    public init(unfinished call: Text) {
        (self.call, outcome, reason) = (call, .unknown, "the proxy ended before the outcome was known")
    }

    public var entry: Entry {
        var members = Members()
        members.text("call", call)
        members.word("outcome", outcome.rawValue)
        members.integer("status", status.map { Int64($0) })
        members.integer("duration_us", duration.map { $0.nanosecondsClamped / 1_000 })
        members.digest("response_digest", responseDigest)
        members.text("reason", reason)
        return Entry(known: Self.event, members) { () throws(UnusableRecord) in
            guard UTF8Check.isValid(call.bytes) else { throw UnusableRecord("`call` is not a text") }
            return .concluded(call: call)
        }
    }

    private static let event: Text = "effect"
}

extension Timestamp {
    /// A token is not expired before the second it names has come.
    var secondsRoundedUp: Int64 { Timestamp(seconds: seconds) < self ? seconds + 1 : seconds }
}
