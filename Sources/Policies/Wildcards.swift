internal import Documents
internal import Primitives

/// One segment of a SPIFFE ID or path in which `*` stands for any characters, at least one when it stands alone.
struct SegmentPattern: Sendable, Hashable {
    /// What stands around the stars; one piece means no star.
    private let pieces: [Text]

    init(_ text: Text) { self.init(around: text.split(on: 0x2A)) }

    /// At least one piece; a `*` in a piece is that character itself.
    init(around pieces: [Text]) { self.pieces = pieces }

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

extension [SegmentPattern] {
    func matches(_ parts: [Text]) -> Bool {
        count == parts.count && zip(self, parts).allSatisfy { $0.matches($1) }
    }
}

extension Text {
    func refuseDoubleStar(at node: Node) throws(DocumentError) {
        guard !contains("**" as Text) else {
            throw node.error("\(Quoted.name(self)): `**` is not supported; `*` stays inside one segment")
        }
    }
}
