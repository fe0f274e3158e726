import Primitives
import Testing

@testable import Gateway

/// The text format of Prometheus, version 0.0.4.
@Suite struct MetricsTests {
    private let metrics = Metrics()

    private var lines: [Text] { Text(metrics.text([gauge])).split(on: 0x0A) }
    private let gauge = Metrics.Gauge(name: "claims_live", help: "Claims on tokens that are kept.", value: 3)

    /// `name{label="value",…} number`, with a bounded alphabet.
    private func isSample(_ line: Text) -> Bool {
        guard let space = line.bytes.lastIndex(of: 0x20), Double(line.dropFirst(space + 1).string) != nil
        else { return false }
        let name = line.prefix(line.firstIndex(of: 0x7B) ?? space)
        let labels = line.prefix(space).dropFirst(name.count)
        let isName =
            name.hasPrefix("sallyport_")
            && name.bytes.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x5F }
        guard !labels.isEmpty else { return isName }
        return isName && labels.hasPrefix("{") && labels.hasSuffix("\"}")
            && labels.bytes.count { $0 == 0x22 } == 2 * (1 + labels.bytes.count { $0 == 0x2C })
    }

    @Test func `every line is a sample or says what the next ones are`() {
        metrics.request("mcp", decision: "allow", code: 200)
        metrics.request("http", decision: "token-replayed", code: 401)
        metrics.count(.tokenVerifications, "ok")
        metrics.observe(.request, .milliseconds(3))
        #expect(lines.last == "")
        var announced: Set<Text> = []
        for line in lines.dropLast() {
            let words = line.split(on: 0x20)
            if line.hasPrefix("# HELP ") {
                #expect(announced.insert(words[2]).inserted, "\(line)")
            } else if line.hasPrefix("# TYPE ") {
                #expect(announced.contains(words[2]))
                #expect(["counter", "gauge", "histogram"].contains(words[3]))
            } else {
                #expect(isSample(line), "\(line)")
                #expect(announced.contains { line.hasPrefix($0) }, "\(line)")
            }
        }
    }

    @Test func `counters count by their labels`() {
        for _ in 0..<3 { metrics.request("mcp", decision: "allow", code: 200) }
        metrics.count(.ledgerRecords, by: 7)
        metrics.count(.upstreamErrors, "upstream-timeout")
        #expect(
            lines.contains("sallyport_requests_total{protocol=\"mcp\",decision=\"allow\",code=\"200\"} 3"))
        #expect(lines.contains("sallyport_ledger_records_total 7"))
        #expect(lines.contains("sallyport_ledger_failures_total 0"))
        #expect(lines.contains("sallyport_upstream_errors_total{type=\"upstream-timeout\"} 1"))
        #expect(lines.contains("sallyport_claims_live 3"))
    }

    @Test func `the buckets of a histogram are cumulative, up to its count`() {
        for milliseconds in [1, 3, 30, 700_000] as [Int64] {
            metrics.observe(.hold, .milliseconds(milliseconds))
        }
        let buckets = lines.filter { $0.hasPrefix("sallyport_hold_duration_seconds_bucket") }
            .compactMap { Int($0.split(on: 0x20).last?.string ?? "") }
        #expect(buckets == buckets.sorted())
        #expect(buckets.last == 4)
        #expect(buckets.dropLast().last == 3)
        #expect(lines.contains("sallyport_hold_duration_seconds_count 4"))
    }

    @Test func `a proxy's labels come from closed sets`() throws {
        try withProxy { proxy throws in
            for token in ["x", "y\"} 1\nforged 2"] as [Text] {
                _ = try? proxy.call(token: Text(Array(token.bytes.prefix(1))))
            }
            _ = try proxy.call()
            let text = try proxy.health("/metrics").text
            #expect(!text.contains("spiffe://"))
            #expect(!text.contains("query_orders"))
            for line in text.split(on: 0x0A).dropLast() where !line.hasPrefix("#") {
                #expect(isSample(line), "\(line)")
            }
        }
    }
}
