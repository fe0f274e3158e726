import Documents
import Policies
import Primitives
import Testing

@Suite struct PolicySetTests {
    @Test func `the revision is of the names and bytes, in the order of the names`() throws {
        let (one, two) = (
            policyFile("- { name: a, effect: Allow, tools: [x] }"),
            policyFile("- { name: b, effect: Deny, tools: [x] }")
        )
        func revision(_ files: [(String, String)]) throws -> Digest {
            try PolicySet.load(files.map { ($0.0, Array($0.1.utf8)) }, hash: testHash).revision
        }
        let first = try revision([("a", one), ("b", two)])
        #expect(try revision([("b", two), ("a", one)]) == first)
        #expect(try revision([("a", one), ("c", two)]) != first)
        #expect(try revision([("a", two), ("b", one)]) != first)
        #expect(try revision([("a", one + "\n"), ("b", two)]) != first)
        let set = try PolicySet.load([("a", Array(one.utf8)), ("b", Array(two.utf8))], hash: testHash)
        #expect(set.ruleCount == 2 && set.revision == first)
        #expect(try set.decide(toolCall()).revision == first)
    }

    private func digest(_ rule: String) throws -> Digest {
        let set = try policySet("- { name: all, effect: Allow, tools: [\"*\"] }\n" + rule)
        return try #require(set.decide(toolCall("t", #"{"x": 5000}"#)).holds.first).ruleDigest
    }

    @Test func `the digest of a rule is of what it says and not of how it is laid out`() throws {
        let when = "when: [{ key: args.x, operator: GreaterThan, value: 1000 }]"
        let plain = try digest(
            "- { name: h, effect: Hold, tools: [t], \(when), approval: { groups: [g], required: 2 } }")
        let laidOut = """
            # words
            - approval:
                required: 2
                groups:
                - "g"
              when:
              - { operator: GreaterThan, value: 1e3, key: args.x }
              tools: ['t']
              effect: Hold
              name: h
            """
        #expect(try digest(laidOut) == plain)
        for other in [
            "- { name: h, effect: Hold, tools: [t], \(when), approval: { groups: [g], required: 1 } }",
            "- { name: h, effect: Hold, tools: [t], \(when), approval: { groups: [G], required: 2 } }",
            "- { name: h, effect: Hold, tools: [t], approval: { groups: [g], required: 2 } }",
            "- { name: i, effect: Hold, tools: [t], \(when), approval: { groups: [g], required: 2 } }",
            "- { name: h, effect: Hold, tools: [t], when: [{ key: args.x, operator: GreaterThan, value: 1001 }], approval: { groups: [g], required: 2 } }",
            "- { name: h, effect: Hold, tools: [t], \(when), message: m, approval: { groups: [g], required: 2 } }",
        ] {
            #expect(try digest(other) != plain)
        }
    }

    @Test func `a text and a number are not one rule`() throws {
        func rule(_ value: String) -> String {
            "- { name: h, effect: Hold, tools: [t], when: [{ key: args.x, operator: NotEquals, value: \(value) }], approval: { groups: [g] } }"
        }
        #expect(try digest(rule("5")) != digest(rule("'5'")))
        #expect(try digest(rule("5")) == digest(rule("5.0")))
    }

    @Test func `the headers that rules read are known`() throws {
        let set = try policySet(
            """
            - { name: a, effect: Deny, when: [{ key: header.X-Tenant, operator: Equals, value: x }] }
            - { name: b, effect: Deny, when: [{ key: 'header["x.y"]', operator: Exists }, { key: query.z, operator: Exists }] }
            """)
        #expect(set.headersRead == ["x-tenant", "x.y"])
    }

