import Approvals
import Crypto
import Documents
import Enforcement
import HTTP
import Identity
import Issuance
import Ledger
import Logging
import Policies
import Primitives
import Reactor
import TestKit
import Tokens

@testable import Gateway

/// A trust domain, a broker, a login and people; what proxies of these tests have in common.
///
/// alice stands behind the usual subject; bob and carol are stewards who may approve; mallory is in no group that may.
struct World {
    let authority = TestAuthority()
    let mint = TokenMint()
    let login = TokenMint(issuer: "https://login.example.org", audience: "sallyport")
    let agent: TLSIdentity
    let clock = SystemClock()
    let persons: Persons
    let rules: PolicySet

    init(rules text: String = World.rules) throws {
        agent = authority.svid(authority.id("/agent/sales-bot"))
        persons = try Persons(document: YAMLReader.read(Array(World.people.utf8), file: "persons.yaml"))
        rules = try PolicySet.load([("rules.yaml", Array(text.utf8))]) { SHA256.hash($0) }
    }

    static let people = """
        {"apiVersion": "sallyport.dev/v1", "kind": "Persons", "persons": [
          {"name": "alice", "groups": ["stewards"], "subjects": ["alice@example.org"],
           "oidc": [{"issuer": "https://login.example.org", "subject": "alice-1"}]},
          {"name": "bob", "groups": ["stewards"], "oidc": [{"issuer": "https://login.example.org", "subject": "bob-1"}]},
          {"name": "carol", "groups": ["stewards"],
           "oidc": [{"issuer": "https://login.example.org", "subject": "carol-1"}]},
          {"name": "mallory", "oidc": [{"issuer": "https://login.example.org", "subject": "mallory-1"}]}
        ]}
        """

    static let rules = rules(expiresAfter: "15m")

    static func rules(expiresAfter: String, required: Int = 1) -> String {
        """
        apiVersion: sallyport.dev/v1
        kind: ActionPolicy
        metadata: { name: world }
        spec:
          rules:
          - { name: queries, effect: Allow, tools: [query_orders] }
          - { name: files, effect: Allow, http: { methods: [GET, HEAD, POST, PUT], paths: ["/files/{name}"] } }
          - { name: no-drops, effect: Deny, tools: [drop_table], message: Tables are dropped by people. }
          - name: large-queries
            effect: Hold
            tools: [query_orders]
            when: [{ key: args.limit, operator: GreaterThan, value: 1000, onMissing: Ignore }]
            approval: { groups: [stewards], required: \(required), expiresAfter: \(expiresAfter) }
        """
    }

    var now: Timestamp { clock.now.time }

    // MARK: Settings

    /// What a proxy is started with; ports are any that are free.
    func settings(tool: Endpoint, ledger: Text) throws -> SidecarSettings {
        let own = authority.svid(authority.id("/tool/orders-db"))
        return SidecarSettings(
            listen: "127.0.0.1:0", svid: try OwnSVID(certificatePEM: own.chainPEM, keyPEM: own.key.pem),
            bundles: authority.bundles(), externalHosts: ExternalHosts(["localhost"]),
            routes: Routes([Route(path: "/mcp", speaks: .mcp), Route(path: "/files", speaks: .http)]),
            tokens: mint.rules, claimsMax: 10_000, rules: rules, ruleFiles: ["rules.yaml"],
            upstream: UpstreamSettings(
                endpoint: tool, host: "tool.internal", credential: nil, connectionsMax: 64,
                connectTimeout: .seconds(5), responseTimeout: .seconds(20)),
            approvals: ApprovalSettings(
                listen: "127.0.0.1:0", tls: nil, hosts: ["localhost"], persons: persons, issuers: [oidc],
                limits: Approvals.Limits(), abandonAfter: .seconds(600), approvedFor: .seconds(300),
                webhook: nil),
            ledgerDirectory: ledger, durability: .flush,
            checkpoints: CheckpointSettings(keyFile: ledger + ".key", origin: "example.org/tool/orders-db"),
            ledgerReserve: 0, healthListen: "127.0.0.1:0", limits: SidecarLimits(),
            drain: .seconds(5), loops: 2)
    }

    private var oidc: OIDCIssuer {
        OIDCIssuer(
            issuer: login.issuer.issuer, audience: login.audience, authorizedParties: ["page"],
            groupsClaim: "groups",
            keys: login.keySet)
    }

    static var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    // MARK: Agents

    /// The peer that a proxy sees behind that identity.
    func peer(_ identity: TLSIdentity? = nil) -> Peer { authority.peer(identity ?? agent) }

    /// Connects an agent; with no identity at all when `identity` is nil.
    func connect(_ port: Int, as identity: TLSIdentity?, bufferBytes: Int32? = nil) throws -> Client {
        let context = try TLSClientContext(
            identity: identity, trust: .callback, applicationProtocols: ["http/1.1"])
        return Client(port: port, tls: context, bufferBytes: bufferBytes)
    }

    func token(_ action: Text = "tools/call", _ resource: Text = "query_orders") -> Text {
        mint.token(to: peer(), action: action, resource: resource, at: now)
    }

    static func toolCall(_ limit: Int = 5, tool: String = "query_orders") -> [UInt8] {
        Array(
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(tool)","arguments":{"limit":\#(limit)}}}"#
                .utf8)
    }

    /// The bytes of an MCP call with a token for it.
    func mcp(_ limit: Int = 5, token: Text? = nil, tool: String = "query_orders", _ more: [(Text, Text)] = [])
        -> [UInt8]
    {
        let token = token ?? self.token("tools/call", Text(tool))
        return Client.request(
            "POST", "/mcp",
            [("Authorization", "Bearer " + token), ("Content-Type", "application/json")] + more,
            body: World.toolCall(limit, tool: tool))
    }

    /// The fields of an HTTP call with a token for it.
    func bearer(_ method: Text, _ target: Text) -> [(Text, Text)] {
        [("Authorization", "Bearer " + token(method, target))]
    }

    // MARK: People

    /// The login's token of a person, as `bob`.
    func loginToken(_ person: Text, _ changes: [Text: JSON?] = [:]) -> Text {
        let now = now.seconds
        var claims: [Text: JSON?] = [
            "iss": .string(login.issuer.issuer), "aud": "sallyport", "azp": "page",
            "sub": .string(person + "-1"),
            "iat": .integer(now), "exp": .integer(now + 300),
        ]
        claims.merge(changes) { $1 }
        let members = claims.compactMap { name, value in
            value.map { JSONObject.Member(name: name, value: $0) }
        }
        return login.sign(
            .object(["typ": "JWT", "alg": "ES256", "kid": .string(login.issuer.keyID)]),
            .object(JSONObject(members)))
    }
}
