internal import Crypto
public import Primitives

/// Exactly what a person is asked to approve, as the proxy read it (contract §5).
///
/// Its digest binds an approval: two requests share an approval only when every member below is the same. What an
/// approver is shown is the canonical form itself, never a summary made elsewhere.
public struct HeldRequest: Sendable {
    /// The version of the canonical form; a change of its members changes this number.
    public static let version: Int64 = 1

    /// The calling workload, from its certificate.
    public var agent: SPIFFEID
    /// The token's issuer and subject.
    public var issuer, subject: Text
    /// The token's `act` chain, outermost first.
    public var actors: [Text]
    public var audience: Text
    /// `http` or `mcp`.
    public var kind: Text
    public var host, action, resource: Text
    /// MCP arguments, or `{"query": …, "body": …}`; nil when there are none.
    public var arguments: JSON?
    /// Of a body that is not JSON, in the form of RFC 9530: `sha-256=:…:`.
    public var contentDigest: Text?
    public var contentType: Text?
    /// The headers in `boundHeaders` and every header a rule reads; names in any case, values in their order.
    public var headers: [(Text, Text)]

    public init(
        agent: SPIFFEID, issuer: Text, subject: Text, actors: [Text], audience: Text, kind: Text, host: Text,
        action: Text, resource: Text, arguments: JSON? = nil, contentDigest: Text? = nil,
        contentType: Text? = nil,
        headers: [(Text, Text)] = []
    ) {
        self.agent = agent
        (self.issuer, self.subject, self.actors, self.audience) = (issuer, subject, actors, audience)
        (self.kind, self.host, self.action, self.resource) = (kind, host, action, resource)
        (self.arguments, self.contentDigest) = (arguments, contentDigest)
        (self.contentType, self.headers) = (contentType, headers)
    }

    /// The object the digest is over.
    ///
    /// An absent member is left out; `headers` maps lower-case names to all values.
    public var canonical: JSON {
        .object([
            "v": .integer(Self.version), "agent": .string(agent.text), "iss": .string(issuer),
            "subject": .string(subject), "act": .array(actors.map { .string($0) }),
            "audience": .string(audience),
            "protocol": .string(kind), "host": .string(host), "action": .string(action),
            "resource": .string(resource), "arguments": arguments,
            "contentDigest": contentDigest.map { .string($0) },
            "contentType": contentType.map { .string($0) }, "headers": headersJSON,
        ])
    }

    private var headersJSON: JSON {
        var values: [Text: [JSON]] = [:]
        for (name, value) in headers { values[name.lowercased, default: []].append(.string(value)) }
        return .object(
            JSONObject(values.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .array($0.value)) })
        )
    }

    /// `sha-256:` and the base64url of SHA-256 over the canonical form (RFC 8785).
    ///
    /// It binds only a request whose text is UTF-8 throughout; `Approvals.place` refuses any other.
    public func digest() throws(CanonicalJSONError) -> Text { Self.digest(of: try canonical.canonical()) }

    static func digest(of canonical: [UInt8]) -> Text { Text("sha-256:" + SHA256.hash(canonical).base64URL) }
}

extension JSON {
    /// This value and all within it, each counted once.
    var valueCount: Int {
        switch self {
        case .null, .bool, .number, .string: 1
        case .array(let items): items.reduce(1) { $0 + $1.valueCount }
        case .object(let object): object.members.reduce(1) { $0 + $1.value.valueCount }
        }
    }

    /// False when a string or member name would be repaired in writing, so that two values could have one text.
    var isUTF8: Bool {
        switch self {
        case .null, .bool, .number: true
        case .string(let text): UTF8Check.isValid(text.bytes)
        case .array(let items): items.allSatisfy(\.isUTF8)
        case .object(let object):
            object.members.allSatisfy { UTF8Check.isValid($0.name.bytes) && $0.value.isUTF8 }
        }
    }
}
