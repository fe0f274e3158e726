import Crypto
import Ledger
import Primitives
import Reactor
import TestKit
import Testing

@testable import Gateway

@Suite struct CheckpointScheduleTests {
    private static let start = Timestamp(seconds: 1_000)

    /// Since the last one: records, time, and whether the next is due (every 60 s or 100 records).
    @Test(arguments: [
        (UInt64(0), Duration.seconds(3_600), false), (1, .milliseconds(59_999), false),
        (1, .seconds(60), true),
        (99, .seconds(59), false), (100, .seconds(59), true), (100, .seconds(1), true),
        (1_000_000, .milliseconds(999), false), (1, .seconds(-1), true),
    ])
    func `due after so many records or so long, and only over something new`(
        records: UInt64, time: Duration, isDue: Bool
    ) {
        var schedule = CheckpointSchedule(every: .seconds(60), records: 100)
        #expect(schedule.isDue(size: 3, at: Self.start), "the first at once")
        schedule.took(size: 50, at: Self.start)
        #expect(schedule.isDue(size: 50 + records, at: Self.start + time) == isDue)
    }

    @Test func `one that could not be written is due again after the spacing, until it is taken`() {
        var schedule = CheckpointSchedule(every: .seconds(60), records: 100)
        schedule.took(size: 50, at: Self.start)
        schedule.failed()
        #expect(!schedule.isDue(size: 50, at: Self.start + .milliseconds(999)))
        #expect(schedule.isDue(size: 50, at: Self.start + .seconds(1)))
        schedule.took(size: 50, at: Self.start + .seconds(1))
        #expect(!schedule.isDue(size: 50, at: Self.start + .seconds(3_600)))
    }
}

/// The keeper behind a ledger in memory.
@Suite struct CheckpointKeeperTests {
    private let signer: NoteSigner

    init() throws { signer = try NoteSigner(name: "example.org/log", key: .generate(.ed25519)) }

