import Glibc
import Ledger
import Primitives
import Reactor
import Synchronization
import TestKit
import Testing

@testable import Gateway

/// Contract §6: admitted calls have a disk reserve, and refusals before redemption cannot fill the disk.
@Suite struct RoomGaugeTests {
    /// Free bytes one after another, and the level after each, with a reserve of 800.
    private static let stories: [[(free: Int, level: RoomLevel)]] = [
        [(800, .ample), (799, .scarce), (400, .scarce), (399, .exhausted), (0, .exhausted)],
        [(0, .exhausted)],
        [(799, .scarce), (800, .scarce), (899, .scarce), (900, .ample), (800, .ample)],
        [(399, .exhausted), (400, .exhausted), (499, .exhausted), (500, .scarce), (400, .scarce)],
        [(399, .exhausted), (899, .scarce), (900, .ample)],
        [(399, .exhausted), (Int.max, .ample)],
        [(799, .scarce), (399, .exhausted), (900, .ample)],
    ]

    @Test(arguments: stories) func `levels come at once and go with a margin`(
        story: [(free: Int, level: RoomLevel)]
    ) {
        var gauge = RoomGauge(reserve: 800)
        for (free, level) in story {
            gauge.read(free: free)
            #expect(gauge.level == level, "\(free) free")
        }
    }

    @Test func `without a reserve there is always room`() {
        var gauge = RoomGauge(reserve: 0)
        gauge.read(free: 0)
        #expect(gauge.level == .ample)
    }

    @Test func `the disk is asked now and then, not for each batch`() {
        let slow = SlowDisk()
        let room = LedgerRoom(reserve: 800, on: slow)
        let start = Timestamp(seconds: 1_000)
        #expect(room.look(at: start) == nil)
        slow.setFree(0)
        #expect(room.look(at: start + .milliseconds(99)) == nil)
        #expect(room.level == .ample)
        #expect(room.look(at: start + .milliseconds(100)) == .exhausted)
        #expect(room.look(at: start + .milliseconds(200)) == nil, "said once")
        slow.setFree(.max)
        #expect(room.look(at: start - .seconds(60)) == .ample, "a clock set back does not stop it")
    }

    @Test func `a disk that does not tell changes nothing`() {
        let slow = SlowDisk()
        let room = LedgerRoom(reserve: 800, on: slow)
        slow.setFree(0)
        _ = room.look(at: Timestamp(seconds: 1_000))
        slow.setFree(nil)
        _ = room.look(at: Timestamp(seconds: 2_000))
        #expect(room.level == .exhausted && room.freeBytes == nil)
    }
}

@Suite struct LedgerRoomTests {
    private static let reserve = 64 << 20
    private let proxy: BareProxy
    private var slow: SlowDisk { proxy.bench.slow }
    private var writer: LedgerWriter { proxy.bench.writer }

    init() throws { proxy = try BareProxy(reserve: Self.reserve) }

    /// Upkeep sees it though nobody calls.
    private func set(_ free: Int, until isSeen: @escaping () -> Bool) {
        slow.setFree(free)
        #expect(eventually(isSeen))
    }

    private func noToken() throws -> Answer {
        let agent = try proxy.agent()
        agent.send(
            Client.request("POST", "/mcp", [("Content-Type", "application/json")], body: World.toolCall()))
        return try #require(agent.receive())
    }

