public import Primitives

/// What one matching `Hold` rule asks for (contract §4, §5).
public struct Requirement: Sendable, Hashable {
    public var rule: Text
    /// SHA-256 of the rule's content.
    ///
    /// A review counts only for a rule that still says the same.
    public var ruleDigest: Digest
    /// Reviewers from any of these count.
    public var groups: [Text]
    /// How many distinct persons must approve; at least 1.
    public var required: Int
    /// From the moment the approval was asked for.
    public var expiresAfter: Duration
    /// The rule says `subject: workload`: a subject that is no configured person is fine.
    public var subjectIsWorkload: Bool
    /// The rule's message to people.
    public var message: Text?

    public init(
        rule: Text, ruleDigest: Digest, groups: [Text], required: Int, expiresAfter: Duration,
        subjectIsWorkload: Bool = false, message: Text? = nil
    ) {
        (self.rule, self.ruleDigest, self.groups, self.required) = (rule, ruleDigest, groups, required)
        (self.expiresAfter, self.subjectIsWorkload, self.message) = (expiresAfter, subjectIsWorkload, message)
    }

    func admits(_ groups: Set<Text>) -> Bool { self.groups.contains { groups.contains($0) } }

    /// The distinct persons whose approval counts here, apart from the excluded ones.
    func approvers(among reviews: [Review], excluding excluded: Set<Text>) -> Set<Text> {
        Set(
            reviews.lazy
                .filter { $0.decision == .approve && $0.rules.contains(ruleDigest) && admits($0.groups) }
                .map(\.person)
        ).subtracting(excluded)
    }

    func isMet(by reviews: [Review], excluding excluded: Set<Text>) -> Bool {
        required >= 1 && approvers(among: reviews, excluding: excluded).count >= required
    }
}

extension Requirement {
    /// The form kept in the ledger; `init(json:)` reads it back.
    public var json: JSON {
        .object([
            "rule": .string(rule), "ruleDigest": .string(ruleDigest.hex),
            "groups": .array(groups.map { .string($0) }),
            "required": .integer(Int64(required)),
            "expiresAfterMilliseconds": .integer(expiresAfter.nanosecondsClamped / 1_000_000),
            "subjectIsWorkload": .bool(subjectIsWorkload), "message": message.map { .string($0) },
        ])
    }

    /// Nil for anything `json` does not write.
    public init?(json: JSON) {
        guard let rule = json["rule"]?.string, let hex = json["ruleDigest"]?.string,
            let digest = Digest(hex: hex),
            let groups = json["groups"]?.texts, let required = json["required"]?.integer,
            let milliseconds = json["expiresAfterMilliseconds"]?.integer,
            let subjectIsWorkload = json["subjectIsWorkload"]?.bool
        else { return nil }
        self.init(
            rule: rule, ruleDigest: digest, groups: groups, required: Int(clamping: required),
            expiresAfter: .milliseconds(milliseconds), subjectIsWorkload: subjectIsWorkload,
            message: json["message"]?.string)
    }
}

extension JSON {
    /// An array of strings only.
    var texts: [Text]? {
        guard let items = array else { return nil }
        let texts = items.compactMap(\.string)
        return texts.count == items.count ? texts : nil
    }
}
