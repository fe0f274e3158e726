internal import Enforcement
internal import Primitives
internal import Reactor
internal import Synchronization
internal import Tokens

/// What has to be done now and then: forgets expired claims, writes counted refusals, and watches the wall clock.
///
/// A wall clock that was stepped makes `Enforcer` refuse every claim. Once every claim made before the step has aged, no token
/// that was spent can be timely again by the old count; the clock is then anchored anew, and the fence keeps out
/// tokens that only the step would have brought back (contract §2).
final class Housekeeping: Sendable {
    private static let interval: Duration = .seconds(1)

    private let site: Site
    private let claims: ReplayCache
    private let fence: ContinuityFence
    private let loop: Loop
    private let claimWindow: Duration
    private let driftMax: Duration
    private let driftingSince = Mutex<Timestamp?>(nil)
    private let isStopped = Atomic<Bool>(false)

    init(
        _ site: Site, claims: ReplayCache, fence: ContinuityFence, loop: Loop, claimWindow: Duration,
        driftMax: Duration
    ) {
        (self.site, self.claims, self.fence, self.loop) = (site, claims, fence, loop)
        (self.claimWindow, self.driftMax) = (claimWindow, driftMax)
    }

    func start() {
        guard !isStopped.load(ordering: .acquiring) else { return }
        loop.schedule(after: Self.interval) { [self] in
            tick()
            start()
        }
    }

    func stop() { isStopped.store(true, ordering: .releasing) }

    private func tick() {
        let now = site.clock.now
        claims.forgetExpired(at: now.time)
        site.refusals.flush(ifDueAt: now.time)
        watch(now)
    }

    private func watch(_ now: Now) {
        let isDrifting = abs(now.drift.nanosecondsClamped) > driftMax.nanosecondsClamped
        let hasAged = driftingSince.withLock { since in
            guard isDrifting else {
                since = nil
                return false
            }
            if since == nil {
                since = now.time
                site.log.warning(
                    .clockDrifted, "the wall clock was stepped; calls are refused until every claim has aged",
                    ["sallyport.drift_seconds": "\(now.drift.inSeconds)"])
            }
            guard let began = since, now.time - began >= claimWindow else { return false }
            since = nil
            return true
        }
        guard hasAged else { return }
        fence.raise(expiringAfter: now.time)
        site.clock.anchor()
        site.log.warning(.clockDrifted, "the clock follows the wall clock again; calls are served")
    }
}
