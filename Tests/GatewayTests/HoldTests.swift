import Approvals
import Crypto
import Primitives
import TestKit
import Testing

@testable import Gateway

/// Invariant 3, over sockets.
@Suite struct HoldTests {
    @Test func `a held call runs once it is approved, and once only`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            #expect(proxy.tool.requests.isEmpty)
            #expect(approval["status"]?.string == "pending")
            #expect(approval["agent"]?.string == "spiffe://example.org/agent/sales-bot")
            let id = try #require(approval["id"]?.string)
            #expect(try proxy.approval(id)["request"]?["arguments"]?["limit"]?.integer == 5_000)
            let review = try proxy.review(approval)
            #expect(review.status == 201)
            #expect(review.json?["counted"]?.bool == true)
            #expect(agent.receive()?.status == 200)
            #expect(proxy.tool.requests.count == 1)
            #expect(eventually { (try? proxy.approval(id))?["status"]?.string == "consumed" })
            #expect(try proxy.review(approval, as: "carol").status == 409)
            #expect(eventually { proxy.records("effect").count == 1 })
        }
    }

    /// Invariant 4: decision and request before the hold, review before its answer, release before the first byte.
    @Test func `a held call is on record at every step`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            #expect(proxy.records("decision").map { $0["decision"]?.string } == ["hold"])
            #expect(proxy.records("approval.requested").count == 1)
            try proxy.review(approval)
            #expect(proxy.records("approval.reviewed").count == 1)
            _ = agent.receive()
            #expect(proxy.records("release").count == 1)
            #expect(eventually { proxy.records("effect").count == 1 })
            let events = proxy.records().compactMap { $0["event"]?.string }
            let wanted: [Text] = ["decision", "approval.requested", "approval.reviewed", "release", "effect"]
            #expect(events.filter(wanted.contains) == wanted)
            let stored = proxy.records("approval.requested").first
            #expect(stored?["request"]?["arguments"] == nil)
        }
    }

    @Test func `one denial is final`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            #expect(try proxy.review(approval, "deny").status == 201)
            let answer = try #require(agent.receive())
            #expect(answer.status == 200)
            #expect(answer.slug == "approval-denied")
            #expect(answer.json?["result"]?["isError"]?.bool == true)
            #expect(try proxy.review(approval, as: "carol").status == 409)
            #expect(proxy.tool.connectionsAccepted == 0)
            #expect(proxy.records("release").isEmpty)
        }
    }

    @Test func `an approval that nobody gives in time expires`() throws {
        try withProxy(rules: World.rules(expiresAfter: "1s")) { proxy throws in
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp(5_000))
            #expect(agent.receive()?.slug == "approval-expired")
            #expect(proxy.tool.connectionsAccepted == 0)
            #expect(eventually { proxy.records("approval.decided").count == 1 })
        }
    }

    @Test func `a connection is held no longer than it wants to be, and the approval stays`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall(5_000, [("Prefer", "respond-async, wait=1")])
            #expect(agent.receive()?.slug == "approval-pending")
            let id = try #require(approval["id"]?.string)
            #expect(try proxy.approval(id)["status"]?.string == "pending")
            #expect(try proxy.approval(id)["attached"]?.bool == false)
        }
    }

    @Test func `the same request joins its approval again, with a new token`() throws {
        try withProxy { proxy throws in
            let (first, approval) = try proxy.heldCall()
            first.close()
            let id = try #require(approval["id"]?.string)
            #expect(eventually { (try? proxy.approval(id))?["attached"]?.bool == false })
            let second = try proxy.agent()
            second.send(proxy.world.mcp(5_000))
            #expect(eventually { (try? proxy.approval(id))?["attached"]?.bool == true })
            #expect(try proxy.approvals().count == 1)
            try proxy.review(approval)
            #expect(second.receive()?.status == 200)
            #expect(proxy.tool.requests.count == 1)
        }
    }

    @Test func `approved while nobody was there, it runs at once when the caller is back, and once`() throws {
        try withProxy { proxy throws in
            let (first, approval) = try proxy.heldCall()
            first.close()
            let id = try #require(approval["id"]?.string)
            #expect(eventually { (try? proxy.approval(id))?["attached"]?.bool == false })
            try proxy.review(approval)
            #expect(try proxy.approval(id)["status"]?.string == "approved")
            #expect(proxy.tool.requests.isEmpty)
            #expect(try proxy.call(5_000).text == #"{"ok":true}"#)
            #expect(proxy.tool.requests.count == 1)
            // A second execution needs a second approval.
            let (second, other) = try proxy.heldCall()
            #expect(other["id"]?.string != id)
            #expect(proxy.tool.requests.count == 1)
            second.close()
        }
    }

    @Test func `a later arrival takes the place, and the earlier call is superseded`() throws {
        try withProxy { proxy throws in
            let (first, approval) = try proxy.heldCall()
            let second = try proxy.agent()
            second.send(proxy.world.mcp(5_000))
            let answer = try #require(first.receive())
            #expect(answer.status == 409)
            #expect(answer.slug == "superseded")
            try proxy.review(approval)
            #expect(second.receive()?.status == 200)
            #expect(proxy.tool.requests.count == 1)
        }
    }

    @Test func `nothing runs for a caller that has gone`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            agent.reset()
            let id = try #require(approval["id"]?.string)
            #expect(eventually { (try? proxy.approval(id))?["attached"]?.bool == false })
            try proxy.review(approval)
            #expect(proxy.records("release").isEmpty)
            #expect(proxy.tool.connectionsAccepted == 0)
            #expect(eventually { (try? proxy.metric("held_requests")) == 0 })
        }
    }

    @Test func `other arguments need another approval`() throws {
        try withProxy { proxy throws in
            let (one, first) = try proxy.heldCall(5_000)
            let (two, second) = try proxy.heldCall(5_001)
            #expect(first["digest"] != second["digest"])
            try proxy.review(first)
            #expect(one.receive()?.status == 200)
            #expect(proxy.tool.requests.map(\.body) == [World.toolCall(5_000)])
            try proxy.review(second, "deny")
            #expect(two.receive()?.slug == "approval-denied")
        }
    }

    @Test func `as many people as the rule wants have to approve`() throws {
        try withProxy(rules: World.rules(expiresAfter: "15m", required: 2)) { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            #expect(try proxy.review(approval).json?["status"]?.string == "pending")
            #expect(try proxy.review(approval).status == 409)
            #expect(proxy.tool.requests.isEmpty)
            #expect(try proxy.review(approval, as: "carol").json?["status"]?.string == "approved")
            #expect(agent.receive()?.status == 200)
        }
    }

    @Test func `a hold that nobody could ever approve is refused`() throws {
        try withProxy(rules: World.rules(expiresAfter: "15m", required: 9)) { proxy throws in
            let answer = try proxy.call(5_000)
            #expect(answer.slug == "policy-denied")
            #expect(try proxy.approvals().isEmpty)
            #expect(proxy.records("decision").map { $0["decision"]?.string } == ["deny"])
        }
    }

    @Test func `too many held calls of one agent are refused`() throws {
        try withProxy({ $0.approvals.limits.pendingPerAgentMax = 2 }) { proxy throws in
            let held = try [5_001, 5_002].map { try proxy.heldCall($0) }
            let answer = try proxy.call(5_003)
            #expect(answer.status == 503)
            #expect(answer.slug == "overloaded")
            for call in held { call.agent.close() }
        }
    }

    @Test func `no release after the caller's certificate has ended`() throws {
        try withProxy { proxy throws in
            let world = proxy.world
            let end = world.now + .seconds(3)
            let brief = world.authority.svid(world.authority.id("/agent/sales-bot")) { $0.to = end }
            let agent = try world.connect(proxy.sidecar.port, as: brief)
            let peer = world.peer(brief)
            let token = world.mint.token(to: peer, at: world.now)
            agent.send(world.mcp(5_000, token: token))
            let answer = try #require(agent.receive())
            #expect(answer.slug == "approval-pending")
            #expect(world.now >= end - .seconds(1))
            #expect(proxy.tool.connectionsAccepted == 0)
        }
    }

    @Test func `a restart keeps approvals and reviews, and the arguments come back with the caller`() throws {
        try withProxy(rules: World.rules(expiresAfter: "15m", required: 2)) { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            try proxy.review(approval)
            try proxy.restart()
            #expect(agent.receive()?.slug == "approval-pending")
            let id = try #require(approval["id"]?.string)
            let restored = try proxy.approval(id)
            #expect(restored["status"]?.string == "pending")
            #expect(restored["attached"]?.bool == false)
            #expect(restored["reviews"]?.array?.count == 1)
            #expect(restored["request"]?.isNull == true)
            #expect(try proxy.review(approval, as: "carol").status == 409)
            let again = try proxy.agent()
            again.send(proxy.world.mcp(5_000))
            #expect(eventually { (try? proxy.approval(id))?["attached"]?.bool == true })
            #expect(try proxy.review(approval, as: "carol").status == 201)
            #expect(again.receive()?.status == 200)
            #expect(proxy.tool.requests.count == 1)
        }
    }

    @Test func `what was consumed before a restart is not run after it`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            try proxy.review(approval)
            #expect(agent.receive()?.status == 200)
            try proxy.restart()
            let (other, second) = try proxy.heldCall()
            #expect(second["id"] != approval["id"])
            #expect(proxy.tool.requests.count == 1)
            other.close()
        }
    }
}
