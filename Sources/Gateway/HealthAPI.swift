internal import HTTP
internal import Primitives
internal import Reactor

/// `/livez /readyz[?verbose] /metrics /version /ledger/checkpoint[.pub]`: read-only, for probes, scrapers and whoever
/// keeps checkpoints outside the proxy's trust boundary, in plain HTTP.
final class HealthAPI: ServiceEndpoint {
    /// One condition of readiness and what an operator should read when it does not hold.
    struct Check: Sendable {
        let name: String
        let problem: String?
    }

    private let checks: @Sendable () -> [Check]
    private let metrics: @Sendable () -> [UInt8]
    private let version: JSON
    private let checkpoints: CheckpointKeeper

    init(
        version: JSON, checks: @escaping @Sendable () -> [Check], metrics: @escaping @Sendable () -> [UInt8],
        checkpoints: CheckpointKeeper
    ) {
        (self.version, self.checks, self.metrics) = (version, checks, metrics)
        self.checkpoints = checkpoints
    }

    func handle(
        _ request: ServiceRequest, on loop: Loop, _ respond: @escaping @Sendable (ServiceResponse) -> Void
    ) {
        respond(answer(request))
    }

    private func answer(_ request: ServiceRequest) -> ServiceResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            return .problem(405, "method-not-allowed", "this listener is read-only", [("allow", "GET, HEAD")])
        }
        switch request.path {
        case "/livez": return .text(200, "ok\n")
        case "/readyz": return readiness(isVerbose: request.head.target.query?.hasPrefix("verbose") == true)
        case "/metrics":
            return ServiceResponse(
                status: 200, fields: [("content-type", "text/plain; version=0.0.4; charset=utf-8")],
                body: metrics())
        case "/version": return .json(200, version)
        case "/ledger/checkpoint": return checkpoint()
        case "/ledger/checkpoint.pub": return HealthAPI.note(checkpoints.verifierKey)
        default:
            return .problem(404, "not-found", "try /livez, /readyz, /metrics, /version or /ledger/checkpoint")
        }
    }

    private func checkpoint() -> ServiceResponse {
        guard let latest = checkpoints.latest else {
            return .problem(
                503, "control-unavailable", "no checkpoint has been signed yet", [("retry-after", "1")])
        }
        return HealthAPI.note(latest.note)
    }

    /// Signed text; like every answer here it is not kept by caches.
    private static func note(_ bytes: [UInt8]) -> ServiceResponse {
        ServiceResponse(
            status: 200,
            fields: [("content-type", "text/plain; charset=utf-8")],
            body: bytes)
    }

    /// The lines Kubernetes components print: `[+]name ok`, `[-]name failed: why`.
    private func readiness(isVerbose: Bool) -> ServiceResponse {
        let checks = checks()
        let isReady = checks.allSatisfy { $0.problem == nil }
        guard isVerbose || !isReady else { return .text(200, "ok\n") }
        let lines = checks.map { check in
            check.problem.map { "[-]\(check.name) failed: \($0)\n" } ?? "[+]\(check.name) ok\n"
        }
        return .text(
            isReady ? 200 : 503,
            lines.joined() + (isReady ? "readyz check passed\n" : "readyz check failed\n"))
    }
}
