import Policies
import Primitives
import Testing

@Suite struct TokenExemptionTests {
    private let rules = """
        - { name: get, effect: Allow, agents: ["spiffe://example.org/agent/sales-bot"], http: { methods: [GET, HEAD], paths: [/status] }, token: NotRequired }
        - { name: post, effect: Allow, http: { methods: [GET, POST] } }
        - { name: never, effect: Deny, http: { paths: [/secret] } }
        - { name: held, effect: Hold, http: { paths: [/held] }, approval: { groups: [x] } }
        - { name: all, effect: Allow, agents: ["spiffe://example.org/agent/admin"], http: { paths: ["/{x}"] }, token: NotRequired, unsafeWithoutToken: true }
        - name: session
          effect: Allow
          agents: ["spiffe://example.org/agent/*"]
          when: [{ key: action, operator: In, value: [initialize, tools/list] }]
          token: NotRequired
        """

    @Test func `identity alone is enough where a rule says so`() throws {
        let decision = try policySet(rules).decide(http("GET", "/status", hasToken: false))
        #expect(decision.effect == .allow && decision.rule == "get" && !decision.tokenRequired)
        #expect(try policySet(rules).decide(mcp("initialize", hasToken: false)).effect == .allow)
        #expect(try policySet(rules).decide(mcp("tools/call", hasToken: false)).effect == .deny)
    }

    @Test func `other allows count only with a token`() throws {
        let decision = try policySet(rules).decide(http("GET", "/orders", hasToken: false))
        #expect(decision.effect == .deny && decision.tokenRequired)
        #expect(decision.reason == "no rule allows this without a token")
        #expect(try policySet(rules).decide(http("GET", "/orders")).effect == .allow)
    }

    @Test func `a matching hold needs a token all the same`() throws {
        let admin = "spiffe://example.org/agent/admin"
        let decision = try policySet(rules).decide(http("GET", "/held", agent: admin, hasToken: false))
        #expect(decision.effect == .deny && decision.tokenRequired && decision.holds.isEmpty)
        #expect(try policySet(rules).decide(http("GET", "/held", agent: admin)).effect == .hold)
    }

    @Test func `a deny denies without a token too`() throws {
        let admin = "spiffe://example.org/agent/admin"
        let decision = try policySet(rules).decide(http("GET", "/secret", agent: admin, hasToken: false))
        #expect(decision.effect == .deny && decision.rule == "never" && !decision.tokenRequired)
    }

    @Test func `whether a token may be missing is known before the body`() throws {
        let set = try policySet(rules)
        let (bot, other) = (try id(salesBot), try id("spiffe://other.org/x"))
        #expect(set.mayAllowWithoutToken(agent: bot, kind: .http, method: "GET", path: "/status"))
        #expect(!set.mayAllowWithoutToken(agent: bot, kind: .http, method: "POST", path: "/status"))
        #expect(!set.mayAllowWithoutToken(agent: bot, kind: .http, method: "GET", path: "/orders"))
        #expect(!set.mayAllowWithoutToken(agent: other, kind: .http, method: "GET", path: "/status"))
        #expect(set.mayAllowWithoutToken(agent: bot, kind: .mcp, method: "POST", path: "/mcp"))
        #expect(!set.mayAllowWithoutToken(agent: other, kind: .mcp, method: "POST", path: "/mcp"))
        let shadow = try policySet(rules, mode: "Shadow")
        #expect(!shadow.mayAllowWithoutToken(agent: bot, kind: .http, method: "GET", path: "/status"))
    }

    private static let unsafe =
        "`token: NotRequired` covers only `http.methods` of GET and HEAD, or an `action` of MCP session methods; "
        + "say `unsafeWithoutToken: true` to let agents act without a token"

    private static let needsAgents = "`token: NotRequired` needs `agents`: identity alone decides"

    @Test(arguments: [
        ("http: { methods: [GET] }, token: NotRequired", "token", needsAgents),
        ("http: { methods: [GET] }, token: NotRequired, unsafeWithoutToken: true", "token", needsAgents),
        ("agents: [\"spiffe://e/a\"], token: NotRequired", "token", unsafe),
        ("agents: [\"spiffe://e/a\"], tools: [x], token: NotRequired", "token", unsafe),
        ("agents: [\"spiffe://e/a\"], http: { methods: [GET, POST] }, token: NotRequired", "token", unsafe),
        ("agents: [\"spiffe://e/a\"], http: { paths: [/x] }, token: NotRequired", "token", unsafe),
        (
            "agents: [\"spiffe://e/a\"], when: [{ key: action, operator: Equals, value: tools/call }], token: NotRequired",
            "token", unsafe
        ),
        (
            "agents: [\"spiffe://e/a\"], when: [{ key: action, operator: NotEquals, value: ping }], token: NotRequired",
            "token", unsafe
        ),
        (
            "tools: [x], unsafeWithoutToken: true", "unsafeWithoutToken",
            "`unsafeWithoutToken` goes with `token: NotRequired`"
        ),
        ("tools: [x], token: Never", "Never", "unknown value `Never`; valid here: `NotRequired`, `Required`"),
        (
            "tools: [x], token: NotRequired, unsafeWithoutToken: yes", "yes",
            "expected `true` or `false`, found the text `yes`"
        ),
    ])
    func `what would be unsafe without a token is refused where it is said`(
        rest: String, at: String, message: String
    ) throws {
        let start = "- { name: a, effect: Allow, "
        let index = try #require(Array(rest.utf8).firstRange(of: Array(at.utf8))).lowerBound
        let column = 2 + start.utf8.count + index + 1
        let error = loadError([("policies/a.yaml", policyFile(start + rest + " }"))])
        #expect(error == "policies/a.yaml:6:\(column): \(message)")
    }
}