    @Test func `whether the body must be read is known before it comes`() throws {
        let set = try policySet(
            """
            - { name: plain, effect: Allow, http: { methods: [GET, PUT] } }
            - { name: reads, effect: Allow, http: { methods: [POST], paths: ["/orders/{id}"] }, when: [{ key: args.x, operator: Exists }] }
            - { name: holds, effect: Hold, http: { paths: [/held] }, approval: { groups: [g] } }
            - { name: tool, effect: Allow, agents: ["spiffe://example.org/agent/*"], tools: [x], when: [{ key: args.x, operator: Exists }] }
            """)
        let (bot, other) = (try id(salesBot), try id("spiffe://example.org/x"))
        func reads(_ agent: SPIFFEID, _ kind: AccessRequest.Kind, _ method: Text, _ path: Text) -> Bool {
            set.mayReadArguments(agent: agent, kind: kind, method: method, path: path)
        }
        #expect(!reads(bot, .http, "PUT", "/orders/7") && !reads(bot, .http, "POST", "/orders"))
        #expect(reads(bot, .http, "POST", "/orders/7") && reads(bot, .http, "DELETE", "/held"))
        #expect(reads(bot, .mcp, "POST", "/mcp") && !reads(other, .mcp, "POST", "/mcp"))
        #expect(!reads(bot, .grpc, "POST", "/held"))
    }

    @Test(
        arguments: [
            ([("a", "1")], nil), ([("a", "1"), ("a", "1")], "a"), ([("a", "1"), ("A", "1")], "a"),
            ([("a[]", "1")], "a"),
            ([("a[0]", "1")], "a"), ([("A[x]", "1")], "a"), ([("b", "1"), ("b", "2")], nil),
            ([("ab[]", "1")], nil),
            ([("d.e", "1"), ("d.e", "2")], "d.e"), ([], nil),
        ] as [([(String, String)], String?)])
    func `a query key that a rule reads is given once`(query: [(String, String)], ambiguous: String?) throws {
        let set = try policySet(
            """
            - { name: r, effect: Deny, when: [{ key: query.a, operator: Equals, value: x }, { key: query.d.e, operator: Exists }] }
            """)
        #expect(
            set.ambiguousQueryKey(in: query.map { (Text($0.0), Text($0.1)) }) == ambiguous.map { Text($0) })
    }

    @Test func `the example of the contract loads but for schedules`() throws {
        let set = try policySet(
            """
            - name: sales-bot-reads            # unique
              effect: Allow
              agents: ["spiffe://example.org/agent/sales-bot"]
              tools: [query_orders]
            - name: large-reads
              effect: Hold
              tools: [query_orders]
              when: [{ key: args.limit, operator: GreaterThan, value: 1000 }]
              approval: { groups: [data-stewards], required: 2, expiresAfter: 15m }
            - name: read-reports
              effect: Allow
              agents: ["spiffe://example.org/ns/ai-agents/sa/*"]
              tools: [read_file]
              when: [{ key: args.path, operator: Matches, value: '/data/reports/[a-z0-9_-]{1,64}\\.pdf' }]
            - name: get-orders
              effect: Allow
              http: { methods: [GET], paths: ["/v1/orders/{id}"] }
            """)
        #expect(set.ruleCount == 4)
        let reader = "spiffe://example.org/ns/ai-agents/sa/reader"
        #expect(
            try set.decide(toolCall("read_file", #"{"path":"/data/reports/q3.pdf"}"#, agent: reader)).effect
                == .allow)
        #expect(
            try set.decide(toolCall("read_file", #"{"path":"/data/reports/../q3.pdf"}"#, agent: reader))
                .effect == .deny)
        #expect(try set.decide(http("GET", "/v1/orders/17")).effect == .allow)
    }

    @Test func `a thousand rules of others cost little`() throws {
        let rules = (0..<1000).map {
            "- { name: r\($0), effect: Allow, agents: [\"spiffe://example.org/agent/a\($0)\"], tools: [t\($0 % 10)] }"
        }
        let set = try policySet(rules.joined(separator: "\n"))
        #expect(try set.decide(toolCall("t7", agent: "spiffe://example.org/agent/a17")).rule == "r17")
        #expect(try set.decide(toolCall("t8", agent: "spiffe://example.org/agent/a17")).effect == .deny)
    }
}
