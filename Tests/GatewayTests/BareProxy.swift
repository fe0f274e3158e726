import Approvals
import Crypto
import Enforcement
import Identity
import Ledger
import Policies
import Primitives
import Reactor
import TestKit
import Testing
import Tokens

@testable import Gateway

/// A proxy put together by hand over a ledger in memory: its disk can be slow or broken, its rules can change.
final class BareProxy {
    let world: World
    let bench: WriterBench
    let tool: ScriptedUpstream
    let site: Site
    private let toolLoops = EventLoops(count: 1)
    private let listener: Listener
    private let people: ReviewerAuthenticator

    /// - Parameter reserve: of the ledger's disk.
    init(reserve: Int = 0) throws {
        (world, bench) = (try World(), try WriterBench(reserve: reserve))
        tool = try ScriptedUpstream(on: toolLoops, fallback: .json(#"{"ok":true}"#))
        let settings = try world.settings(tool: tool.endpoint, ledger: "nowhere")
        let (clock, loop, log) = (bench.clock, bench.loops.next(), Log(World.logger))
        people = ReviewerAuthenticator(persons: world.persons, issuers: settings.approvals.issuers)
        let approvals = Approvals(
            persons: world.persons, abandonAfter: .seconds(600), approvedFor: .seconds(300))
        let desk = ApprovalDesk(
            approvals, clock: clock, ledger: bench.writer, metrics: bench.metrics, log: log, loop: loop,
            webhook: nil)
        let enforcement = EnforcementSettings(
            externalHosts: settings.externalHosts, routes: settings.routes, tokens: settings.tokens,
            fence: ContinuityFence(), inspectedBodyMax: 1 << 16)
        let site = Site(
            clock: clock, enforcer: Enforcer(enforcement, claims: ReplayCache(claimsMax: 1_000)),
            rules: RuleBook(world.rules), ledger: bench.writer, desk: desk,
            refusals: RefusalLog(bench.writer),
            metrics: bench.metrics, log: log,
            tls: try TLSServerContext(
                identity: settings.svid.identity, clientCertificates: .required,
                applicationProtocols: ["http/1.1"]),
            bundles: settings.bundles, forward: .init(host: "tool.internal", credential: nil),
            limits: SidecarLimits())
        self.site = site
        let upstream = UpstreamPool.Settings(
            endpoint: tool.endpoint, connectionsMax: 8, connectTimeout: .seconds(5),
            responseTimeout: .seconds(10))
        let pool = LoopBound(on: loop) { UpstreamPool(upstream, on: loop, clock: clock) }
        listener = try Listener.bind("127.0.0.1:0", on: bench.loops, backlog: 64, connectionsMax: 100) {
            Downstream($0, site: site, pool: pool.value)
        }
    }

    deinit {
        listener.close()
        bench.slow.letGo()
        bench.writer.close()
        bench.loops.shutdown()
        toolLoops.shutdown()
    }

    func agent() throws -> Client { try world.connect(listener.port, as: world.agent) }

    func call(_ limit: Int = 5, token: Text? = nil, tool: String = "query_orders") throws -> Answer {
        let agent = try agent()
        agent.send(world.mcp(limit, token: token, tool: tool))
        return try #require(agent.receive())
    }

    func records(_ event: Text) -> [JSON] { bench.records.filter { $0["event"]?.string == event } }

    // MARK: People

    func reviewer(_ name: Text = "bob") throws -> Reviewer {
        try people.reviewer(bearer: world.loginToken(name), at: world.now)
    }

    func approvals() throws -> [ApprovalView] {
        site.desk.list(visibleTo: try reviewer(), status: nil, after: nil, limit: 100).approvals
    }

    /// Waits until one call is held.
    func held() throws -> ApprovalView {
        try #require(eventually { (try? approvals())?.last?.isAttached == true })
        return try #require(try approvals().last)
    }

    /// True when the review was recorded and counts.
    func review(_ approval: ApprovalView, _ decision: ReviewDecision = .approve) throws -> Bool {
        let done = Outbox<Bool>()
        site.desk.review(
            approval.id, by: try reviewer(), decision, reason: "because", digest: approval.about.digest,
            on: bench.loops.next()
        ) { result in
            if case .success(let outcome) = result { done.put(outcome.counted) } else { done.put(false) }
        }
        try #require(eventually { done.value != nil })
        return done.value == true
    }
}
