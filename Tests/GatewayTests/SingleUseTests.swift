import Primitives
import Reactor
import Synchronization
import TestKit
import Testing

@testable import Gateway

/// Invariant 1.
@Suite struct SingleUseTests {
    @Test func `a token works once, over connections and routes`() throws {
        try withProxy { proxy throws in
            let token = proxy.world.token()
            #expect(try proxy.call(token: token).status == 200)
            for _ in 0..<3 {
                let again = try proxy.call(token: token)
                #expect(again.status == 401)
                #expect(again.slug == "token-replayed")
                #expect(again["www-authenticate"]?.contains("error=\"invalid_token\"") == true)
            }
            #expect(proxy.tool.requests.count == 1)
            #expect(proxy.records("decision").count == 1)
        }
    }

    @Test func `of many presentations at once exactly one passes`() throws {
        try withProxy { proxy throws in
            let bytes = proxy.world.mcp()
            let agents = try (0..<24).map { _ in try proxy.agent() }
            for agent in agents { agent.send(bytes) }
            let statuses = agents.map { $0.receive()?.status }
            #expect(statuses.count { $0 == 200 } == 1)
            #expect(statuses.count { $0 == 401 } == 23)
            #expect(proxy.tool.requests.count == 1)
        }
    }

    @Test func `a token that a rule denies is spent, one for another call is not`() throws {
        try withProxy { proxy throws in
            let denied = proxy.world.token("tools/call", "drop_table")
            #expect(try proxy.call(token: denied, tool: "drop_table").slug == "policy-denied")
            #expect(try proxy.call(token: denied, tool: "drop_table").slug == "token-replayed")
            let other = proxy.world.token()
            #expect(try proxy.call(token: other, tool: "drop_table").slug == "token-mismatch")
            #expect(try proxy.call(token: other).status == 200)
        }
    }

    @Test func `a restart forgets no claim`() throws {
        try withProxy { proxy throws in
            let spent = proxy.world.token()
            let denied = proxy.world.token("tools/call", "drop_table")
            #expect(try proxy.call(token: spent).status == 200)
            #expect(try proxy.call(token: denied, tool: "drop_table").slug == "policy-denied")
            try proxy.restart()
            #expect(try proxy.call(token: spent).slug == "token-replayed")
            #expect(try proxy.call(token: denied, tool: "drop_table").slug == "token-replayed")
            #expect(try proxy.call().status == 200)
            #expect(proxy.tool.requests.count == 2)
        }
    }

    @Test func `on a ledger without a past, tokens of before are refused`() throws {
        try withProxy(withPast: false) { proxy throws in
            #expect(try proxy.call().slug == "invalid-token")
            let identity = proxy.world.peer()
            // As soon as whole seconds are beyond the start and its skew.
            var answer: Answer?
            #expect(
                eventually {
                    let token = proxy.world.mint.token(to: identity, at: proxy.world.now + .seconds(5))
                    answer = try? proxy.call(token: token)
                    return answer?.status == 200
                })
        }
    }

    @Test func `a full table of claims refuses, and lets nobody in`() throws {
        try withProxy({ $0.claimsMax = 2 }) { proxy throws in
            #expect(try proxy.call().status == 200)
            #expect(try proxy.call().status == 200)
            let refused = try proxy.call()
            #expect(refused.status == 503)
            #expect(refused.slug == "control-unavailable")
            #expect(refused["retry-after"] == "5")
            #expect(proxy.tool.requests.count == 2)
        }
    }
}
