import Primitives

/// All constraints of a token as a tree over the arguments, a closed world at every level: an argument that
/// is not named is refused, and so is a named one that is absent.
struct ArgumentConstraints: Sendable {
    indirect enum Node: Sendable {
        case value(Constraint)
        case members([Text: Node])
    }

    private var root: [Text: Node] = [:]

    /// The member `constraints` of a token: at least one path, each with its constraint, none leading into
    /// another.
    init(_ json: JSON) throws(DetailsError) {
        guard let members = json.object?.members, !members.isEmpty else { throw .emptyConstraints }
        for member in members {
            let name = ArgumentPath.shown([member.name])
            guard let path = ArgumentPath(member.name) else { throw .path(name) }
            guard let constraint = ConstraintReader.read(member.value) else { throw .constraint(name) }
            guard Self.insert(constraint, at: path.segments[...], into: &root) else { throw .overlap(name) }
        }
    }

    /// False when the place is taken.
    private static func insert(
        _ constraint: Constraint, at path: ArraySlice<Text>, into members: inout [Text: Node]
    ) -> Bool {
        guard let name = path.first else { return false }
        if path.count == 1 {
            guard members[name] == nil else { return false }
            members[name] = .value(constraint)
            return true
        }
        var inner: [Text: Node] = [:]
        switch members[name] {
        case nil: break
        case .members(let present): inner = present
        case .value: return false
        }
        guard insert(constraint, at: path.dropFirst(), into: &inner) else { return false }
        members[name] = .members(inner)
        return true
    }

    /// Whether some path is, or leads into, that argument.
    func names(_ argument: Text) -> Bool { root[argument] != nil }

    /// Whether some path leads into that argument.
    func namesMembers(of argument: Text) -> Bool {
        if case .members = root[argument] { true } else { false }
    }

    /// `query`: the argument whose text values may be read as numbers by a `range`.
    func check(_ arguments: JSONObject, query: Text? = nil) throws(TokenError) {
        try Self.check(arguments, against: root, path: [], query: query)
    }

    private static func check(
        _ object: JSONObject, against members: [Text: Node], path: [Text], query: Text?,
        textIsNumber: Bool = false
    ) throws(TokenError) {
        for member in object.members {
            let path = path + [member.name]
            let textIsNumber = textIsNumber || path.count == 1 && member.name == query
            switch members[member.name] {
            case .value(let constraint):
                guard constraint.admits(member.value, textIsNumber: textIsNumber) else { throw refusal(path) }
            case .members(let inner):
                guard let object = member.value.object else { throw refusal(path) }
                try check(object, against: inner, path: path, query: query, textIsNumber: textIsNumber)
            case nil: throw refusal(path)
            }
        }
        // Every member is named and none comes twice, so equal counts mean that none is absent.
        guard object.count == members.count else {
            let present = Set(object.names)
            throw refusal(path + [members.keys.filter { !present.contains($0) }.min() ?? ""])
        }
    }

    private static func refusal(_ path: [Text]) -> TokenError { .constraint(path: ArgumentPath.shown(path)) }
}
