internal import Approvals
internal import Crypto
internal import Enforcement
internal import HTTP
internal import Identity
internal import Ledger
public import Logging
internal import Policies
internal import Primitives
public import Reactor
internal import Synchronization
internal import Tokens

/// The running proxy: opens the ledger, restores what must still hold, listens, and drains.
public final class Sidecar: Sendable {
    /// Agents' connections waiting in the kernel.
    private static let backlog = 1_024
    /// Connections to each of the small listeners.
    private static let serviceConnectionsMax = 1_000
    private static let openFilesWanted = 65_536
    /// For connections that are cut at the end of a drain to tell of it.
    private static let abortTime: Duration = .seconds(1)

    private let settings: SidecarSettings
    private let site: Site
    private let loops: EventLoops
    private let housekeeping: Housekeeping
    private let claims: ReplayCache
    private let listeners: Mutex<[Listener]>
    private let drained = Mutex(false)
    private let startedAt: Timestamp

    /// Where the listeners ended up; a configured port 0 is any free one.
    public let port: Int
    public let approvalsPort: Int?
    public let healthPort: Int?

    /// Blocks until the proxy serves.
    ///
    /// Nothing is left running when it throws.
    public init(_ settings: SidecarSettings, clock: SystemClock, logger: Logger) throws(SidecarError) {
        self.settings = settings
        startedAt = clock.now.time
        Host.prepare(openFiles: Self.openFilesWanted)
        let log = Log(logger)
        let metrics = Metrics()
        let opened = try OpenedLedger(settings, clock)
        let loops = EventLoops(count: settings.loops)
        self.loops = loops
        let checkpoints = CheckpointKeeper(
            opened.signer,
            schedule: CheckpointSchedule(
                every: settings.checkpoints.every, records: settings.checkpoints.records),
            place: opened.volume, metrics: metrics, log: log)
        let room = LedgerRoom(reserve: settings.ledgerReserve, on: opened.volume)
        let ledger = LedgerWriter(
            opened.settings, clock: clock, loop: loops.next(), metrics: metrics, log: log, room: room,
            checkpoints: checkpoints)
        let state = opened.state

        let claims = ReplayCache(claimsMax: settings.claimsMax)
        self.claims = claims
        for claim in state.claims {
            // The record carries `exp`; a token is believed for one skew beyond it, a claim kept for two.
            claims.restore(
                ClaimID(issuer: claim.issuer, tokenID: claim.tokenID),
                expiring: settings.tokens.claimExpiry(ofTokenExpiring: claim.expires))
        }
        let fence = ContinuityFence(
            issuedFrom: state.tokensFrom + settings.tokens.clockSkew,
            expiringAfter: state.largestExpiry ?? .distantPast)
        let enforcement = EnforcementSettings(
            externalHosts: settings.externalHosts, routes: settings.routes, tokens: settings.tokens,
            fence: fence,
            inspectedBodyMax: settings.limits.inspectedBodyMax,
            injectedField: settings.upstream.credential?.name.lowercased)
        let enforcer = Enforcer(enforcement, claims: claims)

        let webhook = settings.approvals.webhook.map {
            Webhook($0, on: loops.next(), clock: clock, metrics: metrics, log: log)
        }
        var approvals = Approvals(
            persons: settings.approvals.persons, limits: settings.approvals.limits,
            abandonAfter: settings.approvals.abandonAfter, approvedFor: settings.approvals.approvedFor)
        approvals.restore(state.openApprovals.compactMap(RestoredApproval.init), at: startedAt)
        let desk = ApprovalDesk(
            approvals, clock: clock, ledger: ledger, metrics: metrics, log: log, loop: loops.next(),
            webhook: webhook)
        let tls: TLSServerContext
        do {
            tls = try TLSServerContext(
                identity: settings.svid.identity, clientCertificates: .required,
                applicationProtocols: ["http/1.1"])
        } catch {
            throw .identity("\(error)")
        }
        site = Site(
            clock: clock, enforcer: enforcer, rules: RuleBook(settings.rules), ledger: ledger, desk: desk,
            refusals: RefusalLog(ledger), metrics: metrics, log: log, tls: tls, bundles: settings.bundles,
            forward: ForwardedRequest.Settings(
                host: settings.upstream.host, credential: settings.upstream.credential),
            limits: settings.limits)
        housekeeping = Housekeeping(
            site, claims: claims, fence: fence, loop: loops.next(), claimWindow: settings.tokens.claimWindow,
            driftMax: enforcement.driftMax)

        ledger.start(opened.takeJournal())
        ledger.note(Sidecar.openingEntries(settings, state))
        Sidecar.report(opened, log)
        do throws(ReactorError) {
            let health = Sidecar.healthAPI(settings, site, claims, checkpoints, room)
            let bound = try Sidecar.listen(settings, site, loops, health)
            listeners = Mutex(bound.all)
            (port, approvalsPort, healthPort) = (bound.data.port, bound.approvals?.port, bound.health?.port)
        } catch {
            ledger.close()
            loops.shutdown()
            throw .listen(error)
        }
        housekeeping.start()
        log.info(
            .ready, "serving",
            ["server.port": "\(port)", "sallyport.policy": "\(settings.rules.revision.hex.prefix(12))"])
    }