    @Test func `below the reserve refusals are counted, and written when there is room again`() throws {
        set(Self.reserve - 1) { !writer.hasRoomForRefusals }
        for _ in 0..<5 { #expect(try noToken().slug == "token-required") }
        #expect(try proxy.call().status == 200, "calls are still decided")
        #expect(writer.problem == nil)
        #expect(Text(proxy.bench.metrics.text([])).contains("sallyport_refusals_counted_total 5\n"))
        proxy.site.refusals.flush(ifDueAt: proxy.bench.clock.now.time + .seconds(3_600))
        #expect(eventually { proxy.records("effect").count == 1 })
        #expect(proxy.records("refused").isEmpty)
        set(.max) { writer.hasRoomForRefusals }
        proxy.site.refusals.flush(ifDueAt: proxy.bench.clock.now.time + .seconds(3_600))
        #expect(eventually { proxy.records("refused").count == 1 })
        #expect(proxy.records("refused").first?["count"]?.integer == 5)
    }

    @Test func `below half of it no further call is decided, and nothing reaches the tool`() throws {
        set(Self.reserve / 2 - 1) { writer.problem != nil }
        #expect(writer.problem == "less than 32 MiB free on the ledger's disk")
        let answer = try proxy.call()
        #expect(answer.status == 503 && answer.slug == "control-unavailable")
        #expect(answer["retry-after"] == "5")
        #expect(try proxy.call(tool: "drop_table").slug == "control-unavailable")
        #expect(try proxy.call(5_000).slug == "control-unavailable")
        #expect(proxy.tool.connectionsAccepted == 0 && proxy.records("decision").isEmpty)
        set(.max) { writer.problem == nil }
        #expect(try proxy.call().status == 200)
    }

    @Test func `calls under way are recorded to their end: reviews, releases, effects`() throws {
        let agent = try proxy.agent()
        agent.send(proxy.world.mcp(5_000))
        let approval = try proxy.held()
        set(0) { writer.problem != nil }
        #expect(try proxy.review(approval))
        #expect(agent.receive()?.status == 200)
        #expect(eventually { proxy.records("effect").count == 1 })
        for event in ["approval.reviewed", "approval.decided", "release"] as [Text] {
            #expect(proxy.records(event).count == 1, "\(event)")
        }
    }

    @Test func `a proxy that ends on a full disk still says so, and what it counted`() throws {
        set(0) { writer.problem != nil }
        for _ in 0..<3 { _ = try noToken() }
        proxy.site.refusals.flush()
        proxy.bench.writer.close()
        #expect(proxy.records("refused").first?["count"]?.integer == 3)
        #expect(proxy.records("stop").count == 2)
    }

    @Test func `what is counted is bounded`() throws {
        set(0) { writer.problem != nil }
        let refusals = RefusalLog(writer)
        for number in 0..<(RefusalLog.keysMax + 100) {
            let agent = try SPIFFEID(Text("spiffe://example.org/agent/\(number)"))
            for _ in 0..<2 { refusals.note("invalid-token", by: agent, at: Timestamp(seconds: 1_000)) }
        }
        refusals.flush()
        writer.close()
        let counts = proxy.records("refused").compactMap { $0["count"]?.integer }
        #expect(counts.count == RefusalLog.keysMax + 1)
        #expect(counts.reduce(0, +) == Int64(2 * (RefusalLog.keysMax + 100)))
    }
}

/// A ledger that failed heals by itself: a proxy that is not ready gets no calls that would make it try.
@Suite struct LedgerHealingTests {
    @Test func `service resumes without a call when the disk is well again`() throws {
        let bench = try WriterBench()
        let heard = Outbox<Bool>()
        bench.disk.faults.syncErrors = 1_000
        bench.writer.append([WriterBench.entry("during")], on: nil) { heard.put($0 != nil) }
        #expect(eventually { heard.value == false })
        #expect(!bench.writer.isWritable && bench.writer.problem == "the ledger cannot be written")
        bench.disk.faults.syncErrors = 0
        #expect(eventually { bench.writer.isWritable })
        #expect(bench.writer.problem == nil)
        let last = bench.records.last
        #expect(last?["event"]?.string == "segment" && last?["reason"]?.string == "error")
        #expect(
            bench.reasons.isEmpty || bench.disk.names.count > 2,
            "the failed record is in an abandoned segment")
    }

    @Test func `while the disk stays broken it is tried again and again, and told of once`() throws {
        let bench = try WriterBench()
        bench.slow.failSyncs(after: 0)
        bench.writer.append([WriterBench.entry("during")], on: nil) { _ in }
        let before = bench.slow.attempts
        #expect(eventually { bench.slow.attempts >= before + 3 })
        #expect(!bench.writer.isWritable)
        #expect(Text(bench.metrics.text([])).contains("sallyport_ledger_failures_total 1\n"))
        bench.slow.recover()
        #expect(eventually { bench.writer.isWritable })
    }

    @Test func `records nobody waits for outlast a broken disk`() throws {
        let bench = try WriterBench()
        bench.slow.failSyncs(after: 0)
        bench.writer.note([WriterBench.entry("kept")])
        #expect(eventually { !bench.writer.isWritable })
        bench.slow.recover()
        #expect(eventually { bench.reasons.contains("kept") })
    }
}

/// Contract §6: the live segment is zero-written ahead, so that a sync changes no metadata.
@Suite struct ZeroAheadTests {
    @Test func `records within the zeros leave the file as long as it was, and none of it is a hole`() throws
    {
        let place = Place()
        let settings = JournalSettings(
            durability: .sync, instance: "test", boot: "test", claimWindow: .seconds(70))
        let clock = SystemClock()
        let opened = try Journal.open(
            JournalFiles(place.directory + "/ledger"), settings: settings, at: clock.now)
        var journal = opened.journal
        let path = place.directory + "/ledger/00000000000000000001.jsonl"
        let before = Blocks(path)
        #expect(before.bytes >= settings.zeroAheadBytes && before.allocated >= before.bytes)
        for _ in 0..<100 { _ = try journal.append([WriterBench.entry("x")], at: clock.now) }
        #expect(Blocks(path) == before)
        try journal.close(at: clock.now)
        #expect(try Files.status(path).bytes == LedgerFile.bytes(of: path))
    }

    private struct Blocks: Equatable {
        let bytes, allocated: Int

        init(_ path: Text) {
            var status = stat()
            _ = unsafe stat(path.string, &status)
            (bytes, allocated) = (Int(status.st_size), Int(status.st_blocks) * 512)
        }
    }
}
