import Approvals
import Enforcement
import Gateway
import HTTP
import Identity
import Ledger
import Policies
import Primitives
import TestKit
import Tokens

/// `SystemClock` over the world's time: anchored to the wall clock at start, and anew when told.
final class ProxyClock {
    private unowned let world: World
    private var anchorOffset: Duration

    init(_ world: World) { (self.world, anchorOffset) = (world, world.wallOffset) }

    var now: Now {
        let drift = world.defect == .ignoresDrift ? .zero : world.wallOffset - anchorOffset
        return Now(world.scheduler.now + anchorOffset, drift: drift)
    }

    func anchor() { anchorOffset = world.wallOffset }
}

/// One process of the proxy, from its start to its end: what `Sidecar` and `Housekeeping` do, in their order.
final class SimulatedProxy {
    static let drainSeconds: Int64 = 10

    private unowned let world: World
    let life = Life()
    let clock: ProxyClock
    let enforcer: Enforcer
    let forward = ForwardedRequest.Settings(host: Cast.toolHost, credential: nil)
    var rules: PolicySet
    private(set) var ledger: SimulatedLedgerThread! = nil
    private(set) var desk: SimulatedDesk! = nil
    private(set) var pool: SimulatedPool! = nil
    private(set) var refusals: SimulatedRefusals! = nil
    private(set) var isDraining = false
    private let claims: ReplayCache
    private let fence: ContinuityFence
    private let settings: EnforcementSettings
    private var connections: [SimulatedConnection] = []
    private let loops: [Lane]
    private var driftingSince: Timestamp?
    let restoredClaims: Int

    /// Throws what `Journal.open` throws; nothing is left running then.
    init(_ world: World) throws(LedgerError) {
        self.world = world
        clock = ProxyClock(world)
        let startedAt = clock.now.time
        var tokens = Cast.mint.rules
        tokens.maxLifetime = .seconds(world.tokenLifetimeMax)
        tokens.clockSkew = .seconds(world.skew)
        var journalSettings = JournalSettings(
            durability: world.plan.durability, instance: "proxy", boot: Text("boot-\(world.boot)"),
            claimWindow: tokens.claimWindow)
        journalSettings.claimsMax = world.plan.claimsMax
        journalSettings.segmentBytesMax = world.plan.segmentBytesMax
        journalSettings.zeroAheadBytes = 4_096
        let opened = try Journal.open(
            FaultyStorage(disk: world.disk), settings: journalSettings,
            containing: world.plan.knowsCheckpoint ? world.observer.checkpoint : nil, at: clock.now)
        let state = opened.state
        claims = ReplayCache(claimsMax: world.plan.claimsMax)
        restoredClaims = state.claims.count
        if world.defect != .forgetsClaimsAtStart {
            for claim in state.claims {
                claims.restore(
                    ClaimID(issuer: claim.issuer, tokenID: claim.tokenID),
                    expiring: tokens.claimExpiry(ofTokenExpiring: claim.expires))
            }
        }
        let isProven = state.continuity == .proven || world.defect == .skipsFence
        fence = ContinuityFence(
            issuedFrom: isProven ? .distantPast : state.tokensFrom + tokens.clockSkew,
            expiringAfter: world.defect == .skipsFence ? .distantPast : state.largestExpiry ?? .distantPast)
        settings = EnforcementSettings(
            externalHosts: ExternalHosts([Cast.host]), routes: Cast.routes, tokens: tokens, fence: fence,
            inspectedBodyMax: 4_096)
        enforcer = Enforcer(settings, claims: claims)
        rules = Cast.rules[world.ruleSet]
        loops = [Lane(world.scheduler), Lane(world.scheduler)]
        var limits = Approvals.Limits()
        limits.pendingMax = world.defect == .holdsWithoutLimit ? 1_000 : world.plan.pendingMax
        var approvals = Approvals(
            persons: Cast.persons, limits: limits, abandonAfter: Cast.abandonAfter,
            approvedFor: Cast.approvedFor)
        approvals.restore(state.openApprovals.compactMap(RestoredApproval.init), at: startedAt)
        ledger = SimulatedLedgerThread(world, self, journalSettings, consume opened.journal)
        desk = SimulatedDesk(world, self, approvals)
        pool = SimulatedPool(world, self)
        refusals = SimulatedRefusals(ledger)
        ledger.publish()
        ledger.note(Self.openingEntries(rules, state))
        world.tell(
            "proxy", "serves; \(state.continuity), claims \(state.claims.count), cuts \(state.cuts.count)")
        housekeep()
    }

