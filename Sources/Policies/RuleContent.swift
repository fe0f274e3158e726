internal import Documents
internal import Primitives

/// What a rule says, without how it is laid out: the order of its keys, comments, quotes and white space.
///
/// Texts and numbers stay apart (`"5"` is not `5`), and equal numbers are equal (`1000`, `1e3`).
enum RuleContent {
    static func canonical(_ node: Node) -> [UInt8] {
        do {
            return try json(node).canonical()
        } catch {
            preconditionFailure("a rule's content has no numbers, so its canonical form exists: \(error)")
        }
    }

    private static func json(_ node: Node) -> JSON {
        switch node.kind {
        case .scalar: scalar(node)
        case .sequence(let items): .array(items.map(json))
        case .mapping(let members):
            .object(JSONObject(members.map { .init(name: name($0.key), value: json($0.value)) }))
        }
    }

    private static func name(_ key: Node) -> Text {
        guard case .scalar(let text, _) = key.kind else {
            preconditionFailure("a key of a mapping is a scalar")
        }
        return text
    }

    private static func scalar(_ node: Node) -> JSON {
        switch try? node.jsonValue() {
        case .number(let number): .object(["number": .string(number.value.description)])
        case .bool(let flag): .bool(flag)
        case .string(let text): .string(text)
        case .null, .array, .object, nil: .null
        }
    }
}
