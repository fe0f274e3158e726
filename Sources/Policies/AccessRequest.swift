public import Primitives

/// What rules are asked about: one request of one agent, already read and authenticated.
public struct AccessRequest: Sendable {
    /// How the route reads requests; never taken from the request itself (contract §2).
    public enum Kind: Sendable, Hashable, CaseIterable {
        case http, mcp, grpc
    }

    public let kind: Kind
    public let agent: SPIFFEID
    /// On whose behalf (`sub`); nil without a token.
    public let subject: Text?
    /// Entries of the token's `act` chain.
    public let actorDepth: Int
    public let action: Text
    public let resource: Text
    /// The tool of an MCP `tools/call`; nil for every other request.
    public let tool: Text?
    public let method: Text
    /// Without the query.
    public let path: Text
    public let host: Text
    /// Decoded once, in the order written.
    public let query: [(name: Text, value: Text)]
    /// By lower-case name; only those in `PolicySet.headersRead` need be there.
    public let headers: [Text: [Text]]
    /// MCP arguments or the JSON body; nil when there are none.
    public let arguments: JSON?
    public let issuer: Text?
    public let transaction: Text?
    public let time: Timestamp
    /// The agent's address, for people.
    public let source: Text?
    public let hasToken: Bool

    public init(
        kind: Kind, agent: SPIFFEID, subject: Text? = nil, actorDepth: Int = 0, action: Text, resource: Text,
        tool: Text? = nil, method: Text, path: Text, host: Text, query: [(name: Text, value: Text)] = [],
        headers: [Text: [Text]] = [:], arguments: JSON? = nil, issuer: Text? = nil, transaction: Text? = nil,
        time: Timestamp, source: Text? = nil, hasToken: Bool
    ) {
        self.kind = kind
        self.agent = agent
        self.subject = subject
        self.actorDepth = actorDepth
        self.action = action
        self.resource = resource
        self.tool = tool
        self.method = method
        self.path = path
        self.host = host
        self.query = query
        self.headers = headers
        self.arguments = arguments
        self.issuer = issuer
        self.transaction = transaction
        self.time = time
        self.source = source
        self.hasToken = hasToken
    }
}
