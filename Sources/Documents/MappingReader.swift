internal import Primitives

/// A mapping with a closed list of keys.
///
/// It is made only by `Node.mapping(keys:)`, which has already refused every key that is not on the list; so nothing
/// an operator wrote goes unread without a word.
public struct MappingReader: Sendable {
    public let position: Position
    private let keys: [String]
    private let members: [Node.Member]

    fileprivate init(_ members: [Node.Member], keys: [String], at position: Position) {
        (self.members, self.keys, self.position) = (members, keys, position)
    }

    /// The value of a key that must be there.
    public func required(_ key: String) throws(DocumentError) -> Node {
        guard let node = optional(key) else { throw error("`\(key)` is missing") }
        return node
    }

    /// The value of a key that may be left out.
    public func optional(_ key: String) -> Node? { member(key)?.value }

    /// Where the key itself is written.
    public func keyPosition(_ key: String) -> Position? { member(key)?.key.position }

    /// The keys that are there, in the order written.
    public var presentKeys: [String] {
        members.compactMap { member in keys.first { Text($0) == member.key.scalarText } }
    }

    /// An error about the mapping as a whole.
    public func error(_ message: String) -> DocumentError { DocumentError(message, at: position) }

    /// An error about a key that is there.
    public func error(_ message: String, atKey key: String) -> DocumentError {
        DocumentError(message, at: keyPosition(key) ?? position)
    }

    /// Checks `apiVersion` and `kind`, which begin every file.
    public func requireHeader(kind: String) throws(DocumentError) {
        for (key, wanted) in [("apiVersion", "sallyport.dev/v1"), ("kind", kind)] {
            let node = try required(key)
            guard try node.text() == Text(wanted) else {
                throw node.error("expected `\(wanted)`, found \(node.found)")
            }
        }
    }

    private func member(_ key: String) -> Node.Member? {
        guard keys.contains(where: { Text($0) == Text(key) }) else {
            preconditionFailure("`\(key)` is read but not in the closed list of its mapping")
        }
        return members.first { $0.key.scalarText == Text(key) }
    }
}

extension Node {
    /// This mapping; any key that is not in `keys` is an error with the nearest valid name.
    public func mapping(keys: [String]) throws(DocumentError) -> MappingReader {
        let members = try members()
        for member in members {
            let name = member.key.scalarText
            guard keys.contains(where: { Text($0) == name }) else {
                throw member.key.error(
                    "unknown key \(Quoted.name(name)); \(Suggestion.phrase(for: name, among: keys))")
            }
        }
        return MappingReader(members, keys: keys, at: position)
    }

    /// The members of a mapping whose keys are the operator's own.
    public func members() throws(DocumentError) -> [Member] {
        guard case .mapping(let members) = kind else { throw error("expected a mapping, found \(found)") }
        return members
    }

    fileprivate var scalarText: Text {
        guard case .scalar(let text, _) = kind else { return "" }
        return text
    }
}
