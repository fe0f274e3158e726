internal import Primitives
internal import Synchronization

/// Counters and histograms in the Prometheus text format 0.0.4 (contract §10).
///
/// Labels come from closed sets only.
public final class Metrics: Sendable {
    enum Counter: String, CaseIterable {
        case tokenVerifications = "token_verifications_total"
        case approvals = "approvals_total"
        case ledgerRecords = "ledger_records_total"
        case ledgerFailures = "ledger_failures_total"
        case upstreamErrors = "upstream_errors_total"
        case handshakes = "tls_handshakes_total"
        case webhooks = "webhook_deliveries_total"
        case shadowMatches = "shadow_matches_total"
        case refusalsCounted = "refusals_counted_total"
        case checkpointFailures = "ledger_checkpoint_failures_total"

        var label: String? {
            switch self {
            case .tokenVerifications, .handshakes, .webhooks: "result"
            case .approvals: "outcome"
            case .upstreamErrors: "type"
            case .shadowMatches: "effect"
            case .ledgerRecords, .ledgerFailures, .refusalsCounted, .checkpointFailures: nil
            }
        }

        var help: String {
            switch self {
            case .tokenVerifications: "Capability tokens presented, by result."
            case .approvals: "Approvals that ended, by outcome."
            case .ledgerRecords: "Records made durable."
            case .ledgerFailures: "Batches of records that could not be made durable."
            case .upstreamErrors: "Calls the tool did not answer properly, by kind."
            case .handshakes: "TLS handshakes of callers, by result."
            case .webhooks: "Announcements of held calls, by result."
            case .refusalsCounted: "Refusals before redemption that got no ledger record of their own."
            case .checkpointFailures: "Checkpoints that could not be signed or written."
            case .shadowMatches: "Matches of rules in shadow mode, by the effect they would have."
            }
        }
    }

    enum Timing: String, CaseIterable {
        case request = "request_duration_seconds"
        case decision = "decision_duration_seconds"
        case hold = "hold_duration_seconds"
        case ledgerAppend = "ledger_append_duration_seconds"
        case upstream = "upstream_request_duration_seconds"

        var help: String {
            switch self {
            case .request: "From the request head to the end of the answer."
            case .decision: "From the last judged byte to the decision."
            case .hold: "How long calls were held for people."
            case .ledgerAppend: "From asking for a record to its being durable."
            case .upstream: "From the first byte sent to the tool to the end of its answer."
            }
        }
    }

    /// A number read when somebody looks.
    struct Gauge {
        let name: String
        let help: String
        let value: Double
        var labels = ""
        var type = "gauge"
    }

    private struct RequestKey: Hashable {
        let speaks: String
        let decision: String
        let code: Int
    }

    private struct CounterKey: Hashable {
        let counter: Counter
        let value: String
    }

    private struct Histogram {
        static let bounds: [Double] = [
            0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300,
        ]
        var buckets = [UInt64](repeating: 0, count: Histogram.bounds.count)
        var count: UInt64 = 0
        var sum = 0.0

        mutating func observe(_ seconds: Double) {
            count += 1
            sum += seconds
            if let bucket = Histogram.bounds.firstIndex(where: { seconds <= $0 }) { buckets[bucket] += 1 }
        }
    }

    private struct State {
        var requests: [RequestKey: UInt64] = [:]
        var counters: [CounterKey: UInt64] = [:]
        var timings: [Timing: Histogram] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    func request(_ speaks: String, decision: String, code: Int) {
        state.withLock {
            $0.requests[RequestKey(speaks: speaks, decision: decision, code: code), default: 0] += 1
        }
    }

    func count(_ counter: Counter, _ value: String = "", by amount: Int = 1) {
        state.withLock {
            $0.counters[CounterKey(counter: counter, value: value), default: 0] += UInt64(amount)
        }
    }

    func observe(_ timing: Timing, _ duration: Duration) {
        state.withLock { $0.timings[timing, default: Histogram()].observe(duration.inSeconds) }
    }

    func text(_ gauges: [Gauge]) -> [UInt8] {
        let state = state.withLock { $0 }
        var lines: [String] = []
        func head(_ name: String, _ help: String, _ type: String) {
            lines.append("# HELP sallyport_\(name) \(help)")
            lines.append("# TYPE sallyport_\(name) \(type)")
        }
        head("requests_total", "Requests answered, by protocol, decision and status code.", "counter")
        for (key, value) in state.requests.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            lines.append(
                "sallyport_requests_total{protocol=\"\(key.speaks)\",decision=\"\(key.decision)\","
                    + "code=\"\(key.code)\"} \(value)")
        }
        for counter in Counter.allCases {
            head(counter.rawValue, counter.help, "counter")
            let values = state.counters.filter { $0.key.counter == counter }.sorted {
                $0.key.value < $1.key.value
            }
            if values.isEmpty, counter.label == nil { lines.append("sallyport_\(counter.rawValue) 0") }
            for (key, value) in values {
                let label = counter.label.map { "{\($0)=\"\(key.value)\"}" } ?? ""
                lines.append("sallyport_\(counter.rawValue)\(label) \(value)")
            }
        }
        for timing in Timing.allCases {
            head(timing.rawValue, timing.help, "histogram")
            let histogram = state.timings[timing] ?? Histogram()
            var cumulative: UInt64 = 0
            for (bound, bucket) in zip(Histogram.bounds, histogram.buckets) {
                cumulative += bucket
                lines.append("sallyport_\(timing.rawValue)_bucket{le=\"\(bound)\"} \(cumulative)")
            }
            lines.append("sallyport_\(timing.rawValue)_bucket{le=\"+Inf\"} \(histogram.count)")
            lines.append("sallyport_\(timing.rawValue)_sum \(histogram.sum)")
            lines.append("sallyport_\(timing.rawValue)_count \(histogram.count)")
        }
        for gauge in gauges {
            head(gauge.name, gauge.help, gauge.type)
            lines.append("sallyport_\(gauge.name)\(gauge.labels) \(Metrics.number(gauge.value))")
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