    private func bench(
        durability: Durability = .sync, every: Duration = .seconds(3_600), records: Int = 1_000_000
    ) throws -> (bench: WriterBench, keeper: CheckpointKeeper) {
        var made: CheckpointKeeper?
        let bench = try WriterBench(durability: durability) { [signer] slow, metrics in
            let keeper = CheckpointKeeper(
                signer, schedule: CheckpointSchedule(every: every, records: records), place: slow,
                metrics: metrics, log: Log(World.logger))
            made = keeper
            return keeper
        }
        return (bench, try #require(made))
    }

    private func append(_ count: Int, to bench: WriterBench) {
        for number in 0..<count {
            bench.writer.append([WriterBench.entry(Text("r\(number)"))], on: nil) { _ in }
        }
        #expect(eventually { bench.reasons.count >= count })
    }

    /// The head of the first `size` lines, as anybody computes it.
    private func head(_ bench: WriterBench, size: UInt64) -> TreeHead {
        let files = bench.disk.names.map { bench.disk.content($0) }
        return Tree.head(of: files.flatMap(Tree.lines).prefix(Int(size)))
    }

    @Test func `a start is signed, beside the segments and in memory, with the key that verifies it`() throws
    {
        let (bench, keeper) = try bench()
        #expect(eventually { bench.slow.file("checkpoint") != nil })
        let note = try #require(bench.slow.file("checkpoint"))
        #expect(keeper.latest?.note == note)
        let key = try NoteVerifierKey(Text(try #require(bench.slow.file("checkpoint.pub"))))
        let checkpoint = try Checkpoint.open(note, with: key)
        #expect(checkpoint.origin == "example.org/log" && checkpoint.head.size > 0)
        #expect(checkpoint.head == head(bench, size: checkpoint.head.size))
    }

    @Test(arguments: Durability.allCases)
    func `an idle proxy with new records gets its checkpoint when the time has come`(durability: Durability)
        throws
    {
        let (bench, keeper) = try bench(durability: durability, every: .seconds(1))
        append(3, to: bench)
        let size = UInt64(bench.records.count)
        #expect(eventually { keeper.latest?.head.size == size })
        #expect(keeper.latest?.head == head(bench, size: size))
    }

    @Test func `so many records make one due before its time`() throws {
        let (bench, keeper) = try bench(records: 10)
        append(40, to: bench)
        // One more after the spacing: what came in the same second as the last waits for it.
        #expect(eventually { (keeper.latest?.head.size ?? 0) >= 30 })
    }

    @Test func `under flush it covers only what was synced`() throws {
        let (bench, keeper) = try bench(durability: .flush, every: .seconds(1))
        #expect(eventually { keeper.latest != nil })
        bench.slow.failSyncs(after: 0)
        let before = keeper.latest?.head
        append(3, to: bench)
        #expect(eventually { !bench.writer.isWritable }, "the sync before it failed")
        #expect(keeper.latest?.head == before)
        bench.slow.recover()
        #expect(eventually { bench.writer.isWritable }, "calls are served again")
        append(6, to: bench)
        bench.writer.close()
        #expect(keeper.latest?.head == before, "nobody knows whether what was acknowledged is still there")
        #expect(Text(bench.metrics.text([])).contains("checkpoint_failures_total 1\n"), "said once")
    }

    @Test func `the last one covers the stop`() throws {
        let (bench, keeper) = try bench()
        append(3, to: bench)
        bench.writer.close()
        let size = UInt64(bench.records.count)
        #expect(bench.records.last?["event"]?.string == "stop")
        #expect(keeper.latest?.head == head(bench, size: size))
        #expect(bench.slow.file("checkpoint") == keeper.latest?.note)
    }

    @Test func `a file that could not be written is written when it can be, though nothing new comes`() throws
    {
        let (bench, keeper) = try bench()
        #expect(eventually { bench.slow.file("checkpoint") != nil })
        bench.slow.failPuts(true)
        append(3, to: bench)
        let size = UInt64(bench.records.count)
        keeper.take(head(bench, size: size), at: bench.clock.now.time)
        #expect(
            eventually { Text(bench.metrics.text([])).contains("checkpoint_failures_total 0\n") == false })
        bench.slow.failPuts(false)
        #expect(eventually { bench.slow.file("checkpoint") == keeper.latest?.note })
        #expect(keeper.latest?.head.size == size)
    }

    @Test func `a file that cannot be written refuses no call, and is written with the next one`() throws {
        let (bench, keeper) = try bench(every: .seconds(1))
        bench.slow.failPuts(true)
        append(3, to: bench)
        let size = UInt64(bench.records.count)
        #expect(eventually { keeper.latest?.head.size == size })
        #expect(
            eventually { Text(bench.metrics.text([])).contains("checkpoint_failures_total 0\n") == false })
        #expect(bench.writer.isWritable)
        bench.slow.failPuts(false)
        append(6, to: bench)
        bench.writer.close()
        #expect(bench.slow.file("checkpoint") == keeper.latest?.note)
        #expect(bench.slow.file("checkpoint.pub") == keeper.verifierKey)
    }
}

/// Checkpoints of a running proxy.
@Suite struct CheckpointServiceTests {
    private func checkpoint(_ proxy: Proxy) throws -> Checkpoint {
        let key = try NoteVerifierKey(Text(try proxy.health("/ledger/checkpoint.pub").body))
        return try Checkpoint.open(try proxy.health("/ledger/checkpoint").body, with: key)
    }

    private func head(_ proxy: Proxy, size: UInt64) throws -> TreeHead {
        let directory = try Directory(proxy.directory + "/ledger")
        let names = try directory.names().filter { $0.hasSuffix(".jsonl") }
        var lines: [[UInt8]] = []
        for name in names { lines += Tree.lines(try directory.read(name, bytesMax: 1 << 26)) }
        return Tree.head(of: lines.prefix(Int(size)))
    }

    private func copy(_ from: Text, to: Text) throws {
        let old = try Directory(from)
        let new = try Directory.make(to)
        for name in try new.names() { try new.remove(name) }
        for name in try old.names() { try new.replace(name, with: try old.read(name, bytesMax: 1 << 26)) }
    }