    /// SIGTERM: not ready, no new connections, what is in flight finishes, held calls are answered (503, re-
    /// attachable), the ledger is sealed.
    ///
    /// Blocks until done, at most `settings.drain` and a little. Once.
    public func drain() {
        let isFirst = drained.withLock { done in
            defer { done = true }
            return !done
        }
        guard isFirst else { return }
        site.log.info(.draining, "draining", ["sallyport.connections": "\(site.connections.count)"])
        site.startDraining()
        let listeners = self.listeners.withLock { $0 }
        listeners.first?.close()
        site.connections.drain()
        let deadline = site.clock.now.time + settings.drain
        while site.connections.count > 0, site.clock.now.time < deadline { Host.sleep(.milliseconds(20)) }
        // What is left is cut while the ledger still takes its effects.
        site.connections.abort()
        let end = site.clock.now.time + Self.abortTime
        while site.connections.count > 0, site.clock.now.time < end { Host.sleep(.milliseconds(5)) }
        housekeeping.stop()
        site.refusals.flush()
        site.ledger.close()
        for listener in listeners.dropFirst() { listener.close() }
        loops.shutdown()
        site.log.info(.stopped, "stopped")
    }
}

// MARK: Start

extension Sidecar {
    /// What the ledger should say about this start, and what the last run left open.
    private static func openingEntries(_ settings: SidecarSettings, _ state: RecoveredState) -> [Entry] {
        var entries = [
            PolicyLoadedRecord(
                revision: Text(settings.rules.revision.hex), rules: settings.rules.ruleCount,
                files: settings.ruleFiles
            ).entry,
            IdentityRotatedRecord(
                id: settings.svid.id.text, leaf: settings.svid.identity.chain[0].digest,
                expires: settings.svid.notAfter,
                trustDomains: settings.bundles.trustDomains
            ).entry,
        ]
        // A call that was let through and has no effect on record may have reached the tool.
        entries += state.openCalls.map { EffectRecord(unfinished: $0).entry }
        entries += state.voidApprovals.compactMap { approval in
            CallID(approval.id).map { ApprovalDecidedRecord(approval: $0, .cancelled).entry }
        }
        return entries
    }