    private static func openingEntries(_ rules: PolicySet, _ state: RecoveredState) -> [Entry] {
        var entries = [
            PolicyLoadedRecord(
                revision: Text(rules.revision.hex), rules: rules.ruleCount, files: ["rules.yaml"]
            ).entry
        ]
        entries += state.openCalls.map { EffectRecord(unfinished: $0).entry }
        entries += state.voidApprovals.compactMap { approval in
            CallID(approval.id).map { ApprovalDecidedRecord(approval: $0, .cancelled).entry }
        }
        return entries
    }

    // MARK: Connections

    func accept(_ link: Link, from agent: Int) -> SimulatedConnection {
        let loop = loops[Int.random(in: 0..<loops.count, using: &world.random)]
        let connection = SimulatedConnection(
            world, self, link, Cast.agents[agent], source: Cast.caller[agent], on: loop)
        connections.append(connection)
        return connection
    }

    func closed(_ connection: SimulatedConnection) { connections.removeAll { $0 === connection } }

    /// `Site.refusal`.
    func refusal(of caller: Caller, _ token: VerifiedToken?, at time: Timestamp) -> Denial? {
        guard caller.peer.notAfter > time else { return .unavailable(.identity) }
        if let token, !enforcer.stillTrusts(token) { return .invalidToken(.unknownKey) }
        return nil
    }

    var reviewLoop: Lane { loops[0] }

    /// What a crash leaves: the kernel ends every connection.
    func die() {
        life.end()
        connections = []
    }

    /// SIGTERM.
    func drain(_ done: @escaping () -> Void) {
        guard !isDraining else { return }
        isDraining = true
        for connection in connections { connection.drain() }
        let deadline = world.scheduler.now + .seconds(Self.drainSeconds)
        waitForConnections(until: deadline, done)
    }

    private func waitForConnections(until deadline: Timestamp, _ done: @escaping () -> Void) {
        world.scheduler.after(.milliseconds(20), in: life) { [self] in
            guard connections.isEmpty || world.scheduler.now >= deadline else {
                return waitForConnections(until: deadline, done)
            }
            for connection in connections { connection.cut() }
            refusals.flush(ifDueAt: .distantFuture)
            ledger.close { [self] in
                die()
                done()
            }
        }
    }

    // MARK: Housekeeping

    private func housekeep() {
        world.scheduler.after(.seconds(1), in: life) { [self] in
            world.isQuietStep = true
            let now = clock.now
            claims.forgetExpired(at: now.time)
            refusals.flush(ifDueAt: now.time)
            watch(now)
            housekeep()
        }
    }

    private func watch(_ now: Now) {
        guard abs(now.drift.nanosecondsClamped) > settings.driftMax.nanosecondsClamped else {
            driftingSince = nil
            return
        }
        guard let since = driftingSince else {
            driftingSince = now.time
            world.tell("proxy", "the wall clock was stepped")
            return
        }
        guard now.time - since >= settings.tokens.claimWindow else { return }
        driftingSince = nil
        fence.raise(expiringAfter: now.time)
        clock.anchor()
        world.tell("proxy", "follows the wall clock again")
    }

    // MARK: What has a limit

    var gauges: Gauges {
        Gauges(
            claims: claims.liveCount, pending: desk.pendingCount, held: desk.heldCount,
            connections: connections.count, ledgerWaiting: ledger.waitingCount, notes: ledger.notesCount,
            upstreamWaiting: pool.waitingCount)
    }
}

/// What `/metrics` would show.
struct Gauges {
    var claims, pending, held, connections, ledgerWaiting, notes, upstreamWaiting: Int
}

/// `RefusalLog`, with its counts in an order that does not depend on the process.
final class SimulatedRefusals {
    static let linesPerWindow = 20
    static let window: Duration = .seconds(60)

    private let ledger: SimulatedLedgerThread
    private var windowEnds = Timestamp.distantPast
    private var lines: [Text: Int] = [:]
    private var counts: [Text: Int] = [:]

    init(_ ledger: SimulatedLedgerThread) { self.ledger = ledger }

    func note(_ slug: String, by agent: SPIFFEID, at time: Timestamp) {
        flush(ifDueAt: time)
        if lines[agent.text, default: 0] < Self.linesPerWindow {
            lines[agent.text, default: 0] += 1
            ledger.note([RefusedRecord(agent: agent.text, reason: Text(slug)).entry])
        } else {
            counts[agent.text, default: 0] += 1
        }
    }

    func flush(ifDueAt time: Timestamp) {
        guard time >= windowEnds else { return }
        let entries = counts.sorted { $0.key < $1.key }.map { agent, count in
            RefusedRecord(agent: agent, reason: "several", count: count).entry
        }
        (lines, counts) = ([:], [:])
        windowEnds = time == .distantFuture ? .distantPast : time + Self.window
        if !entries.isEmpty { ledger.note(entries) }
    }
}
