import Approvals
import Primitives
import Reactor
import TestKit
import Testing

@testable import Gateway

@Suite struct RestoredApprovalTests {
    private let world: World
    private let bench: WriterBench

    init() throws { (world, bench) = (try World(), try WriterBench()) }

    /// An hour of life, of which all but a moment is over.
    private func restored() throws -> RestoredApproval {
        let about = ApprovalSubject(
            agent: try SPIFFEID("spiffe://example.org/agent/sales-bot"),
            subject: "alice@example.org", kind: "mcp", host: "localhost", action: "tools/call",
            resource: "query_orders", digest: "sha-256:AAAA")
        let requirement = Requirement(
            rule: "large-reads", ruleDigest: .zero, groups: ["data-stewards"], required: 1,
            expiresAfter: .seconds(3_600))
        return RestoredApproval(
            id: try #require(CallID("01M7XZKNN20000000000000001")), about: about, requirements: [requirement],
            createdAt: bench.clock.now.time - .seconds(3_600) + .milliseconds(50), reviews: [],
            approvedAt: nil)
    }

    @Test func `an approval that was open before a restart expires though nobody comes back for it`() throws {
        var approvals = Approvals(
            persons: world.persons, abandonAfter: .seconds(7_200), approvedFor: .seconds(300))
        approvals.restore([try restored()], at: bench.clock.now.time)
        let desk = ApprovalDesk(
            approvals, clock: bench.clock, ledger: bench.writer, metrics: bench.metrics,
            log: Log(World.logger), loop: bench.loops.next(), webhook: nil)
        #expect(eventually { desk.pendingCount == 0 })
        #expect(eventually { bench.records.contains { $0["outcome"]?.string == "expired" } })
    }
}