    @Test func `anybody may fetch it, and it is never an old one from a cache`() throws {
        try withProxy { proxy throws in
            #expect(eventually { (try? proxy.health("/ledger/checkpoint"))?.status == 200 })
            let answer = try proxy.health("/ledger/checkpoint")
            #expect(answer["content-type"] == "text/plain; charset=utf-8")
            #expect(answer["cache-control"] == "no-store")
            let port = try #require(proxy.sidecar.healthPort)
            let bare = Client(port: port).call("HEAD", "/ledger/checkpoint")
            #expect(bare?.status == 200 && bare?.body == [])
            #expect(Client(port: port).call("POST", "/ledger/checkpoint")?.status == 405)
            let found = try checkpoint(proxy)
            #expect(found.origin == "example.org/tool/orders-db")
            #expect(try found.head == head(proxy, size: found.head.size))
            #expect(try proxy.metric("ledger_checkpoint_records") == Int(found.head.size))
            #expect(try proxy.metric("ledger_checkpoint_timestamp_seconds") > 0)
        }
    }

    @Test func `each start says whose signatures count`() throws {
        try withProxy { proxy throws in
            let key = Text(try proxy.health("/ledger/checkpoint.pub").body)
            let said = proxy.records("start").last?["checkpoint_key"]?.string
            #expect(said.map { $0 + "\n" } == key)
        }
    }

    @Test func `a restart goes on with the same tree and the same key`() throws {
        try withProxy { proxy throws in
            #expect(eventually { (try? checkpoint(proxy)) != nil })
            let key = try proxy.health("/ledger/checkpoint.pub").body
            let before = try checkpoint(proxy).head
            #expect(try proxy.call().status == 200)
            try proxy.restart()
            #expect(eventually { (try? checkpoint(proxy))?.head.size ?? 0 > before.size })
            #expect(try proxy.health("/ledger/checkpoint.pub").body == key)
            let after = try checkpoint(proxy).head
            #expect(try after == head(proxy, size: after.size))
            #expect(try before == head(proxy, size: before.size), "the old one still holds")
        }
    }

    @Test func `a ledger that was rolled back refuses to start, and is left as it was`() throws {
        try withProxy { proxy throws in
            let ledger = proxy.directory + "/ledger"
            proxy.sidecar.drain()
            try copy(ledger, to: proxy.directory + "/old")
            try proxy.restart()
            #expect(try proxy.call().status == 200)
            proxy.sidecar.drain()
            let kept = try Directory(ledger).read("checkpoint", bytesMax: 1 << 16)
            try copy(proxy.directory + "/old", to: ledger)
            try Directory(ledger).replace("checkpoint", with: kept)
            let before = LedgerFile.records(in: ledger)
            #expect(throws: SidecarError.self) { try proxy.restart() }
            #expect(LedgerFile.records(in: ledger) == before)
            // Whoever puts the old checkpoint back too is found only by one that is kept elsewhere.
            try copy(proxy.directory + "/old", to: ledger)
            try proxy.restart()
        }
    }

    @Test func `a checkpoint of somebody else proves nothing, and the proxy starts`() throws {
        try withProxy { proxy throws in
            proxy.sidecar.drain()
            let signer = try NoteSigner(name: "example.org/tool/orders-db", key: .generate(.ed25519))
            let forged = Checkpoint(
                origin: signer.name, head: TreeHead(size: 1 << 40, root: SHA256.hash([1])))
            let directory = try Directory(proxy.directory + "/ledger")
            try directory.replace("checkpoint", with: try forged.note(signedBy: signer))
            try proxy.restart()
            #expect(
                eventually {
                    (try? directory.read("checkpoint", bytesMax: 1 << 16))
                        == (try? proxy.health("/ledger/checkpoint").body)
                })
            #expect(try proxy.call().status == 200)
        }
    }

    @Test func `a key that has gone stops the next start`() throws {
        try withProxy { proxy throws in
            proxy.sidecar.drain()
            let path = proxy.directory + "/ledger.key"
            let pem = try Files.read(path, bytesMax: 1 << 16)
            try Directory(proxy.directory).remove("ledger.key")
            #expect(throws: SidecarError.self) { try proxy.restart() }
            try Files.write(pem, to: path, mode: 0o600)
            try proxy.restart()
        }
    }
}

/// The tree over lines, by the ledger's own rule and nothing else of it.
enum Tree {
    static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.prefix { $0 != 0 }.split(separator: 0x0A).map(Array.init)
    }

    static func head(of lines: some Sequence<[UInt8]>) -> TreeHead {
        var tree = MerkleTree()
        for line in lines { tree.append(leafHash: MerkleTree.leafHash(line)) }
        return tree.head
    }
}
