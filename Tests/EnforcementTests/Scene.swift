import Approvals
import Crypto
import HTTP
import Identity
import Issuance
import Policies
import Primitives
import Synchronization
import TestKit
import Tokens

@testable import Enforcement

/// An issuer, an agent, rules and an enforcer over them; a test changes what it is about.
struct Scene {
    static let now = Timestamp(seconds: 1_795_168_805)
    static let mint = TokenMint()
    static let audience = TokenMint.defaultAudience
    static let agent = id("spiffe://example.org/agent/sales-bot")
    static let leaf = SHA256.hash("leaf")
    static let peer = Peer(id: agent, leafDigest: leaf, notAfter: now + .seconds(3_600), trustGeneration: 1)
    static let caller = Caller(peer: peer, source: "127.0.0.1:50000")

    let rules: PolicySet
    let claims = WatchedClaims()
    var enforcer: Enforcer

    init(
        rules text: String = Scene.rules, fence: ContinuityFence = ContinuityFence(),
        injectedField: Text? = nil
    ) {
        rules = Scene.load(text)
        enforcer = Enforcer(
            EnforcementSettings(
                externalHosts: ExternalHosts(["orders-db.tools.svc"]),
                routes: Routes([Route(path: "/mcp", speaks: .mcp), Route(path: "/v1", speaks: .http)]),
                tokens: Scene.mint.rules, fence: fence, inspectedBodyMax: 1_024, injectedField: injectedField),
            claims: claims)
    }

    static func id(_ text: Text) -> SPIFFEID {
        guard let id = try? SPIFFEID(text) else { preconditionFailure("a SPIFFE ID is wanted: \(text)") }
        return id
    }

    static func load(_ text: String) -> PolicySet {
        do {
            return try PolicySet.load([("scene.yaml", Array(text.utf8))]) { SHA256.hash($0) }
        } catch {
            preconditionFailure("the rules of a test load: \(error)")
        }
    }

    static let rules = """
        apiVersion: sallyport.dev/v1
        kind: ActionPolicy
        metadata: { name: scene }
        spec:
          rules:
          - { name: queries, effect: Allow, agents: ["spiffe://example.org/agent/sales-bot"], tools: [query_orders] }
          - { name: orders, effect: Allow, http: { methods: [GET, POST, PUT], paths: ["/v1/orders", "/v1/orders/{id}"] } }
          - { name: refunds, effect: Allow, http: { methods: [POST], paths: ["/v1/refunds"] } }
          - name: status
            effect: Allow
            token: NotRequired
            agents: ["spiffe://example.org/agent/sales-bot"]
            http: { methods: [GET], paths: ["/v1/status"] }
          - name: no-drops
            effect: Deny
            tools: [drop_table]
            message: Tables are dropped by people.
          - name: large-queries
            effect: Hold
            tools: [query_orders]
            when: [{ key: args.limit, operator: GreaterThan, value: 1000, onMissing: Ignore }]
            approval: { groups: [stewards], required: 1 }
          - name: large-refunds
            effect: Hold
            http: { methods: [POST], paths: ["/v1/refunds"] }
            when: [{ key: args.amount, operator: GreaterThan, value: 100 }]
            approval: { groups: [stewards], required: 1 }
          - name: no-huge-pages
            effect: Deny
            http: { methods: [GET], paths: ["/v1/orders"] }
            when: [{ key: query.limit, operator: GreaterThan, value: 1000, onMissing: Ignore }]
          - name: no-large-puts
            effect: Deny
            http: { methods: [PUT], paths: ["/v1/orders/{id}"] }
            when: [{ key: header.x-amount, operator: GreaterThan, value: 100, onMissing: Ignore }]
        """
}

// MARK: Requests

extension Scene {
    static func request(
        _ method: Text, _ target: Text, _ fields: [(Text, Text)] = [], body: BodyLength = .none,
        host: Text = "orders-db.tools.svc"
    ) -> HTTPRequest {
        guard let target = try? RequestTarget(target) else {
            preconditionFailure("a canonical target is wanted")
        }
        return HTTPRequest(
            method: method, target: target, fields: HTTPFields([("Host", host)] + fields), body: body,
            host: host)
    }

