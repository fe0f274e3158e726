import Primitives
import TestKit
import Testing

@testable import Gateway

/// Invariant 7, for what is written about refusals.
@Suite struct RefusalLogTests {
    private let bench: WriterBench
    private let refusals: RefusalLog
    private let agent: SPIFFEID
    private let start = Timestamp(seconds: 1_795_168_800)

    init() throws {
        bench = try WriterBench()
        refusals = RefusalLog(bench.writer)
        agent = try SPIFFEID("spiffe://example.org/agent/a")
    }

    private func written(_ count: Int) -> [JSON] {
        func refused() -> [JSON] { bench.records.filter { $0["event"]?.string == "refused" } }
        eventually { refused().count >= count }
        return refused()
    }

    @Test func `an agent gets some lines of its own, and one for all the rest`() {
        for _ in 0..<1_000 { refusals.note("invalid-token", by: agent, at: start) }
        #expect(written(RefusalLog.linesPerWindow).count == RefusalLog.linesPerWindow)
        refusals.flush(ifDueAt: start + RefusalLog.window - .nanoseconds(1))
        refusals.flush(ifDueAt: start + RefusalLog.window)
        let all = written(RefusalLog.linesPerWindow + 1)
        #expect(all.count == RefusalLog.linesPerWindow + 1)
        #expect(all.last?["count"]?.integer == Int64(1_000 - RefusalLog.linesPerWindow))
        #expect(all.last?["agent"]?.string == agent.text)
        #expect(all.last?["reason"]?.string == "invalid-token")
    }

    @Test func `each reason is counted by itself`() {
        for _ in 0..<RefusalLog.linesPerWindow { refusals.note("invalid-token", by: agent, at: start) }
        for _ in 0..<3 { refusals.note("token-replayed", by: agent, at: start) }
        for _ in 0..<2 { refusals.note("token-mismatch", by: agent, at: start) }
        refusals.flush()
        let counted = written(RefusalLog.linesPerWindow + 2).dropFirst(RefusalLog.linesPerWindow)
        let counts = counted.map { "\($0["reason"]?.string ?? "") \($0["count"]?.integer ?? 0)" }.sorted()
        #expect(counts == ["token-mismatch 2", "token-replayed 3"])
    }

    @Test func `a new window gives new lines`() {
        for _ in 0..<RefusalLog.linesPerWindow { refusals.note("invalid-token", by: agent, at: start) }
        refusals.note("invalid-token", by: agent, at: start + RefusalLog.window)
        #expect(written(RefusalLog.linesPerWindow + 1).count == RefusalLog.linesPerWindow + 1)
    }

    @Test func `a clock that is set back far ends the window`() {
        for _ in 0...RefusalLog.linesPerWindow { refusals.note("invalid-token", by: agent, at: start) }
        refusals.flush(ifDueAt: start - .seconds(1))
        refusals.flush(ifDueAt: start - .seconds(3_600))
        let all = written(RefusalLog.linesPerWindow + 1)
        #expect(all.last?["count"]?.integer == 1)
        refusals.note("invalid-token", by: agent, at: start - .seconds(3_600))
        #expect(written(RefusalLog.linesPerWindow + 2).count == RefusalLog.linesPerWindow + 2)
    }

    @Test func `so many agents that they cannot be told apart are counted together`() throws {
        for number in 0..<(RefusalLog.keysMax + 50) {
            refusals.note(
                "invalid-token", by: try SPIFFEID(Text("spiffe://example.org/agent/\(number)")), at: start)
        }
        refusals.flush()
        let last = written(RefusalLog.keysMax + 1).last
        #expect(last?["agent"]?.string == nil)
        #expect(last?["count"]?.integer == 50)
    }

    @Test func `nothing is written when nothing was refused`() {
        refusals.flush(ifDueAt: start)
        refusals.flush(ifDueAt: start + .seconds(600))
        refusals.flush()
        bench.writer.close()
        #expect(written(0).isEmpty)
    }
}
