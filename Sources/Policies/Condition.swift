internal import Patterns
internal import Primitives

/// One `when` item: a key, an operator and a value.
struct Condition: Sendable {
    /// Items of an array that are looked at; a longer one counts as absent.
    static let elementsMax = 1024

    let key: AttributeKey
    /// As written, for people.
    let keyText: Text
    let test: Test
    /// `onMissing: Ignore`: an absent attribute makes a `Deny` or `Hold` not match.
    let ignoresMissing: Bool

    enum Test: Sendable {
        case equals([JSON], isNegated: Bool)
        case compares(Comparison, Decimal)
        case matches(Pattern, isNegated: Bool)
        case startsWith(Text)
        case endsWith(Text)
        case contains(Text)
        case exists(Bool)
    }

    enum Comparison: Sendable {
        case greater, greaterOrEqual, less, lessOrEqual
    }

    /// Whether the item is met, and whether that was decided without a value of the right type.
    struct Judgement {
        let isMet: Bool
        let isMissing: Bool
    }

    /// What cannot be told goes against the caller (contract §4.4): it makes no `Allow` match, and every `Deny` and `Hold`.
    func judge(_ value: AttributeValue, for effect: Decision.Effect) -> Judgement {
        let undecided = effect != .allow && !ignoresMissing
        if case .exists(let wanted) = test { return Self.presence(of: value, wanted: wanted, or: undecided) }
        guard case .found(let json) = value else { return Judgement(isMet: undecided, isMissing: true) }
        guard case .array(let items) = json else {
            let answer = holds(for: json)
            return Judgement(isMet: answer ?? undecided, isMissing: answer == nil)
        }
        return judge(items, for: effect, or: undecided)
    }

    /// Of an array `Deny` and `Hold` want any item and `Allow` all of them; without items there is no value.
    private func judge(_ items: [JSON], for effect: Decision.Effect, or undecided: Bool) -> Judgement {
        guard 1...Self.elementsMax ~= items.count else { return Judgement(isMet: undecided, isMissing: true) }
        var isMissing = false
        func isMet(_ item: JSON) -> Bool {
            let answer = holds(for: item)
            if answer == nil { isMissing = true }
            return answer ?? undecided
        }
        let all = effect == .allow ? items.allSatisfy(isMet) : items.contains(where: isMet)
        return Judgement(isMet: all, isMissing: isMissing)
    }

    private static func presence(of value: AttributeValue, wanted: Bool, or undecided: Bool) -> Judgement {
        switch value {
        case .found: Judgement(isMet: wanted, isMissing: false)
        case .absent: Judgement(isMet: !wanted, isMissing: false)
        case .unclear: Judgement(isMet: undecided, isMissing: true)
        }
    }

    /// The test of one value; nil when it is of another type or a limit was hit.
    private func holds(for value: JSON) -> Bool? {
        switch test {
        case .equals(let operands, let isNegated):
            guard operands.contains(where: { $0.isOfType(of: value) }) else { return nil }
            return operands.contains(value) != isNegated
        case .compares(let comparison, let bound):
            return decimal(of: value).map { comparison.holds($0, bound) }
        case .matches(let pattern, let isNegated):
            guard let text = value.string else { return nil }
            switch pattern.match(text) {
            case .match: return !isNegated
            case .noMatch: return isNegated
            case .limit: return nil
            }
        case .startsWith(let part): return value.string?.hasPrefix(part)
        case .endsWith(let part): return value.string?.hasSuffix(part)
        case .contains(let part): return value.string?.contains(part)
        case .exists: preconditionFailure("`Exists` is decided by presence, before any value is looked at")
        }
    }

    private func decimal(of value: JSON) -> Decimal? {
        guard key.valueKind == .textOrDecimal else { return value.number }
        return value.string.flatMap { Decimal($0.bytes) }
    }
}

extension Condition.Comparison {
    fileprivate func holds(_ value: Decimal, _ bound: Decimal) -> Bool {
        switch self {
        case .greater: value > bound
        case .greaterOrEqual: value >= bound
        case .less: value < bound
        case .lessOrEqual: value <= bound
        }
    }
}

extension JSON {
    /// Both texts, both numbers or both booleans.
    fileprivate func isOfType(of other: JSON) -> Bool {
        switch (self, other) {
        case (.string, .string), (.number, .number), (.bool, .bool): true
        default: false
        }
    }
}
