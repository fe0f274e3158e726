internal import Documents
internal import Primitives

/// One segment of a SPIFFE ID or path in which `*` stands for any characters, at least one when it stands alone.
struct SegmentPattern: Sendable, Hashable {
    /// What stands around the stars; one piece means no star.
    private let pieces: [Text]

    init(_ text: Text) { pieces = text.split(on: 0x2A) }

    /// Matches any segment that is not empty.
    static let any = SegmentPattern("*")

    /// The segment itself when there is no star in it.
    var literal: Text? { pieces.count == 1 ? pieces[0] : nil }

    func matches(_ segment: Text) -> Bool {
        guard pieces.count > 1 else { return segment == pieces[0] }
        let (first, last) = (pieces[0], pieces[pieces.count - 1])
        guard !segment.isEmpty, segment.count >= first.count + last.count, segment.hasPrefix(first),
            segment.hasSuffix(last)
        else { return false }
        var rest = segment.dropFirst(first.count).dropLast(last.count)
        for piece in pieces.dropFirst().dropLast() {
            guard let end = rest.end(of: piece) else { return false }
            rest = rest.dropFirst(end)
        }
        return true
    }
}

extension Text {
    /// Where the first occurrence of `part` ends.
    fileprivate func end(of part: Text) -> Int? {
        guard part.count <= count else { return nil }
        return (0...(count - part.count)).first { bytes[$0...].starts(with: part.bytes) }.map {
            $0 + part.count
        }
    }
}

/// A SPIFFE ID, or one with `*` inside the segments of its path; a trust domain is always named.
enum AgentPattern: Sendable, Hashable {
    case exact(Text)
    case wildcard(trustDomain: Text, segments: [SegmentPattern])

    init(_ node: Node) throws(DocumentError) {
        let text = try node.text()
        // With every star replaced by a letter it has to be a SPIFFE ID.
        let sample = Text(text.bytes.map { $0 == 0x2A ? 0x78 : $0 })
        let id: SPIFFEID
        do { id = try SPIFFEID(sample) } catch {
            throw node.error("\(Quoted.name(text)) is no SPIFFE ID: \(error)")
        }
        guard text.contains(0x2A) else {
            self = .exact(text)
            return
        }
        let pathStart = text.count - id.path.count
        guard !text.prefix(pathStart).contains(0x2A) else {
            throw node.error(
                "\(Quoted.name(text)): `*` may stand in a segment of the path, not in the trust domain")
        }
        try text.refuseDoubleStar(at: node)
        let segments = text.dropFirst(pathStart).split(on: 0x2F).map { SegmentPattern($0) }
        self = .wildcard(trustDomain: id.trustDomain, segments: segments)
    }

    func matches(_ agent: AgentView) -> Bool {
        switch self {
        case .exact(let id): agent.id.text == id
        case .wildcard(let trustDomain, let segments):
            agent.id.trustDomain == trustDomain && segments.matches(agent.segments)
        }
    }
}

/// The caller, with the path of its ID split once.
struct AgentView {
    let id: SPIFFEID
    let segments: [Text]

    init(_ id: SPIFFEID) { (self.id, segments) = (id, id.path.split(on: 0x2F)) }
}

/// The name of an MCP tool, or a prefix or suffix of it.
enum ToolPattern: Sendable, Hashable {
    case exact(Text)
    case prefix(Text)
    case suffix(Text)

    init(_ node: Node) throws(DocumentError) {
        let text = try node.text()
        guard !text.isEmpty else { throw node.error("the name of a tool is empty") }
        guard text.contains(0x2A) else {
            self = .exact(text)
            return
        }
        let isPrefix = text.hasSuffix("*")
        let rest = isPrefix ? text.dropLast(1) : text.dropFirst(1)
        guard isPrefix || text.hasPrefix("*"), !rest.contains(0x2A) else {
            throw node.error(
                "\(Quoted.name(text)): `*` is the first or the last character of a tool name, once")
        }
        self = isPrefix ? .prefix(rest) : .suffix(rest)
    }

    func matches(_ tool: Text) -> Bool {
        switch self {
        case .exact(let name): tool == name
        case .prefix(let start): tool.hasPrefix(start)
        case .suffix(let end): tool.hasSuffix(end)
        }
    }
}

/// A path whose segments are literal, `{name}` (any one segment) or have `*` in them.
struct PathPattern: Sendable, Hashable {
    let segments: [SegmentPattern]

    init(_ node: Node) throws(DocumentError) {
        let text = try node.text()
        guard text.hasPrefix("/") else { throw node.error("\(Quoted.name(text)): a path begins with `/`") }
        guard text.bytes.allSatisfy({ 0x21...0x7E ~= $0 && !Text("?#\\").contains($0) }) else {
            throw node.error(
                "\(Quoted.name(text)): a path has no `?`, `#`, `\\`, space or character beyond ASCII")
        }
        try text.refuseDoubleStar(at: node)
        let parts = text.dropFirst(1).split(on: 0x2F)
        for (index, part) in parts.enumerated() {
            // Such requests are refused before any rule is asked (contract §3).
            let isEmpty = part.isEmpty && index < parts.count - 1
            guard !isEmpty, part != ".", part != ".." else {
                throw node.error("\(Quoted.name(text)): no request has an empty or dot segment in its path")
            }
        }
        var segments: [SegmentPattern] = []
        for part in parts { segments.append(try Self.segment(part, of: text, at: node)) }
        self.segments = segments
    }

    private static func segment(_ part: Text, of path: Text, at node: Node) throws(DocumentError)
        -> SegmentPattern
    {
        guard part.contains(0x7B) || part.contains(0x7D) else { return SegmentPattern(part) }
        let name = part.dropFirst(1).dropLast(1)
        guard part.hasPrefix("{"), part.hasSuffix("}"), !name.isEmpty,
            name.bytes.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || [0x5F, 0x2D].contains($0) })
        else { throw node.error("\(Quoted.name(path)): `{name}` is one whole segment of a path") }
        return .any
    }

    func matches(_ path: [Text]) -> Bool { segments.matches(path) }
}

extension [SegmentPattern] {
    fileprivate func matches(_ parts: [Text]) -> Bool {
        count == parts.count && zip(self, parts).allSatisfy { $0.matches($1) }
    }
}

extension Text {
    fileprivate func refuseDoubleStar(at node: Node) throws(DocumentError) {
        guard !contains("**" as Text) else {
            throw node.error("\(Quoted.name(self)): `**` is not supported; `*` stays inside one segment")
        }
    }
}