    /// `POST /mcp` with a token for the tool it names.
    static func mcp(_ body: String, token: Text? = nil, _ fields: [(Text, Text)] = []) -> HTTPRequest {
        request(
            "POST", "/mcp",
            [("Authorization", "Bearer " + (token ?? self.token())), ("Content-Type", "application/json")]
                + fields,
            body: .exactly(body.utf8.count))
    }

    static func toolCall(_ tool: String = "query_orders", _ arguments: String = "{}") -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(tool)","arguments":\#(arguments)}}"#
    }
}

// MARK: Tokens

extension Scene {
    /// Good for `query_orders`, unless told otherwise; a nil override takes the member away.
    static func token(
        _ action: Text = "tools/call", _ resource: Text = "query_orders", constraints: String? = nil,
        digest: Text? = nil, header: [Text: JSON?] = [:], claims: [Text: JSON?] = [:],
        at time: Timestamp = now,
        by mint: TokenMint = mint
    ) -> Text {
        var grant = mint.grant(to: peer, action: action, resource: resource)
        grant.constraints = constraints.map(json)
        grant.argumentsDigest = digest
        grant.transaction = "txn-1"
        return mint.token(for: grant, at: time, header: header, claims: claims)
    }
}

func json(_ text: String) -> JSON {
    guard let value = try? JSONParser.parse(Array(text.utf8)) else {
        preconditionFailure("not JSON: \(text)")
    }
    return value
}

// MARK: What becomes of a request

/// What `admit` returned, in a form that can be kept.
enum Outcome {
    case permitted(JudgedCall, Decision)
    case held(JudgedCall, Decision)
    case refused(Denial, JudgedCall, Decision)

    var judged: JudgedCall {
        switch self {
        case .permitted(let judged, _), .held(let judged, _), .refused(_, let judged, _): judged
        }
    }

    var name: String {
        switch self {
        case .permitted: "permitted"
        case .held: "held"
        case .refused: "refused"
        }
    }
}

extension Scene {
    func open(
        _ request: HTTPRequest, at now: Timestamp = now, from caller: Caller = caller
    ) throws(Denial) -> OpenCall {
        var random = SystemRandomNumberGenerator()
        return try enforcer.open(
            request, from: caller, as: CallID(at: now, random: &random), under: rules, at: Now(now))
    }

    /// Both steps; the body is handed over when the call inspects it.
    func run(
        _ request: HTTPRequest, _ body: String = "", at now: Timestamp = now, drift: Duration = .zero
    ) throws(Denial) -> Outcome {
        let open = try open(request, at: now)
        let admission = try enforcer.admit(
            open, body: open.inspectsBody ? Array(body.utf8) : nil, under: rules, at: Now(now, drift: drift))
        switch consume admission {
        case .permitted(_, let judged, let decision): return .permitted(judged, decision)
        case .held(_, let judged, let decision): return .held(judged, decision)
        case .refused(let denial, let judged, let decision): return .refused(denial, judged, decision)
        }
    }

    /// Why the request was not let through at once; nil when it was, or is held.
    func denial(
        _ request: HTTPRequest, _ body: String = "", at now: Timestamp = now, drift: Duration = .zero
    ) -> Denial? {
        do throws(Denial) {
            if case .refused(let denial, _, _) = try run(request, body, at: now, drift: drift) {
                return denial
            }
            return nil
        } catch {
            return error
        }
    }
}

/// A claim store that counts, and that can be told to be full or unavailable.
final class WatchedClaims: ClaimStore {
    private let cache = ReplayCache(claimsMax: 1_000)
    private let state = Mutex((asked: [ClaimID](), answer: ClaimOutcome?.none))

    var asked: [ClaimID] { state.withLock { $0.asked } }

    func answer(_ outcome: ClaimOutcome) { state.withLock { $0.answer = outcome } }

    func claim(_ id: ClaimID, expiring: Timestamp, at now: Timestamp) -> ClaimOutcome {
        let told = state.withLock { state in
            state.asked.append(id)
            return state.answer
        }
        return told ?? cache.claim(id, expiring: expiring, at: now)
    }
}
