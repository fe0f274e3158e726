internal import Documents
internal import Primitives

/// Reads `agent.id`, `query.limit`, `args.filter.limit`, `args["a.b"].c`.
extension AttributeKey {
    private static let fixed: [(name: String, key: AttributeKey)] = [
        ("agent.id", .agentID), ("agent.trustDomain", .agentTrustDomain), ("subject", .subject),
        ("actor.depth", .actorDepth), ("action", .action), ("resource", .resource),
        ("http.method", .httpMethod),
        ("http.path", .httpPath), ("http.host", .httpHost), ("grpc.service", .grpcService),
        ("grpc.method", .grpcMethod), ("token.issuer", .tokenIssuer), ("token.txn", .tokenTransaction),
        ("time", .time), ("source.ip", .sourceIP),
    ]
    private static let roots: [Text] = ["args", "query", "header"]

    /// Names inside each other in one key.
    static let namesMax = 16

    /// Fields that carry credentials: rules never see them, approvers are never shown them.
    private static let hiddenHeaders: [Text] = ["authorization", "proxy-authorization", "dpop"]

    init(_ node: Node) throws(DocumentError) {
        let text = try node.text()
        if let fixed = Self.fixed.first(where: { Text($0.name) == text }) {
            self = fixed.key
            return
        }
        guard
            let root = Self.roots.first(where: {
                text.hasPrefix($0) && [0x2E, 0x5B].contains(text.byte($0.count))
            })
        else { throw Self.unknown(text, at: node) }
        let rest = text.dropFirst(root.count)
        switch root {
        case "args":
            self = .arguments(try Self.names(rest, of: text, at: node))
        case "query":
            self = .query(try Self.singleName(rest, of: text, at: node))
        default:
            self = .header(try Self.headerName(rest, of: text, at: node))
        }
    }

    private static func unknown(_ text: Text, at node: Node) -> DocumentError {
        if roots.contains(text) { return unfinished(text, root: text, at: node) }
        let rest = text.firstIndex(of: 0x2E).map { text.dropFirst($0) } ?? ".name"
        let candidates = fixed.map(\.name) + roots.map { ($0 + rest).string }
        guard let nearest = Suggestion.nearest(to: text, among: candidates) else {
            let names = fixed.map(\.name) + roots.map { $0.string + ".*" }
            return node.error("unknown key \(Quoted.name(text)); \(Suggestion.phrase(for: "", among: names))")
        }
        return node.error("unknown key \(Quoted.name(text)); did you mean \(Quoted.name(Text(nearest)))?")
    }

    private static func unfinished(_ text: Text, root: Text, at node: Node) -> DocumentError {
        node.error("\(Quoted.name(text)) ends where a name should follow; write `\(root).name`")
    }

    /// Query and header names are flat: dots belong to the name.
    private static func singleName(_ rest: Text, of key: Text, at node: Node) throws(DocumentError) -> Text {
        guard rest.hasPrefix("[") else {
            guard rest.count > 1 else { throw unfinished(key, root: key.dropLast(rest.count), at: node) }
            return rest.dropFirst(1)
        }
        let names = try names(rest, of: key, at: node)
        guard names.count == 1 else { throw node.error("\(Quoted.name(key)) has more than one name") }
        return names[0]
    }

    private static func headerName(_ rest: Text, of key: Text, at node: Node) throws(DocumentError) -> Text {
        let name = try singleName(rest, of: key, at: node).lowercased
        guard name.bytes.allSatisfy(isFieldNameByte) else {
            throw node.error("\(Quoted.name(name)) is no name of a header field")
        }
        guard !hiddenHeaders.contains(name), !name.hasPrefix("sallyport-") else {
            throw node.error(
                "\(Quoted.name(name)) carries credentials or is the proxy's own; rules can not read it")
        }
        return name
    }

    /// RFC 9110 §5.6.2: `tchar`.
    private static func isFieldNameByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isASCIIDigit || Text("!#$%&'*+-.^_`|~").contains(byte)
    }

    /// `.a.b["c.d"]` as `a`, `b`, `c.d`.
    private static func names(_ path: Text, of key: Text, at node: Node) throws(DocumentError) -> [Text] {
        var names: [Text] = []
        var rest = path
        while !rest.isEmpty {
            let name: Text
            if rest.hasPrefix(".") {
                name = Text(rest.bytes.dropFirst().prefix { $0 != 0x2E && $0 != 0x5B })
                rest = rest.dropFirst(1 + name.count)
            } else if let literal = literal(rest) {
                name = literal.name
                rest = rest.dropFirst(literal.length)
            } else {
                throw node.error(
                    "\(Quoted.name(key)) is no key; write `\(key.prefix(key.count - path.count)).name` or `[\"name\"]`"
                )
            }
            guard !name.isEmpty else { throw node.error("\(Quoted.name(key)) has an empty name") }
            names.append(name)
        }
        guard names.count <= namesMax else {
            throw node.error("\(Quoted.name(key)) has more than \(namesMax) names")
        }
        return names
    }

    /// `["a.b"]` at the beginning: a JSON string in brackets.
    private static func literal(_ text: Text) -> (name: Text, length: Int)? {
        guard text.hasPrefix("[\"") else { return nil }
        var index = 2
        while index < text.count, text.bytes[index] != 0x22 { index += text.bytes[index] == 0x5C ? 2 : 1 }
        guard text.byte(index + 1) == 0x5D, let json = try? JSONParser.parse(Array(text.bytes[1...index])),
            let name = json.string
        else { return nil }
        return (name, index + 2)
    }
}

extension Text {
    fileprivate func byte(_ index: Int) -> UInt8? { bytes.indices.contains(index) ? bytes[index] : nil }
}
