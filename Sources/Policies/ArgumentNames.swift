internal import Primitives

/// The names in `args.*` that some rule reads, as one tree: a request's arguments are walked once, however many rules.
///
/// It finds what a tool may read in another way than the rules did. Many readers of JSON ignore the case of names,
/// some by Unicode (to Go's `encoding/json` the long `ſ` is an `s`), and of `amount` and `Amount` they take the last.
struct ArgumentNames: Sendable {
    private struct Branch: Sendable {
        let name: Text
        /// Of the first rule that reads it, as written there.
        let key: Text
        var below = ArgumentNames()
    }

    /// By folded name.
    private var branches: [Text: [Branch]] = [:]

    init() {}

    init(readBy conditions: [Condition]) {
        for condition in conditions {
            if case .arguments(let path) = condition.key { add(path[...], key: condition.keyText) }
        }
    }

    private mutating func add(_ path: ArraySlice<Text>, key: Text) {
        guard let name = path.first else { return }
        var group = branches[name.caseFolded] ?? []
        let place = group.firstIndex { $0.name == name } ?? group.endIndex
        if place == group.endIndex { group.append(Branch(name: name, key: key)) }
        group[place].below.add(path.dropFirst(), key: key)
        branches[name.caseFolded] = group
    }

    /// A key with a name on its way that a member of `value` spells in another letter case.
    func ambiguousKey(in value: JSON) -> Text? {
        guard !branches.isEmpty, let object = value.object else { return nil }
        for member in object.members {
            for branch in branches[member.name.caseFolded] ?? [] {
                guard branch.name == member.name else { return branch.key }
                if let key = branch.below.ambiguousKey(in: member.value) { return key }
            }
        }
        return nil
    }
}

extension Text {
    /// The same for names that differ in letter case only.
    fileprivate var caseFolded: Text {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return lowercased }
        // To upper case first: `ſ` has no lower case but shares `S`.
        let upper = string.unicodeScalars.lazy.flatMap { $0.properties.uppercaseMapping.unicodeScalars }
        return Text(upper.flatMap { $0.properties.lowercaseMapping.utf8 })
    }
}
