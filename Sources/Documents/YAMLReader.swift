internal import Primitives
internal import Yams

/// Reads one YAML document into nodes that know where they stand; the only door to Yams.
///
/// YAML is taken as a way to write mappings, lists and scalars and nothing else. Anchors, aliases, merge keys, explicit
/// tags, keys that are not scalars, a second document and a key written twice are refused: each of them lets a file
/// mean something other than what a reviewer sees.
public enum YAMLReader {
    /// Bytes of a file.
    public static let bytesMax = 1 << 20
    /// Lists and mappings inside each other.
    public static let depthMax = 32

    /// The root of the one document in `bytes`, which are UTF-8; `file` is only for positions.
    public static func read(_ bytes: [UInt8], file: String) throws(DocumentError) -> Node {
        let source = try SourceText(bytes, file: file)
        if let alias = source.firstFollowedAlias() { throw DocumentError(anchorMessage, at: alias) }
        do {
            let parser = try Parser(yaml: source.string, resolver: .basic, encoding: .utf8)
            guard let root = try parser.singleRoot() else {
                throw DocumentError("the file is empty", at: source.position(line: 1, column: 1))
            }
            return try convert(root, in: source, depth: 0)
        } catch let error as YamlError {
            throw documentError(for: error, in: source)
        } catch let error as DocumentError {
            throw error
        } catch {
            preconditionFailure("Yams threw what is not its error: \(error)")
        }
    }

    private static let anchorMessage = "anchors and aliases are not supported; write the value out"

    private static func convert(
        _ node: Yams.Node, in source: SourceText, depth: Int
    ) throws(DocumentError) -> Node {
        let position = source.position(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        guard depth <= depthMax else {
            throw DocumentError("lists and mappings are nested more than \(depthMax) deep", at: position)
        }
        try refuseProperties(at: position, in: source)
        switch node {
        case .scalar(let scalar):
            return Node(.scalar(Text(scalar.string), isQuoted: scalar.style != .plain), at: position)
        case .sequence(let sequence):
            var items: [Node] = []
            for item in sequence { items.append(try convert(item, in: source, depth: depth + 1)) }
            return Node(.sequence(items), at: position)
        case .mapping(let mapping):
            var members: [Node.Member] = []
            for (key, value) in mapping {
                let name = try self.key(key, in: source, depth: depth + 1)
                members.append(.init(key: name, value: try convert(value, in: source, depth: depth + 1)))
            }
            return Node(.mapping(members), at: position)
        case .alias:
            throw DocumentError(anchorMessage, at: position)
        }
    }

    private static func key(_ node: Yams.Node, in source: SourceText, depth: Int) throws(DocumentError)
        -> Node
    {
        let key = try convert(node, in: source, depth: depth)
        guard case .scalar(let name, let isQuoted) = key.kind else {
            throw key.error("a key is a name, not \(key.found)")
        }
        guard isQuoted || name != "<<" else {
            throw key.error("merge keys are not supported; write the keys out")
        }
        return key
    }

    /// A node's mark is where its tag or anchor begins, when it has one.
    private static func refuseProperties(at position: Position, in source: SourceText) throws(DocumentError) {
        switch source.scalar(line: position.line, column: position.column) {
        case "&", "*": throw DocumentError(anchorMessage, at: position)
        case "!": throw DocumentError("tags are not supported; quote what is meant as text", at: position)
        default: return
        }
    }

    private static func documentError(for error: YamlError, in source: SourceText) -> DocumentError {
        switch error {
        case .composer(_, let problem, let mark, _):
            // The two errors of Yams' composer: an undefined alias, and `but found another document`.
            let isAlias = Text(problem).contains("alias" as Text)
            let message = isAlias ? anchorMessage : "a second document begins here; one file is one document"
            return DocumentError(message, at: source.position(line: mark.line, column: mark.column))
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            let doing = context.map { "\($0.text), " } ?? ""
            return DocumentError(
                "not YAML: \(doing)\(problem)", at: source.position(line: mark.line, column: mark.column))
        case .duplicatedKeysInMapping(let names, let context):
            let name = Quoted.name(Text(names.min() ?? ""))
            return DocumentError(
                "the key \(name) is written more than once in this mapping",
                at: source.position(line: context.mark.line, column: context.mark.column))
        case .reader(let problem, _, _, _):
            return DocumentError("not YAML: \(problem)", at: source.position(line: 1, column: 1))
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return DocumentError("not YAML: \(error)", at: source.position(line: 1, column: 1))
        }
    }
}
