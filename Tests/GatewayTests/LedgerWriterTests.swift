import Ledger
import Primitives
import Reactor
import Synchronization
import TestKit
import Testing

@testable import Gateway

/// What was heard, in order.
private final class Heard: Sendable {
    private let values = Mutex<[(name: Text, isDurable: Bool, sequence: UInt64)]>([])

    var all: [(name: Text, isDurable: Bool, sequence: UInt64)] { values.withLock { $0 } }

    func note(_ name: Text, _ receipt: Receipt?) {
        values.withLock { $0.append((name, receipt != nil, receipt?.sequence ?? 0)) }
    }
}

@Suite struct LedgerWriterTests {
    private let bench: WriterBench
    private let heard = Heard()

    init() throws { bench = try WriterBench(loops: 2) }

    private func append(_ name: Text, on loop: Loop?) {
        bench.writer.append([WriterBench.entry(name)], on: loop) { [heard] in heard.note(name, $0) }
    }

    @Test func `records are durable before anybody hears of them, and in order`() throws {
        let loop = bench.loops.next()
        for number in 0..<50 { append(Text("r\(number)"), on: loop) }
        #expect(eventually { heard.all.count == 50 })
        #expect(heard.all.map(\.name) == (0..<50).map { Text("r\($0)") })
        #expect(heard.all.map(\.sequence) == heard.all.map(\.sequence).sorted())
        #expect(bench.reasons == heard.all.map(\.name))
    }

    @Test func `nobody hears of a record while it is being synced, and the next ones are one batch`() {
        let loop = bench.loops.next()
        bench.slow.hold()
        append("first", on: loop)
        #expect(eventually { bench.slow.waitingCount == 1 })
        let before = bench.disk.syncs
        for number in 0..<100 { append(Text("r\(number)"), on: loop) }
        #expect(heard.all.isEmpty)
        bench.slow.letGo()
        #expect(eventually { heard.all.count == 101 })
        // The running one, and one for all that collected meanwhile.
        #expect(bench.disk.syncs - before == 2)
    }

    @Test func `a lone caller waits one sync, and so does each after it`() {
        let loop = bench.loops.next()
        for number in 1...20 {
            let before = bench.disk.syncs
            append(Text("r\(number)"), on: loop)
            #expect(eventually { heard.all.count == number })
            #expect(bench.disk.syncs - before == 1)
        }
    }

