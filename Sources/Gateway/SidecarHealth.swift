internal import Enforcement
internal import Identity
internal import Ledger
internal import Policies
internal import Primitives
internal import Reactor
internal import Tokens

/// What probes and scrapers are told.
extension Sidecar {
    static func healthAPI(
        _ settings: SidecarSettings, _ site: Site, _ claims: ReplayCache, _ checkpoints: CheckpointKeeper,
        _ room: LedgerRoom
    ) -> HealthAPI {
        HealthAPI(
            version: Version.json,
            checks: {
                let now = site.clock.now
                let isDrifting =
                    abs(now.drift.nanosecondsClamped)
                    > max(settings.tokens.clockSkew, .seconds(1)).nanosecondsClamped
                return [
                    .init(
                        name: "identity",
                        problem: settings.svid.notAfter > now.time ? nil : "the SVID has expired"),
                    .init(name: "rules", problem: nil),
                    .init(name: "ledger", problem: site.ledger.problem),
                    .init(name: "clock", problem: isDrifting ? "the wall clock has stepped" : nil),
                    .init(name: "serving", problem: site.isDraining ? "draining" : nil),
                ]
            },
            metrics: {
                site.metrics.text(gauges(settings, site, claims) + ledgerGauges(checkpoints, room))
            },
            checkpoints: checkpoints)
    }

    private static func ledgerGauges(_ checkpoints: CheckpointKeeper, _ room: LedgerRoom) -> [Metrics.Gauge] {
        var gauges: [Metrics.Gauge] = []
        if let free = room.freeBytes {
            gauges.append(
                .init(
                    name: "ledger_free_bytes", help: "Bytes free on the ledger's disk.", value: Double(free)))
        }
        guard let latest = checkpoints.latest else { return gauges }
        return gauges + [
            .init(
                name: "ledger_checkpoint_records", help: "Records that the last checkpoint covers.",
                value: Double(latest.head.size)),
            .init(
                name: "ledger_checkpoint_timestamp_seconds", help: "When the last checkpoint was taken.",
                value: Double(latest.time.seconds)),
        ]
    }

    private static func gauges(_ settings: SidecarSettings, _ site: Site, _ claims: ReplayCache) -> [Metrics
        .Gauge]
    {
        [
            .init(
                name: "claims_live", help: "Claims on tokens that are kept.", value: Double(claims.liveCount)),
            .init(
                name: "held_requests", help: "Calls that wait for people.", value: Double(site.desk.heldCount)
            ),
            .init(
                name: "approvals_pending", help: "Approvals nobody has decided.",
                value: Double(site.desk.pendingCount)),
            .init(
                name: "connections", help: "Open connections of agents.",
                value: Double(site.connections.count)),
            .init(
                name: "svid_expiry_timestamp_seconds", help: "When the proxy's own SVID ends.",
                value: Double(settings.svid.notAfter.seconds)),
            .init(
                name: "policy_info", help: "The rule set in force.", value: 1,
                labels: "{revision=\"\(site.rules.current.revision.hex)\"}"),
            .init(
                name: "build_info", help: "What is running.", value: 1,
                labels: "{version=\"\(Version.number)\"}"),
            .init(
                name: "process_cpu_seconds_total", help: "CPU time of the process.",
                value: Host.cpuTime.inSeconds,
                type: "counter"),
            .init(
                name: "process_resident_memory_bytes", help: "Memory in use.",
                value: Double(Host.residentBytes)),
            .init(name: "process_open_fds", help: "File descriptors in use.", value: Double(Host.openFiles)),
            .init(
                name: "process_start_time_seconds", help: "When the process began.",
                value: Double(Host.startTime.seconds)),
        ]
    }
}
