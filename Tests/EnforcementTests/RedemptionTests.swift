import HTTP
import Primitives
import Testing
import Tokens

@testable import Enforcement

/// Invariants 1 and 5, as far as they are decided before anything is recorded.
@Suite struct RedemptionTests {
    private let scene = Scene()

    private func slug(_ token: Text, _ body: String = Scene.toolCall(), at now: Timestamp = Scene.now)
        -> String?
    {
        scene.denial(Scene.mcp(body, token: token), body, at: now)?.slug
    }

    @Test func `a token works once`() {
        let token = Scene.token()
        #expect(slug(token) == nil)
        #expect(slug(token) == "token-replayed")
        #expect(slug(token, Scene.toolCall("query_orders", #"{"limit":1}"#)) == "token-replayed")
        #expect(slug(Scene.token()) == nil)
    }

    @Test func `a token that rules refuse is spent`() throws {
        let token = Scene.token("tools/call", "drop_table")
        let first = try #require(
            scene.denial(Scene.mcp(Scene.toolCall("drop_table"), token: token), Scene.toolCall("drop_table")))
        #expect(first.slug == "policy-denied")
        #expect(first.detail == "Tables are dropped by people.")
        #expect(slug(token, Scene.toolCall("drop_table")) == "token-replayed")
    }

    @Test func `a token of a held call is spent`() throws {
        let token = Scene.token()
        let body = Scene.toolCall("query_orders", #"{"limit":5000}"#)
        #expect(try scene.run(Scene.mcp(body, token: token), body).name == "held")
        #expect(slug(token, body) == "token-replayed")
    }

    @Test func `a token for another call is not spent by it`() {
        let token = Scene.token(constraints: #"{"limit":{"constraint_type":"range","max":10}}"#)
        #expect(slug(token, Scene.toolCall("drop_table")) == "token-mismatch")
        #expect(slug(token, Scene.toolCall("query_orders", #"{"limit":11}"#)) == "token-mismatch")
        #expect(slug(token, Scene.toolCall("query_orders", #"{"limit":1,"x":1}"#)) == "token-mismatch")
        #expect(slug(token, Scene.toolCall("query_orders", "{}")) == "token-mismatch")
        #expect(slug(token, "{") == "ambiguous-request")
        #expect(scene.claims.asked.isEmpty)
        #expect(slug(token, Scene.toolCall("query_orders", #"{"limit":10}"#)) == nil)
    }

    @Test func `an HTTP method never stands for an MCP action, nor the other way round`() {
        let mcp = Scene.token("POST", "/mcp")
        #expect(slug(mcp) == "token-mismatch")
        let http = Scene.request(
            "POST", "/v1/orders", [("Authorization", "Bearer " + Scene.token("tools/call", "/v1/orders"))])
        #expect(scene.denial(http)?.slug == "token-mismatch")
    }

    @Test func `the times are looked at once more at the claim`() throws {
        let token = Scene.token()
        let open = try scene.open(Scene.mcp(Scene.toolCall(), token: token))
        let late = Scene.now + .seconds(30 + 5)
        do throws(Denial) {
            _ = try scene.enforcer.admit(
                open, body: Array(Scene.toolCall().utf8), under: scene.rules, at: Now(late))
            Issue.record("a token that expired while its body came was taken")
        } catch {
            #expect(error.slug == "invalid-token")
        }
        #expect(scene.claims.asked.isEmpty)
    }

    @Test(
        arguments: [
            (Duration.seconds(5), nil), (.seconds(-5), nil),
            (.nanoseconds(5_000_000_001), "control-unavailable"),
            (.seconds(-6), "control-unavailable"), (.seconds(100_000), "control-unavailable"),
        ] as [(Duration, String?)])
    func `a wall clock that was stepped stops every claim`(_ drift: Duration, _ wanted: String?) {
        let body = Scene.toolCall()
        #expect(scene.denial(Scene.mcp(body), body, drift: drift)?.slug == wanted)
        #expect(scene.claims.asked.isEmpty == (wanted != nil))
    }

    @Test func `a stepped clock stops calls without a token too`() {
        let request = Scene.request("GET", "/v1/status")
        #expect(scene.denial(request, drift: .seconds(60))?.slug == "control-unavailable")
    }

    @Test(arguments: [
        (ClaimOutcome.full, "control-unavailable"), (.unavailable, "control-unavailable"),
        (.replayed, "token-replayed"),
    ]) func `nothing passes without a claim`(_ outcome: ClaimOutcome, _ wanted: String) {
        scene.claims.answer(outcome)
        #expect(slug(Scene.token()) == wanted)
    }

    @Test func `a claim is kept until no clock could take the token any more`() {
        let token = Scene.token()
        #expect(slug(token) == nil)
        for second in [1, 29, 30, 34] as [Int64] {
            #expect(slug(token, at: Scene.now + .seconds(second)) != nil)
        }
    }

    // MARK: The fence

    @Test(arguments: [(-1, false), (0, true), (1, true)] as [(Int64, Bool)])
    func `without proven continuity tokens issued before the start are refused`(
        _ second: Int64, _ isAdmitted: Bool
    ) {
        let scene = Scene(fence: ContinuityFence(issuedFrom: Scene.now))
        let issued = Scene.now + .seconds(second)
        let body = Scene.toolCall()
        let denial = scene.denial(Scene.mcp(body, token: Scene.token(at: issued)), body)
        #expect((denial == nil) == isAdmitted)
        #expect(scene.claims.asked.isEmpty != isAdmitted)
    }

    @Test func `tokens at or below the largest expiry ever let go count as expired`() {
        let fence = ContinuityFence(expiringAfter: Scene.now + .seconds(30))
        let scene = Scene(fence: fence)
        let body = Scene.toolCall()
        #expect(scene.denial(Scene.mcp(body), body)?.slug == "invalid-token")
        let later = Scene.token(at: Scene.now + .seconds(1))
        #expect(scene.denial(Scene.mcp(body, token: later), body) == nil)
    }

    @Test func `a fence is only ever raised`() {
        let fence = ContinuityFence()
        let (low, high) = (Timestamp(seconds: 10), Timestamp(seconds: 20))
        fence.raise(expiringAfter: high)
        fence.raise(expiringAfter: low)
        #expect(!fence.admits(issuedAt: .distantPast, expiresAt: high))
        #expect(fence.admits(issuedAt: .distantPast, expiresAt: high + .nanoseconds(1)))
    }

    @Test func `trust in a token ends with its key and with its issuer`() throws {
        let open = try scene.open(Scene.mcp(Scene.toolCall()))
        let token = try #require(open.token)
        #expect(scene.enforcer.stillTrusts(token))
        var settings = scene.enforcer.settings
        settings.tokens.issuers = []
        #expect(!Enforcer(settings, claims: scene.claims).stillTrusts(token))
    }

    @Test func `every concurrent presentation but one is a replay`() async {
        let token = Scene.token()
        let scene = scene
        let passed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    let body = Scene.toolCall()
                    return scene.denial(Scene.mcp(body, token: token), body) == nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(passed == 1)
    }
}
