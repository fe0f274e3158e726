import Policies
import Primitives
import Testing

@Suite struct DecisionTests {
    private let orders = """
        - name: reads
          effect: Allow
          agents: ["spiffe://example.org/agent/sales-bot"]
          tools: [query_orders, "export_*"]
        - name: large-reads
          effect: Hold
          tools: [query_orders]
          when: [{ key: args.limit, operator: GreaterThan, value: 1000 }]
          approval: { groups: [data-stewards], required: 2, expiresAfter: 15m }
          message: Large reads are approved by two people.
        - name: no-exports
          effect: Deny
          tools: ["export_*"]
          message: Not today.
        """

    @Test func `without a matching allow everything is denied`() throws {
        let decision = try policySet(orders).decide(toolCall("drop_orders"))
        #expect(decision.effect == .deny && decision.rule == nil && decision.reason == "no rule allows this")
        #expect(decision.matched.isEmpty && decision.tokenRequired)
        let stranger = try policySet(orders).decide(toolCall(agent: "spiffe://example.org/agent/other"))
        #expect(stranger.effect == .deny)
    }

    @Test func `an allow allows`() throws {
        let decision = try policySet(orders).decide(toolCall("query_orders", #"{"limit": 1000}"#))
        #expect(
            decision.effect == .allow && decision.rule == "reads" && decision.reason == "allowed by `reads`")
        #expect(decision.matched == ["reads"] && decision.holds.isEmpty && decision.missing.isEmpty)
    }

    @Test func `a deny wins over an allow`() throws {
        let decision = try policySet(orders).decide(toolCall("export_all"))
        #expect(
            decision.effect == .deny && decision.rule == "no-exports"
                && decision.reason == "denied by `no-exports`")
        #expect(decision.matched == ["reads", "no-exports"] && decision.message == "Not today.")
    }

    @Test func `a hold holds what is allowed, with its own requirement`() throws {
        let decision = try policySet(orders).decide(toolCall("query_orders", #"{"limit": 1001}"#))
        #expect(decision.effect == .hold && decision.rule == "large-reads")
        let hold = try #require(decision.holds.first)
        #expect(decision.holds.count == 1)
        #expect(hold.groups == ["data-stewards"] && hold.required == 2 && hold.expiresAfter == .seconds(900))
        #expect(!hold.subjectIsWorkload && hold.message == "Large reads are approved by two people.")
    }

    @Test func `an absent argument is held, and the reason says so`() throws {
        let decision = try policySet(orders).decide(toolCall("query_orders", "{}"))
        #expect(decision.effect == .hold && decision.missing == ["args.limit"])
        #expect(decision.reason == "held by `large-reads`: `args.limit` is absent or of another type")
    }

    @Test func `a hold never widens what is allowed`() throws {
        let other = "spiffe://example.org/agent/other"
        #expect(try policySet(orders).decide(toolCall("query_orders", "{}", agent: other)).effect == .deny)
    }

    @Test func `every matching hold must be satisfied`() throws {
        let rules = try policySet(
            """
            - { name: a, effect: Allow, tools: ["*"] }
            - { name: h1, effect: Hold, tools: ["*"], approval: { groups: [x] } }
            - { name: h2, effect: Hold, tools: [query_orders], approval: { groups: [y, z], required: 3, expiresAfter: 1h, subject: workload } }
            - { name: h3, effect: Hold, tools: [other], approval: { groups: [w] } }
            """)
        let decision = try rules.decide(toolCall())
        #expect(decision.holds.map(\.rule) == ["h1", "h2"])
        #expect(decision.holds.map(\.required) == [1, 3])
        #expect(decision.holds.map(\.expiresAfter) == [.seconds(900), .seconds(3600)])
        #expect(decision.holds.map(\.subjectIsWorkload) == [false, true])
    }

    @Test func `the order of rules changes no effect`() throws {
        let rules = [
            "- { name: a, effect: Allow, tools: [\"*\"] }",
            "- { name: h, effect: Hold, tools: [query_orders], approval: { groups: [x] } }",
            "- { name: d, effect: Deny, tools: [query_orders], when: [{ key: args.x, operator: Equals, value: 1 }] }",
        ]
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let set = try policySet(order.map { rules[$0] }.joined(separator: "\n"))
            #expect(try set.decide(toolCall("query_orders", #"{"x": 1}"#)).effect == .deny)
            #expect(try set.decide(toolCall("query_orders", #"{"x": 2}"#)).effect == .hold)
            #expect(try set.decide(toolCall("other", "{}")).effect == .allow)
        }
    }

    @Test func `shadow rules are reported and not applied`() throws {
        let enforced = policyFile("- { name: a, effect: Allow, tools: [\"*\"] }")
        let shadow = policyFile(
            """
            - { name: d, effect: Deny, tools: [query_orders] }
            - { name: h, effect: Hold, tools: ["*"], approval: { groups: [x] } }
            - { name: u, effect: Allow, tools: [other] }
            """, mode: "Shadow")
        let set = try PolicySet.load(
            [("a", Array(enforced.utf8)), ("b", Array(shadow.utf8))], hash: testHash)
        let decision = try set.decide(toolCall())
        #expect(decision.effect == .allow && decision.matched == ["a"] && decision.holds.isEmpty)
        #expect(
            decision.shadow.map(\.rule) == ["d", "h"] && decision.shadow.map(\.effect) == [.deny, .hold])
        let onlyShadow = try PolicySet.load([("b", Array(shadow.utf8))], hash: testHash)
        #expect(try onlyShadow.decide(toolCall("other")).effect == .deny)
    }

    @Test func `tools never match http and http never matches mcp`() throws {
        let set = try policySet(
            """
            - { name: t, effect: Allow, tools: ["*"] }
            - { name: h, effect: Allow, http: { methods: [GET, POST], paths: [/mcp, "/v1/{x}"] } }
            """)
        #expect(try set.decide(toolCall()).matched == ["t"])
        #expect(try set.decide(http("POST", "/mcp")).matched == ["h"])
        #expect(try set.decide(mcp("tools/list")).effect == .deny)
        #expect(try set.decide(grpc("/v1/x")).effect == .deny)
    }

    @Test func `a gRPC call is allowed by its keys`() throws {
        let set = try policySet(
            """
            - name: g
              effect: Allow
              when:
              - { key: grpc.service, operator: Equals, value: shop.Orders }
              - { key: grpc.method, operator: StartsWith, value: Get }
            """)
        #expect(try set.decide(grpc("/shop.Orders/GetOrder")).effect == .allow)
        #expect(try set.decide(grpc("/shop.Orders/DropOrder")).effect == .deny)
        #expect(try set.decide(grpc("/shop.Orders/Get/Order")).effect == .deny)
        #expect(try set.decide(http("POST", "/shop.Orders/GetOrder")).effect == .deny)
    }

    @Test func `every item of when must hold`() throws {
        let set = try policySet(
            """
            - name: a
              effect: Allow
              tools: ["*"]
              when:
              - { key: args.x, operator: Equals, value: 1 }
              - { key: args.y, operator: Equals, value: 2 }
            """)
        #expect(try set.decide(toolCall("t", #"{"x":1,"y":2}"#)).effect == .allow)
        let decision = try set.decide(toolCall("t", #"{"x":1}"#))
        #expect(decision.effect == .deny && decision.missing == ["args.y"])
        #expect(decision.reason == "no rule allows this: `args.y` is absent or of another type")
    }
}
