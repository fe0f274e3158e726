import Primitives

/// A limit on the value of one argument (draft-niyikiza-oauth-attenuating-agent-tokens-01, core types).
///
/// Numbers are compared exactly, text as bytes, and values of different JSON types are never equal. A value
/// of a type the constraint does not speak about is refused.
indirect enum Constraint: Sendable {
    case exact(JSON)
    case oneOf(Set<JSON>)
    case notOneOf(Set<JSON>)
    case range(NumberRange)
    /// An array with all of these among its items.
    case contains(Set<JSON>)
    /// An array with no other items than these.
    case subset(Set<JSON>)
    case wildcard
    case all([Constraint])
    case any([Constraint])

    struct NumberRange: Sendable {
        var min, max: Decimal?
        var includesMin = true
        var includesMax = true

        func contains(_ number: Decimal) -> Bool {
            if let min, number < min || (number == min && !includesMin) { return false }
            if let max, number > max || (number == max && !includesMax) { return false }
            return true
        }
    }

    /// `textIsNumber`: the value comes from a query, where a number can only be written as text; a `range`
    /// then reads a text in JSON's form of a number as that number.
    func admits(_ value: JSON, textIsNumber: Bool) -> Bool {
        switch self {
        case .exact(let wanted): value == wanted
        case .oneOf(let wanted): wanted.contains(value)
        // The draft would admit `["secret"]` or `7` where only `"secret"` is excluded; a tool that converts
        // would then see what was excluded.
        case .notOneOf(let excluded):
            !excluded.contains(value) && excluded.contains { $0.isOfSameType(as: value) }
        case .range(let range): Self.number(value, textIsNumber).map(range.contains) ?? false
        case .contains(let required): value.array.map { required.subtracting($0).isEmpty } ?? false
        case .subset(let allowed): value.array.map { $0.allSatisfy(allowed.contains) } ?? false
        case .wildcard: true
        case .all(let constraints): constraints.allSatisfy { $0.admits(value, textIsNumber: textIsNumber) }
        case .any(let constraints): constraints.contains { $0.admits(value, textIsNumber: textIsNumber) }
        }
    }

    private static func number(_ value: JSON, _ textIsNumber: Bool) -> Decimal? {
        if let number = value.number { return number }
        guard textIsNumber, let text = value.string else { return nil }
        return Decimal(text.bytes)
    }
}

extension JSON {
    fileprivate func isOfSameType(as other: JSON) -> Bool {
        switch (self, other) {
        case (.null, .null), (.bool, .bool), (.number, .number), (.string, .string), (.array, .array),
            (.object, .object):
            true
        case (.null, _), (.bool, _), (.number, _), (.string, _), (.array, _), (.object, _): false
        }
    }
}