    @Test func `a crowd waits for the running sync and one more, however many they are`() {
        let (loop, crowd) = (bench.loops.next(), 64)
        let heardAt = Mutex<[Int]>([])
        append("first", on: loop)
        #expect(eventually { heard.all.count == 1 })
        for round in 1...10 {
            bench.slow.hold()
            append("running", on: loop)
            #expect(eventually { bench.slow.waitingCount == 1 })
            let before = bench.disk.syncs
            for _ in 0..<crowd {
                bench.writer.append([WriterBench.entry("one of many")], on: loop) { [disk = bench.disk] _ in
                    heardAt.withLock { $0.append(disk.syncs - before) }
                }
            }
            bench.slow.letGo()
            #expect(eventually { heardAt.withLock { $0.count } == round * crowd })
            #expect(bench.disk.syncs - before == 2)
        }
        #expect(
            heardAt.withLock { $0 }.allSatisfy { $0 == 2 }, "nobody is told before it, nobody waits longer")
    }

    @Test func `each loop is woken on its own thread`() {
        let onLoop = Mutex<[Bool]>([])
        for loop in bench.loops.loops {
            bench.writer.append([WriterBench.entry("x")], on: loop) { _ in
                onLoop.withLock { $0.append(loop.isCurrent) }
            }
        }
        #expect(eventually { onLoop.withLock { $0.count } == 2 })
        #expect(onLoop.withLock { $0 } == [true, true])
    }

    /// Invariant 5.
    @Test func `a failing disk refuses, and serves again when it is well`() throws {
        append("before", on: nil)
        #expect(eventually { heard.all.count == 1 })
        bench.disk.faults.syncErrors = 1_000
        append("during", on: nil)
        #expect(eventually { heard.all.count == 2 })
        #expect(heard.all.last?.isDurable == false)
        #expect(!bench.writer.isWritable)
        bench.disk.faults.syncErrors = 0
        append("after", on: nil)
        #expect(eventually { heard.all.count == 3 })
        #expect(heard.all.last?.isDurable == true)
        #expect(bench.writer.isWritable)
        #expect(Text(bench.metrics.text([])).contains("sallyport_ledger_failures_total 1\n"))
    }

    @Test func `a full disk refuses`() {
        bench.disk.faults.bytesMax = 0
        // Zeros are written ahead: fill them up.
        for number in 0..<20_000 where number < 100 || !heard.all.contains(where: { !$0.isDurable }) {
            append(Text("r\(number)" + String(repeating: "x", count: 8_000)), on: nil)
        }
        #expect(eventually { heard.all.contains { !$0.isDurable } })
        #expect(!bench.writer.isWritable || heard.all.last?.isDurable == true)
    }

    @Test func `one record that can never be written does not take others with it`() {
        bench.slow.hold()
        append("first", on: nil)
        #expect(eventually { bench.slow.waitingCount == 1 })
        append("good", on: nil)
        append(Text([UInt8](repeating: 0x78, count: 1 << 20)), on: nil)
        append("good too", on: nil)
        bench.slow.letGo()
        #expect(eventually { heard.all.count == 4 })
        #expect(heard.all.count { !$0.isDurable } == 1)
        #expect(bench.reasons == ["first", "good", "good too"])
        #expect(bench.writer.isWritable)
    }

    @Test func `claims beyond the limit are refused, and what came with them still is a few batches`() throws
    {
        let full = try WriterBench(claimsMax: 3)
        let answers = Heard()
        full.slow.hold()
        full.writer.append([WriterBench.entry("first")], on: nil) { _ in }
        #expect(eventually { full.slow.waitingCount == 1 })
        let before = full.disk.syncs
        for number in 0..<128 {
            let entry = number < 124 ? WriterBench.entry("one of many") : try decision(number, full.clock)
            full.writer.append([entry], on: nil) { answers.note("answer", $0) }
        }
        full.slow.letGo()
        #expect(eventually { answers.all.count == 128 })
        // Four are one too many for three places.
        #expect(answers.all.count { !$0.isDurable } == 1)
        #expect(full.disk.syncs - before < 12)
        #expect(full.writer.isWritable)
    }

    private func decision(_ number: Int, _ clock: SystemClock) throws -> Entry {
        let id = try #require(CallID(Text("01M7XZKNN20000000000000\(number)")))
        let claim = SpentToken(
            issuer: "https://broker.example.org", tokenID: id.text, expires: clock.now.time + .seconds(60),
            digest: .zero)
        let facts = CallFacts(call: id, agent: "spiffe://example.org/agent/sales-bot", protocolName: "mcp")
        return DecisionRecord(facts, .deny, claim: claim).entry
    }

    @Test func `notes are written though nobody waits, and before the end`() {
        bench.writer.note([WriterBench.entry("noted")])
        #expect(eventually { bench.reasons == ["noted"] })
        bench.writer.note([WriterBench.entry("last")])
        bench.writer.close()
        #expect(bench.reasons == ["noted", "last"])
        #expect(bench.records.last?["event"]?.string == "stop")
    }

    @Test func `notes whose batch fails at the end are written all the same`() {
        bench.slow.failSyncs(next: 1)
        bench.writer.note([WriterBench.entry("effect"), WriterBench.entry("another")])
        bench.writer.close()
        #expect(bench.reasons == ["effect", "another"])
        #expect(bench.records.last?["event"]?.string == "stop")
    }

    @Test func `notes that cannot be written at the end are counted`() {
        bench.slow.failSyncs(after: 0)
        bench.writer.note([WriterBench.entry("effect"), WriterBench.entry("another")])
        bench.writer.close()
        #expect(bench.reasons.isEmpty)
        #expect(!Text(bench.metrics.text([])).contains("sallyport_ledger_failures_total 0\n"))
    }

    @Test func `what waits when it closes is written, what comes later is refused`() {
        let loop = bench.loops.next()
        for number in 0..<20 { append(Text("r\(number)"), on: loop) }
        bench.writer.close()
        append("late", on: nil)
        #expect(eventually { heard.all.count == 21 })
        #expect(heard.all.filter { $0.name == "late" }.allSatisfy { !$0.isDurable })
        #expect(heard.all.filter { $0.name != "late" }.allSatisfy { $0.isDurable })
    }
}
