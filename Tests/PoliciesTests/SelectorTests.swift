import Policies
import Primitives
import Testing

@Suite struct SelectorTests {
    private func selects(_ selector: String, _ request: AccessRequest) throws -> Bool {
        try policySet("- { name: r, effect: Allow, \(selector) }").decide(request).effect == .allow
    }

    @Test(arguments: [
        ("spiffe://example.org/agent/sales-bot", "spiffe://example.org/agent/sales-bot", true),
        ("spiffe://example.org/agent/sales-bot", "spiffe://example.org/agent/Sales-bot", false),
        ("spiffe://example.org/agent/sales-bot", "spiffe://example.org/agent/sales-bot/x", false),
        ("spiffe://example.org/agent/*", "spiffe://example.org/agent/x", true),
        ("spiffe://example.org/agent/*", "spiffe://example.org/agent/x/y", false),
        ("spiffe://example.org/agent/*", "spiffe://example.org/agent", false),
        ("spiffe://example.org/agent/*", "spiffe://other.org/agent/x", false),
        ("spiffe://example.org/ns/*/sa/bot-*", "spiffe://example.org/ns/a/sa/bot-1", true),
        ("spiffe://example.org/ns/*/sa/bot-*", "spiffe://example.org/ns/a/b/sa/bot-1", false),
        ("spiffe://example.org/ns/*/sa/bot-*", "spiffe://example.org/ns/a/sa/robot-1", false),
        ("spiffe://example.org/a*b*c", "spiffe://example.org/axxbyyc", true),
        ("spiffe://example.org/a*b*c", "spiffe://example.org/abc", true),
        ("spiffe://example.org/a*b*c", "spiffe://example.org/acb", false),
        ("spiffe://example.org/ab*ba", "spiffe://example.org/aba", false),
    ])
    func `an agent matches its pattern`(pattern: String, agent: String, isMatch: Bool) throws {
        #expect(try selects("agents: [\"\(pattern)\"]", toolCall(agent: agent)) == isMatch)
        let both = "agents: [\"spiffe://nobody.org/x\", \"\(pattern)\"], tools: [query_orders]"
        #expect(try selects(both, toolCall(agent: agent)) == isMatch)
    }

    @Test(arguments: [
        ("query_orders", "query_orders", true), ("query_orders", "query_orders2", false),
        ("query_orders", "Query_orders", false), ("export_*", "export_all", true),
        ("export_*", "export_", true),
        ("export_*", "xexport_all", false), ("*_read", "file_read", true), ("*_read", "file_reader", false),
        ("*", "anything at all", true), ("export_*", "export_a/b\nc", true),
    ])
    func `a tool matches its pattern`(pattern: String, tool: String, isMatch: Bool) throws {
        #expect(try selects("tools: [\"\(pattern)\"]", toolCall(tool)) == isMatch)
        #expect(try selects("tools: [nothing, \"\(pattern)\"]", toolCall(tool)) == isMatch)
    }

    @Test(arguments: [
        ("/v1/orders/{id}", "/v1/orders/7", true), ("/v1/orders/{id}", "/v1/orders", false),
        ("/v1/orders/{id}", "/v1/orders/", false), ("/v1/orders/{id}", "/v1/orders/7/x", false),
        ("/v1/orders/{id}", "/V1/orders/7", false), ("/v1/*/items", "/v1/a/items", true),
        ("/v1/*/items", "/v1/a/b/items", false), ("/v1/a*z", "/v1/abcz", true), ("/v1/a*z", "/v1/az", true),
        ("/v1/a*z", "/v1/a", false), ("/", "/", true), ("/", "/x", false), ("/x/", "/x/", true),
        ("/x/", "/x", false),
        ("/{a}/b", "/x/b", true), ("/{a}/b", "/b", false), ("/{a}", "/", false), ("/a%20b", "/a b", true),
        ("/a%20b", "/a%20b", false), ("/caf%C3%A9/*", "/café/x", true), ("/caf%C3%A9*", "/café", true),
        ("/a%2Ab", "/a*b", true), ("/a%2Ab", "/axb", false), ("/a*b", "/a*b", true),
        ("/%7Bid%7D", "/{id}", true), ("/%7Bid%7D", "/7", false), ("/100%25", "/100%", true),
        ("/a%25*", "/a%z", true), ("/%C3%A9*%20x", "/é and x", true), ("/%C3%A9*%20x", "/e and x", false),
        ("/{a}/b%40c", "/x y/b@c", true), ("/a%3Fb%23", "/a?b#", true),
    ])
    func `a path matches its pattern`(pattern: String, path: String, isMatch: Bool) throws {
        #expect(try selects("http: { paths: [\"\(pattern)\"] }", http("GET", path)) == isMatch)
        #expect(try selects("http: { paths: [/nothing, \"\(pattern)\"] }", http("GET", path)) == isMatch)
    }

    @Test func `fields of a selector must all match and lists are any of`() throws {
        let selector = "http: { methods: [GET, PUT], paths: [/a, /b] }"
        for (method, path, isMatch) in [
            ("GET", "/a", true), ("PUT", "/b", true), ("POST", "/a", false), ("GET", "/c", false),
            ("get", "/a", false),
            ("HEAD", "/a", false),
        ] {
            #expect(try selects(selector, http(method, path)) == isMatch)
        }
        #expect(try selects("http: { methods: [GET] }", http("GET", "/any/thing")))
        #expect(try !selects("http: { methods: [POST] }", toolCall()))
    }

    @Test func `a deny of an encoded path denies it`() throws {
        let set = try policySet(
            """
            - { name: files, effect: Allow, http: { paths: ["/files/*"] } }
            - { name: no-plan, effect: Deny, http: { paths: ["/files/secret%20plan"] } }
            - { name: no-plans, effect: Deny, http: { paths: ["/files/%C3%A9*"] } }
            """)
        #expect(try set.decide(http("GET", "/files/secret plan")).rule == "no-plan")
        #expect(try set.decide(http("GET", "/files/écrit")).rule == "no-plans")
        #expect(try set.decide(http("GET", "/files/plan")).effect == .allow)
    }
}
