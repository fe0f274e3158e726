import Approvals
import HTTP
import Policies
import Primitives
import Testing

@testable import Enforcement

/// Invariants 3 and 8: what people approve is all that was judged.
@Suite struct JudgedCallTests {
    private let scene = Scene()

    private func held(_ body: String, _ token: Text = Scene.token(), _ fields: [(Text, Text)] = []) throws
        -> HeldRequest
    {
        let outcome = try scene.run(Scene.mcp(body, token: token, fields), body)
        #expect(outcome.name == "held")
        return try #require(outcome.judged.heldRequest(reading: ["x-amount"]))
    }

    private let body = Scene.toolCall("query_orders", #"{"limit":5000}"#)

    @Test func `a held request says who asks for what, on whose behalf`() throws {
        let request = try held(body)
        #expect(request.agent == Scene.agent)
        #expect(request.issuer == "https://broker.example.org")
        #expect(request.subject == "alice@example.org")
        #expect(request.audience == Scene.audience)
        #expect(request.kind == "mcp")
        #expect(request.host == "orders-db.tools.svc")
        #expect(request.action == "tools/call")
        #expect(request.resource == "query_orders")
        #expect(request.arguments == json(#"{"limit":5000}"#))
        #expect(request.contentDigest == nil)
    }

    @Test func `the same request with a new token has the same digest`() throws {
        #expect(try held(body).digest() == held(body).digest())
        let spaced = body.replacing("\"id\":1", with: "\"id\" : 99")
        #expect(try held(spaced).digest() == held(body).digest())
    }

    @Test func `anything that was judged changes the digest`() throws {
        let usual = try held(body).digest()
        #expect(try held(Scene.toolCall("query_orders", #"{"limit":5001}"#)).digest() != usual)
        #expect(try held(body, Scene.token(claims: ["sub": "bob@example.org"])).digest() != usual)
        #expect(try held(body, Scene.token(), [("X-Amount", "5")]).digest() != usual)
        let actor = #"{"sub":"\#(Scene.agent)","act":{"sub":"spiffe://example.org/agent/planner"}}"#
        #expect(try held(body, Scene.token(claims: ["act": json(actor)])).digest() != usual)
    }

    @Test func `a field that no rule reads changes nothing`() throws {
        #expect(try held(body, Scene.token(), [("X-Other", "5")]).digest() == held(body).digest())
    }

    @Test func `every value of a field that a rule reads is bound, in order`() throws {
        let one = try held(body, Scene.token(), [("X-Amount", "1"), ("x-amount", "2")])
        let two = try held(body, Scene.token(), [("X-Amount", "2"), ("x-amount", "1")])
        #expect(one.headers.map(\.1) == ["1", "2"])
        #expect(try one.digest() != two.digest())
    }

    @Test func `an HTTP call binds its JSON body, or the digest of another one`() throws {
        func request(_ type: Text, _ body: String) throws -> HeldRequest {
            let token = Scene.token("POST", "/v1/refunds")
            let request = Scene.request(
                "POST", "/v1/refunds", [("Authorization", "Bearer " + token), ("Content-Type", type)],
                body: .exactly(body.utf8.count))
            let outcome = try scene.run(request, body)
            #expect(outcome.name == "held")
            return try #require(outcome.judged.heldRequest(reading: []))
        }
        let read = try request("application/json", #"{"amount":500}"#)
        #expect(read.arguments == json(#"{"amount":500}"#))
        #expect(read.contentDigest == nil)
        let opaque = try request("text/plain", "amount=500")
        #expect(opaque.arguments == nil)
        #expect(opaque.contentDigest?.hasPrefix("sha-256=:") == true)
        #expect(try opaque.digest() != request("text/plain", "amount=501").digest())
        #expect(try opaque.digest() != request("text/html", "amount=500").digest())
    }

    @Test func `rules see what is forwarded`() throws {
        let outcome = try scene.run(Scene.mcp(body, [("X-Amount", "5"), ("X-Other", "6")]), body)
        let request = outcome.judged.accessRequest(at: Scene.now, reading: ["x-amount", "x-none"])
        #expect(request.kind == .mcp)
        #expect(request.agent == Scene.agent)
        #expect(request.subject == "alice@example.org")
        #expect(request.headers == ["x-amount": ["5"]])
        #expect(request.arguments == json(#"{"limit":5000}"#))
        #expect(request.tool == "query_orders")
        #expect(request.transaction == "txn-1")
        #expect(request.hasToken)
        #expect(request.path == "/mcp")
    }

    @Test func `a hold needs a token`() {
        let scene = Scene(
            rules: """
                apiVersion: sallyport.dev/v1
                kind: ActionPolicy
                metadata: { name: held }
                spec:
                  rules:
                  - name: status
                    effect: Allow
                    token: NotRequired
                    agents: ["spiffe://example.org/agent/sales-bot"]
                    http: { methods: [GET], paths: ["/v1/status"] }
                  - name: asked
                    effect: Hold
                    http: { methods: [GET], paths: ["/v1/status"] }
                    approval: { groups: [stewards] }
                """)
        #expect(scene.denial(Scene.request("GET", "/v1/status"))?.slug == "token-required")
    }

    @Test func `a requirement keeps every word of its rule`() throws {
        guard case .held(_, let decision) = try scene.run(Scene.mcp(body), body) else {
            Issue.record("it is held")
            return
        }
        let hold = try #require(decision.holds.first)
        let requirement = hold.requirement
        #expect(requirement.rule == hold.rule)
        #expect(requirement.ruleDigest == hold.ruleDigest)
        #expect(requirement.groups == ["stewards"])
        #expect(requirement.required == 1)
        #expect(requirement.expiresAfter == .seconds(900))
        #expect(!requirement.subjectIsWorkload)
    }
}
