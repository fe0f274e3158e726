import Approvals
import Policies
import Primitives
import Reactor
import Synchronization
import TestKit
import Testing

@testable import Gateway

/// A value that comes from another thread, once.
final class Outbox<Value: Sendable>: Sendable {
    private let held = Mutex<Value?>(nil)

    var value: Value? { held.withLock { $0 } }

    func put(_ value: Value) { held.withLock { $0 = value } }
}

/// Invariants 2, 4 and 5: what the ledger does not have has not happened.
@Suite struct LedgerFailureTests {
    private let proxy: BareProxy
    private var slow: SlowDisk { proxy.bench.slow }

    init() throws { proxy = try BareProxy() }

    @Test func `nothing goes to the tool before its decision is durable`() throws {
        slow.hold()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp())
        #expect(eventually { slow.waitingCount == 1 })
        #expect(proxy.tool.connectionsAccepted == 0)
        slow.letGo()
        #expect(agent.receive()?.status == 200)
        #expect(proxy.tool.requests.count == 1)
    }

    @Test func `no denial is told before it is durable`() throws {
        slow.hold()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(tool: "drop_table"))
        #expect(eventually { slow.waitingCount == 1 })
        #expect(!Text(proxy.bench.metrics.text([])).contains("policy-denied"))
        slow.letGo()
        #expect(agent.receive()?.slug == "policy-denied")
    }

    @Test func `while the ledger fails calls are refused, and served again when it is well`() throws {
        let spent = proxy.world.token()
        slow.failSyncs(after: 0)
        for token in [spent, proxy.world.token()] {
            let answer = try proxy.call(token: token)
            #expect(answer.status == 503)
            #expect(answer.slug == "control-unavailable")
            #expect(answer["retry-after"] == "5")
        }
        #expect(try proxy.call(tool: "drop_table").slug == "control-unavailable")
        #expect(proxy.tool.connectionsAccepted == 0)
        #expect(!proxy.site.ledger.isWritable)
        slow.recover()
        #expect(try proxy.call().status == 200)
        #expect(proxy.site.ledger.isWritable)
        // Whether the failed record reached the disk nobody knows: its token stays spent.
        #expect(try proxy.call(token: spent).slug == "token-replayed")
        #expect(proxy.tool.requests.count == 1)
    }

    @Test func `a caller that leaves while its call is recorded is never sent on`() throws {
        slow.hold()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp())
        #expect(eventually { slow.waitingCount == 1 })
        agent.reset()
        #expect(eventually { proxy.site.connections.count == 0 })
        slow.letGo()
        #expect(eventually { proxy.records("effect").count == 1 })
        #expect(proxy.records("effect").first?["outcome"]?.string == "cancelled")
        #expect(proxy.tool.connectionsAccepted == 0)
    }

    @Test func `that a call was cancelled is written again until it is on record`() throws {
        slow.hold()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp())
        #expect(eventually { slow.waitingCount == 1 })
        agent.reset()
        #expect(eventually { proxy.site.connections.count == 0 })
        // The decision, and no more.
        slow.failSyncs(after: 1)
        slow.letGo()
        #expect(eventually { !proxy.site.ledger.isWritable })
        slow.recover()
        #expect(eventually { proxy.records("effect").count == 1 })
        #expect(proxy.records("effect").first?["outcome"]?.string == "cancelled")
    }

    @Test func `a caller that leaves while its hold is recorded leaves an approval behind`() throws {
        slow.hold()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        #expect(eventually { slow.waitingCount == 1 })
        agent.reset()
        #expect(eventually { proxy.site.connections.count == 0 })
        slow.letGo()
        #expect(eventually { proxy.records("approval.requested").count == 1 })
        #expect(eventually { (try? proxy.approvals())?.first?.isAttached == false })
        #expect(proxy.site.desk.heldCount == 0)
        let again = try proxy.agent()
        again.send(proxy.world.mcp(5_000))
        #expect(try proxy.review(proxy.held()))
        #expect(again.receive()?.status == 200)
        #expect(proxy.tool.requests.count == 1)
    }

    @Test func `a caller that leaves while its release is recorded has used its approval up`() throws {
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        let approval = try proxy.held()
        let done = Outbox<Bool>()
        let (loop, slow) = (proxy.bench.loops.next(), slow)
        slow.hold()
        proxy.site.desk.review(
            approval.id, by: try proxy.reviewer(), .approve, reason: nil, digest: approval.about.digest,
            on: loop
        ) { _ in
            // The review is durable; whatever is written next is held, and the release is in it.
            slow.hold()
            done.put(true)
        }
        #expect(eventually { slow.waitingCount == 1 })
        slow.letGo()
        #expect(eventually { done.value == true })
        #expect(eventually { slow.waitingCount == 1 })
        agent.reset()
        #expect(eventually { proxy.site.connections.count == 0 })
        slow.letGo()
        #expect(eventually { proxy.records("release").count == 1 })
        #expect(eventually { proxy.records("effect").count == 1 })
        #expect(proxy.tool.connectionsAccepted == 0)
        #expect(try proxy.approvals().first?.status == .consumed)
    }

    @Test func `a hold that cannot be recorded is no hold, and its approval is nobody's`() throws {
        slow.failSyncs(after: 0)
        #expect(try proxy.call(5_000).slug == "control-unavailable")
        #expect(proxy.site.desk.pendingCount == 0)
        #expect(proxy.site.desk.heldCount == 0)
        slow.recover()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        let approval = try proxy.held()
        let id = approval.id.text
        #expect(proxy.records("approval.requested").contains { $0["approval"]?.string == id })
        #expect(try proxy.review(approval))
        #expect(agent.receive()?.status == 200)
    }

    @Test func `a review that cannot be recorded does not count`() throws {
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        let approval = try proxy.held()
        slow.failSyncs(after: 0)
        #expect(try !proxy.review(approval))
        #expect(try proxy.held().status == .pending)
        slow.recover()
        #expect(proxy.tool.connectionsAccepted == 0)
        #expect(try proxy.review(approval))
        #expect(agent.receive()?.status == 200)
    }

    /// Invariant 3.
    @Test func `a release that cannot be recorded releases nothing, and the approval can still be used`()
        throws
    {
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        let approval = try proxy.held()
        slow.failSyncs(after: 1)
        #expect(try proxy.review(approval))
        #expect(agent.receive()?.slug == "control-unavailable")
        #expect(proxy.tool.connectionsAccepted == 0)
        #expect(try proxy.approvals().first?.status == .approved)
        slow.recover()
        #expect(try proxy.call(5_000).status == 200)
        #expect(try proxy.approvals().first?.status == .consumed)
        #expect(proxy.tool.requests.count == 1)
    }

    @Test func `a call whose hold is being recorded when a drain begins is answered at once`() throws {
        slow.hold()
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        #expect(eventually { slow.waitingCount == 1 })
        proxy.site.startDraining()
        proxy.site.connections.drain()
        slow.letGo()
        #expect(agent.receive()?.slug == "approval-pending")
        #expect(agent.sawEnd())
    }
}