    private static func report(_ opened: OpenedLedger, _ log: Log) {
        let state = opened.state
        if opened.isKeyNew {
            log.info(
                .checkpointKeyMade,
                "a new key signs this ledger's checkpoints; keep its verifier key elsewhere",
                ["sallyport.checkpoint_key": "\(opened.signer.vkey)"])
        }
        if let problem = opened.foreignCheckpoint {
            log.warning(
                .checkpointForeign,
                "the checkpoint beside the ledger proves nothing and is replaced: \(problem)")
        }
        if opened.isCheckpointMissing {
            log.warning(
                .checkpointForeign,
                "the newest checkpoint is missing; nothing tells whether the end of the ledger was cut off")
        }
        for cut in state.cuts {
            log.warning(
                .ledgerRecovered, "an incomplete end was cut off the ledger; nobody had been told of it",
                ["file.name": "\(cut.segment)", "sallyport.bytes": "\(cut.bytes)"])
        }
        if case .unproven(let reason) = state.continuity {
            log.info(
                .continuityUnproven,
                "tokens issued before \(state.tokensFrom.rfc3339) plus the skew are refused: \(reason)")
        }
    }

    private struct Bound {
        let data: Listener
        let approvals: Listener?
        let health: Listener?

        var all: [Listener] { [data] + [approvals, health].compactMap { $0 } }
    }

    private static func listen(
        _ settings: SidecarSettings, _ site: Site, _ loops: EventLoops, _ healthAPI: HealthAPI
    ) throws(ReactorError) -> Bound {
        let pools = Pools(settings.upstream, loops, clock: site.clock)
        let approvals = try settings.approvals.listen.map { address throws(ReactorError) in
            let tls = settings.approvals.tls
            let hosts = ExternalHosts(settings.approvals.hosts)
            let api = ApprovalAPI(
                site.desk,
                ReviewerAuthenticator(
                    persons: settings.approvals.persons, issuers: settings.approvals.issuers),
                clock: site.clock, hosts: hosts)
            let listener = try Listener.bind(
                address, on: loops, backlog: backlog, connectionsMax: serviceConnectionsMax
            ) { ServiceConnection($0, api, tls: tls) }
            hosts.bound(to: listener.port)
            return listener
        }
        let data = try Listener.bind(
            settings.listen, on: loops, backlog: backlog, connectionsMax: settings.limits.connectionsMax
        ) { Downstream($0, site: site, pool: pools.pool(on: $0.loop)) }
        settings.externalHosts.bound(to: data.port)
        // Last: whoever asks whether the proxy is ready may call it at once.
        let health = try settings.healthListen.map { address throws(ReactorError) in
            try Listener.bind(
                address, on: loops, backlog: backlog, connectionsMax: serviceConnectionsMax
            ) {
                ServiceConnection($0, healthAPI, tls: nil)
            }
        }
        return Bound(data: data, approvals: approvals, health: health)
    }
}

/// One upstream pool a loop, made when the loop first needs it.
private final class Pools: Sendable {
    private let pools: [(Loop, LoopBound<UpstreamPool>)]

    init(_ settings: UpstreamSettings, _ loops: EventLoops, clock: SystemClock) {
        let perLoop = max(1, settings.connectionsMax / loops.loops.count)
        let pool = UpstreamPool.Settings(
            endpoint: settings.endpoint, connectionsMax: perLoop, connectTimeout: settings.connectTimeout,
            responseTimeout: settings.responseTimeout)
        pools = loops.loops.map { loop in
            (loop, LoopBound(on: loop) { UpstreamPool(pool, on: loop, clock: clock) })
        }
    }

    func pool(on loop: Loop) -> UpstreamPool {
        guard let pool = pools.first(where: { $0.0 === loop }) else {
            preconditionFailure("every loop has its pool")
        }
        return pool.1.value
    }
}

/// Why the proxy did not start.
public enum SidecarError: Error, CustomStringConvertible {
    case ledger(String)
    case identity(String)
    case listen(ReactorError)

    public var description: String {
        switch self {
        case .ledger(let why): "the ledger: \(why)"
        case .identity(let why): "the proxy's identity: \(why)"
        case .listen(let error): "listening: \(error)"
        }
    }
}
