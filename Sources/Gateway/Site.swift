internal import Crypto
internal import Enforcement
internal import Identity
internal import Policies
internal import Primitives
internal import Reactor
internal import Synchronization
internal import Tokens

/// What all connections of one proxy share.
///
/// Everything in it is immutable or guards itself.
final class Site: Sendable {
    let clock: SystemClock
    let enforcer: Enforcer
    let rules: RuleBook
    let ledger: LedgerWriter
    let desk: ApprovalDesk
    let refusals: RefusalLog
    let metrics: Metrics
    let log: Log
    let tls: TLSServerContext
    let bundles: TrustBundles
    let forward: ForwardedRequest.Settings
    let limits: SidecarLimits
    let connections = ConnectionSet()
    let random = RandomPool()
    private let draining = Atomic<Bool>(false)

    init(
        clock: SystemClock, enforcer: Enforcer, rules: RuleBook, ledger: LedgerWriter, desk: ApprovalDesk,
        refusals: RefusalLog, metrics: Metrics, log: Log, tls: TLSServerContext, bundles: TrustBundles,
        forward: ForwardedRequest.Settings, limits: SidecarLimits
    ) {
        (self.clock, self.enforcer, self.rules, self.ledger) = (clock, enforcer, rules, ledger)
        (self.desk, self.refusals, self.metrics, self.log) = (desk, refusals, metrics, log)
        (self.tls, self.bundles, self.forward, self.limits) = (tls, bundles, forward, limits)
    }

    var isDraining: Bool { draining.load(ordering: .acquiring) }

    func startDraining() { draining.store(true, ordering: .releasing) }

    /// Why a caller that was admitted may go no further; nil while it is still valid (contract §1): SVID in time, chain
    /// judged against the bundles now in force, token issuer and key still configured.
    func refusal(of caller: Caller, _ token: VerifiedToken?, at time: Timestamp) -> Denial? {
        guard caller.peer.notAfter > time, caller.peer.trustGeneration == bundles.generation else {
            return .unavailable(.identity)
        }
        if let token, !enforcer.stillTrusts(token) { return .invalidToken(.unknownKey) }
        return nil
    }
}

/// The rule set in force, swapped whole.
final class RuleBook: Sendable {
    private let rules: Mutex<PolicySet>

    init(_ rules: PolicySet) { self.rules = Mutex(rules) }

    var current: PolicySet { rules.withLock { $0 } }

    func replace(with rules: PolicySet) { self.rules.withLock { $0 = rules } }
}

/// The open connections of agents, so that a drain reaches each on its own loop.
final class ConnectionSet: Sendable {
    private struct Member: Sendable {
        let loop: Loop
        let connection: LoopBound<WeakDownstream>
    }

    private let members = Mutex<[ObjectIdentifier: Member]>([:])

    var count: Int { members.withLock { $0.count } }

    func add(_ connection: Downstream) {
        let member = Member(
            loop: connection.loop, connection: LoopBound(WeakDownstream(connection), on: connection.loop))
        members.withLock { $0[ObjectIdentifier(connection)] = member }
    }

    func remove(_ connection: Downstream) {
        members.withLock { $0[ObjectIdentifier(connection)] = nil }
    }

    /// Answers what is held, lets what is in flight finish, and closes the rest.
    func drain() { each { $0.closeAfterResponse() } }

    /// Cuts what is left.
    func abort() { each { $0.cut() } }

    private func each(_ work: @escaping @Sendable (Downstream) -> Void) {
        for member in members.withLock({ Array($0.values) }) {
            let connection = member.connection
            member.loop.execute { if let open = connection.value.connection { work(open) } }
        }
    }
}

private struct WeakDownstream {
    weak var connection: Downstream?

    init(_ connection: Downstream) { self.connection = connection }
}
