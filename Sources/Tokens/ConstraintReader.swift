import Primitives

/// Reads one constraint, completely: an unknown type or member makes the token invalid when it is verified,
/// not later.
///
/// Lists are never empty and a range has at least one end: what a mistake would leave behind permits nothing.
enum ConstraintReader {
    /// How deep `all` and `any` may nest.
    static let depthMax = 8

    /// Nil for anything that is not a constraint.
    static func read(_ json: JSON, depth: Int = 1) -> Constraint? {
        guard depth <= depthMax, let members = json.object, let type = members["constraint_type"]?.string
        else {
            return nil
        }
        switch type {
        case "exact": return only("value", of: members).map { .exact($0) }
        case "one_of": return set("values", of: members).map { .oneOf($0) }
        case "not_one_of": return set("excluded", of: members).map { .notOneOf($0) }
        case "contains": return set("required", of: members).map { .contains($0) }
        case "subset": return set("allowed", of: members).map { .subset($0) }
        case "wildcard": return members.count == 1 ? .wildcard : nil
        case "range": return range(members).map { .range($0) }
        case "all": return list(members, depth).map { .all($0) }
        case "any": return list(members, depth).map { .any($0) }
        default: return nil
        }
    }

    /// The one member beside the type.
    private static func only(_ name: Text, of members: JSONObject) -> JSON? {
        members.count == 2 ? members[name] : nil
    }

    private static func set(_ name: Text, of members: JSONObject) -> Set<JSON>? {
        guard let items = only(name, of: members)?.array, !items.isEmpty else { return nil }
        return Set(items)
    }

    private static func list(_ members: JSONObject, _ depth: Int) -> [Constraint]? {
        guard let items = only("constraints", of: members)?.array, !items.isEmpty else { return nil }
        let constraints = items.compactMap { read($0, depth: depth + 1) }
        return constraints.count == items.count ? constraints : nil
    }

    private static func range(_ members: JSONObject) -> Constraint.NumberRange? {
        var range = Constraint.NumberRange()
        for member in members.members {
            switch member.name {
            case "constraint_type": continue
            case "min":
                guard let number = member.value.number else { return nil }
                range.min = number
            case "max":
                guard let number = member.value.number else { return nil }
                range.max = number
            case "min_inclusive":
                guard let flag = member.value.bool else { return nil }
                range.includesMin = flag
            case "max_inclusive":
                guard let flag = member.value.bool else { return nil }
                range.includesMax = flag
            default: return nil
            }
        }
        return range.min == nil && range.max == nil ? nil : range
    }
}
