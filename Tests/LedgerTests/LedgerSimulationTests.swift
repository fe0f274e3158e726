import Crypto
import Foundation
import Ledger
import Primitives
import TestKit
import Testing

/// One ledger on a disk that fails, tears and forgets, through many crashes, from one seed.
private struct LedgerLife {
    private let seed: UInt64
    private var random: SeededGenerator
    private let disk: FaultyDisk
    private let durability: Durability
    private var now = Samples.start
    private var next = 0
    private var boot = 1
    /// What the ledger said it holds, by number: how the line must end.
    private var acknowledged: [UInt64: [UInt8]] = [:]
    private var claims: [Text: Timestamp] = [:]
    private var calls: Set<Text> = []
    private var doubtfulCalls: Set<Text> = []
    private var approvals: Set<Int> = []
    private var doubtfulApprovals: Set<Int> = []
    /// What an observer was told, which no crash may take back.
    private var checkpoints: [TreeHead] = []

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        disk = FaultyDisk(seed: seed ^ 0xABCD)
        durability = seed.isMultiple(of: 4) ? .flush : .sync
    }

    mutating func live(runs: Int) throws {
        for run in 0..<runs {
            try oneRun()
            let losesPower = Bool.random(using: &random)
            if losesPower {
                disk.losePower()
                boot += 1
                if durability == .flush { forgetFlushed() }
            } else {
                disk.killProcess()
            }
            now = now + .milliseconds(Int.random(in: 0..<4_000, using: &random))
            try check(run, losesPower: losesPower)
        }
        try checkRecords()
    }

    private var settings: JournalSettings { Samples.settings(durability, boot: Text("boot-\(boot)")) }

    private mutating func oneRun() throws {
        let rate = [0, 0, 20, 120].randomElement(using: &random) ?? 0
        // Under `flush` a failed sync means that acknowledged records are gone: nothing that could be
        // promised.
        disk.faults = .init(
            writeErrors: rate, syncErrors: durability == .sync ? rate : 0, otherErrors: rate)
        if Bool.random(using: &random) {
            disk.faults.diesAtCall = disk.calls + Int.random(in: 1...30, using: &random)
        }
        let opened: TestJournal.Opened
        do throws(LedgerError) {
            opened = try TestJournal.open(
                FaultyStorage(disk: disk), settings: settings, containing: checkpoints.last, at: Now(now))
        } catch {
            guard case .unavailable = error else { throw error }
            return
        }
        var journal = opened.journal
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            now = now + .milliseconds(Int.random(in: 0..<3_000, using: &random))
            let entries = (0..<Int.random(in: 1...4, using: &random)).map { _ in anEntry() }
            do throws(LedgerError) {
                let receipts = try journal.append(entries, at: Now(now))
                for (receipt, entry) in zip(receipts, entries) { note(entry, receipt) }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    checkpoints.append(try journal.checkpointHead(at: Now(now)))
                }
            } catch {
                guard case .unavailable = error else { throw error }
            }
        }
        if Bool.random(using: &random) { try? journal.close(at: Now(now)) }
    }

    private mutating func anEntry() -> Entry {
        next += 1
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: return Samples.decision(next, .allow, expires: now + .seconds(50))
        case 2, 3: return Samples.decision(next, .deny, expires: now + .seconds(60))
        case 4:
            guard let call = calls.randomElement(using: &random) else { return Samples.decision(next, .hold) }
            calls.remove(call)
            doubtfulCalls.insert(call)
            return EffectRecord(unfinished: call).entry
        case 5, 6: return Samples.requested(next, padding: Int.random(in: 0..<900, using: &random))
        default:
            guard let id = approvals.randomElement(using: &random) else { return Samples.reviewed(next) }
            approvals.remove(id)
            doubtfulApprovals.insert(id)
            return Bool.random(using: &random)
                ? Samples.decided(id, .expired) : Samples.release(next, approval: id)
        }
    }

    private mutating func note(_ entry: Entry, _ receipt: Receipt) {
        acknowledged[receipt.sequence] = Array(JSON.object(entry.members).encoded.dropFirst())
        if let claim = entry.members["claim"], let id = claim["jti"]?.string { claims[id] = now }
        if entry.members["decision"]?.string == "allow" || entry.event == "release",
            let call = entry.members["call"]?.string
        {
            calls.insert(call)
        }
        if entry.event == "approval.requested",
            let id = (0...next).first(where: { Samples.call($0).text == entry.members["approval"]?.string })
        {
            approvals.insert(id)
        }
    }

    private mutating func forgetFlushed() {
        acknowledged = [:]
        claims = [:]
        calls = []
        approvals = []
    }

    private func checkRecords() throws {
        let lines = try disk.records()
        let report = disk.verify(checkpoints)
        #expect(report.isIntact, "seed \(seed): \(report.problem ?? "")")
        #expect(report.checkpoints.allSatisfy { $0.verdict == .matches }, "seed \(seed)")
        #expect(report.records == lines.count)
        for (line, following) in zip(lines, lines.dropFirst()) {
            #expect(following.json["prev"]?.string == Text(SHA256.hash(line.bytes).hex))
        }
        let held = Dictionary(uniqueKeysWithValues: lines.map { (UInt64($0.sequence), $0.bytes) })
        for (sequence, end) in acknowledged
        where !(held[sequence]?.suffix(end.count).elementsEqual(end) ?? false) {
            Issue.record("seed \(seed): record \(sequence) is lost")
        }
    }

    /// Opens the ledger once more on a disk that works, and compares.
    private mutating func check(_ run: Int, losesPower: Bool) throws {
        let opened = try TestJournal.open(
            FaultyStorage(disk: disk), settings: settings, containing: checkpoints.last, at: Now(now))
        let state = opened.state
        _ = consume opened
        let live = Set(claims.filter { $0.value + Samples.window > now }.keys)
        #expect(live.subtracting(state.claims.map(\.tokenID)).isEmpty, "seed \(seed), run \(run)")
        #expect(calls.subtracting(state.openCalls).isEmpty, "seed \(seed), run \(run)")
        let open = Set((state.openApprovals + state.voidApprovals).map(\.id))
        #expect(approvals.allSatisfy { open.contains(Samples.call($0).text) }, "seed \(seed), run \(run)")
        if losesPower, durability == .flush {
            #expect(state.continuity != .proven, "seed \(seed), run \(run)")
        }
        let void = Set(state.voidApprovals.map(\.id))
        approvals = approvals.filter { !void.contains(Samples.call($0).text) }
    }
}

@Suite struct LedgerSimulationTests {
    /// `SALLYPORT_SEEDS` runs more of them, `SALLYPORT_SEED` one.
    private static var seeds: Range<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["SALLYPORT_SEED"].flatMap({ UInt64($0) }) { return seed..<(seed + 1) }
        #if DEBUG
            let count: UInt64 = 200
        #else
            let count: UInt64 = 4_000
        #endif
        return 0..<(environment["SALLYPORT_SEEDS"].flatMap { UInt64($0) } ?? count)
    }

    @Test(arguments: 0..<8)
    func `nothing acknowledged is ever lost, whatever the disk does`(_ part: UInt64) throws {
        for seed in Self.seeds where seed % 8 == part || Self.seeds.count == 1 {
            var life = LedgerLife(seed: seed)
            var failure: String?
            do { try life.live(runs: 4) } catch { failure = "\(error)" }
            #expect(failure == nil, "seed \(seed): \(failure ?? "")")
            if failure != nil { return }
        }
    }
}
