public import Primitives

/// What the rules say about one request, and why; only `PolicySet.decide` makes one.
public struct Decision: Sendable {
    public enum Effect: Sendable, Hashable, CaseIterable {
        case allow, deny, hold
    }

    public let effect: Effect
    /// The rule that decided; nil when no rule allows the request.
    public let rule: Text?
    /// For people, in one line: "denied by `x`", "no rule allows this".
    public let reason: String
    /// Every rule that matched and is enforced, in the order of the files.
    public let matched: [Text]
    /// Keys that a selected rule read and that were absent or of another type.
    public let missing: [Text]
    /// What the deciding rule wants to tell the caller.
    public let message: Text?
    /// What must be satisfied before a held request runs, one for each matching `Hold`; empty unless held.
    public let holds: [HoldRequirement]
    /// Of the rule set that decided.
    public let revision: Digest
    /// True unless an `Allow` that needs no token matched and no `Hold` did (contract §4.7).
    public let tokenRequired: Bool
    /// Rules in `Shadow` mode that matched: what they would have done.
    public let shadow: [(rule: Text, effect: Effect)]
}

/// The `approval` block of one matching `Hold`.
public struct HoldRequirement: Sendable, Hashable {
    public static let requiredMax = 20
    public static let expiresAfterDefault: Duration = .seconds(15 * 60)
    public static let expiresAfterRange: ClosedRange<Duration> = .seconds(1) ... .seconds(7 * 24 * 3600)

    public let rule: Text
    /// SHA-256 of what the rule says, however it is laid out: reviews count only under an identical rule (contract §5).
    public let ruleDigest: Digest
    /// Reviewers are of any of these.
    public let groups: [Text]
    /// Distinct persons who must approve.
    public let required: Int
    public let expiresAfter: Duration
    /// True when the subject is a workload, so that nobody has to stand behind it.
    public let subjectIsWorkload: Bool
    public let message: Text?

    public init(
        rule: Text, ruleDigest: Digest, groups: [Text], required: Int, expiresAfter: Duration,
        subjectIsWorkload: Bool, message: Text?
    ) {
        self.rule = rule
        self.ruleDigest = ruleDigest
        self.groups = groups
        self.required = required
        self.expiresAfter = expiresAfter
        self.subjectIsWorkload = subjectIsWorkload
        self.message = message
    }
}