/// The rules in force when a call is let go decide (contract §5).
@Suite struct ChangedRulesTests {
    private let proxy: BareProxy
    private let agent: Client

    init() throws {
        proxy = try BareProxy()
        agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        _ = try proxy.held()
    }

    private func replaceRules(_ text: String) throws {
        proxy.site.rules.replace(with: try World(rules: text).rules)
    }

    @Test func `rules that deny by then refuse the call`() throws {
        try replaceRules(World.rules.replacing("tools: [query_orders] }", with: "tools: [other] }"))
        #expect(try proxy.review(proxy.held()))
        #expect(agent.receive()?.slug == "policy-denied")
        #expect(proxy.tool.connectionsAccepted == 0)
        #expect(proxy.records("release").isEmpty)
    }

    @Test func `reviews made under other words do not count`() throws {
        try replaceRules(World.rules(expiresAfter: "10m"))
        #expect(try proxy.review(proxy.held()))
        #expect(eventually { (try? proxy.approvals())?.first?.status == .pending })
        #expect(proxy.tool.connectionsAccepted == 0)
        #expect(try proxy.review(proxy.held()))
        #expect(agent.receive()?.status == 200)
        #expect(proxy.tool.requests.count == 1)
    }

    @Test func `rules that hold it no longer let it go with the approval it got`() throws {
        try replaceRules(World.rules.replacing("value: 1000", with: "value: 9000"))
        #expect(try proxy.review(proxy.held()))
        #expect(agent.receive()?.status == 200)
        #expect(proxy.records("release").count == 1)
    }
}
