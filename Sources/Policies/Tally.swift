internal import Primitives

/// The rules that matched, gathered, and the one decision that follows from them (contract §4.2, §4.7).
struct Tally {
    private var matched: [Text] = []
    private var missing: [Text] = []
    private var shadow: [(rule: Text, effect: Decision.Effect)] = []
    private var deny: Match?
    private var allow: Match?
    private var allowWithoutToken: Match?
    private var holds: [Match] = []
    /// Of an `Allow` that would have matched, had these keys been there.
    private var missingForAllow: [Text] = []

    private struct Match {
        let rule: Rule
        let missing: [Text]
    }

    mutating func count(_ rule: Rule, _ judgement: (isMet: Bool, missing: [Text])) {
        guard !rule.isShadow else {
            if judgement.isMet { shadow.append((rule.name, rule.effect)) }
            return
        }
        for key in judgement.missing where !missing.contains(key) { missing.append(key) }
        guard judgement.isMet else {
            if rule.effect == .allow, missingForAllow.isEmpty { missingForAllow = judgement.missing }
            return
        }
        matched.append(rule.name)
        let match = Match(rule: rule, missing: judgement.missing)
        switch rule.effect {
        case .deny: deny = deny ?? match
        case .hold: holds.append(match)
        case .allow:
            allow = allow ?? match
            if rule.needsNoToken { allowWithoutToken = allowWithoutToken ?? match }
        }
    }

    /// Without a token only an `Allow` that needs none counts, and nothing is held: the caller is asked for one.
    func decision(hasToken: Bool, revision: Digest) -> Decision {
        let tokenRequired = allowWithoutToken == nil || !holds.isEmpty
        let allow = hasToken ? allow : allowWithoutToken
        func decision(_ effect: Decision.Effect, _ match: Match?, _ reason: String) -> Decision {
            Decision(
                effect: effect, rule: match?.rule.name, reason: reason, matched: matched, missing: missing,
                message: match?.rule.message, holds: effect == .hold ? holds.compactMap(\.rule.hold) : [],
                revision: revision, tokenRequired: tokenRequired, shadow: shadow)
        }
        if let deny {
            return decision(.deny, deny, "denied by `\(deny.rule.name)`" + Self.because(deny.missing))
        }
        guard let allow else {
            if !hasToken { return decision(.deny, nil, "no rule allows this without a token") }
            return decision(.deny, nil, "no rule allows this" + Self.because(missingForAllow))
        }
        if let hold = holds.first {
            guard hasToken else {
                return decision(.deny, hold, "held by `\(hold.rule.name)`, which needs a token")
            }
            return decision(.hold, hold, "held by `\(hold.rule.name)`" + Self.because(hold.missing))
        }
        return decision(.allow, allow, "allowed by `\(allow.rule.name)`")
    }

    private static func because(_ missing: [Text]) -> String {
        guard !missing.isEmpty else { return "" }
        let keys = missing.map { "`\($0)`" }.joined(separator: ", ")
        return ": \(keys) \(missing.count == 1 ? "is" : "are") absent or of another type"
    }
}
