import Crypto
import Ledger
import Primitives
import TestKit
import Testing

@Suite struct RecoveryCheckpointTests {
    private let disk = FaultyDisk(seed: 12)
    private let start = Samples.start

    private func fill(_ count: Int = 24) throws -> LedgerText {
        try disk.session { journal in
            for number in 0..<count {
                _ = try journal.append([Samples.decision(number, .deny)], at: Now(start))
            }
        }
        return LedgerText(disk)
    }

    private func put(_ text: LedgerText) {
        for name in disk.names { disk.remove(name) }
        for segment in text.segments { disk.put(segment.bytes, as: segment.name) }
    }

    private func openingError(containing checkpoint: TreeHead?) -> LedgerError? {
        do {
            try disk.session(containing: checkpoint, at: start + .seconds(1))
            return nil
        } catch {
            return error as? LedgerError
        }
    }

    private func files() -> [Text: [UInt8]] {
        Dictionary(uniqueKeysWithValues: disk.names.map { ($0, disk.content($0)) })
    }

    @Test func `a ledger that holds the checkpoint's records opens`() throws {
        let text = try fill()
        for size in [0, 1, text.count / 2, text.count] {
            put(text)
            #expect(openingError(containing: text.head(size)) == nil, "\(size)")
        }
    }

    @Test func `a ledger with fewer records than the checkpoint does not open, and is not touched`() throws {
        let text = try fill()
        for size in [1, 3, text.count - 1] {
            var shorter = text
            shorter.cut(to: size)
            put(shorter)
            // A torn end and a torn file would be cut at any other start.
            let last = shorter.segments[shorter.segments.count - 1]
            disk.put(last.bytes + Array(#"{"v":1,"s"#.utf8), as: last.name)
            disk.put(Array(#"{"v":1"#.utf8), as: "00000000000000009000.jsonl")
            let before = files()
            let error = openingError(containing: text.head(text.count))
            #expect(error == .behindCheckpoint(records: UInt64(size), checkpoint: UInt64(text.count)))
            #expect(error?.description.contains("put the missing segments back") ?? false)
            #expect(files() == before)
        }
    }

    @Test func `an empty ledger does not open when a checkpoint says that there was one`() throws {
        let text = try fill()
        for name in disk.names { disk.remove(name) }
        #expect(
            openingError(containing: text.head(5)) == .behindCheckpoint(records: 0, checkpoint: 5))
        #expect(disk.names.isEmpty)
        #expect(openingError(containing: text.head(0)) == nil)
    }

    @Test func `a ledger rewritten from any record on does not open, and is not touched`() throws {
        let text = try fill()
        for sequence in [1, 2, text.count / 2, text.count] {
            put(text.forged(from: sequence))
            let before = files()
            #expect(openingError(containing: text.head(text.count)) == .fork(checkpoint: UInt64(text.count)))
            #expect(files() == before)
            #expect(openingError(containing: nil) == nil)
        }
    }

    @Test func `a checkpoint that ends before the records that are read back is passed over`() throws {
        _ = try fill()
        try disk.session(at: start + .seconds(500))
        try disk.session(at: start + .seconds(501))
        let early = TreeHead(size: 3, root: .zero)
        #expect(try disk.session(containing: early, at: start + .seconds(502)).lastSequence > 3)
        #expect(LedgerText(disk).verify([early]).isIntact == false)
    }

    @Test func `an opening whose tree does not fit refuses to start and is named`() throws {
        var text = try fill()
        let last = text.segments.count - 1
        var line = Text(text.segments[last].lines[0]).string
        let place = try #require(line.firstRange(of: #""tree":[""#)).upperBound
        line.replaceSubrange(place...place, with: line[place] == "0" ? "1" : "0")
        text.segments[last].lines = [Array(line.utf8)]
        put(text)
        guard case .broken(let segment, 1, let reason) = openingError(containing: nil) else {
            Issue.record("opened")
            return
        }
        #expect(segment == text.segments[last].name)
        #expect(reason.contains("`tree`"))
    }

    // MARK: Reboots and settings

    @Test func `the name of the last segment is durable before a new one has one`() throws {
        try disk.session { journal in _ = try journal.append([Samples.decision(1, .deny)], at: Now(start)) }
        // A start ends after its segment was synced and before its name was; the next one keeps the segment.
        for seed in 0..<120 {
            let story = FaultyDisk(seed: UInt64(seed))
            for name in disk.names { story.put(disk.content(name), as: name) }
            story.faults.diesAtCall = 5 + seed % 4
            _ = try? story.session(at: start) { _ in }
            story.killProcess()
            story.faults.diesAtCall = story.calls + 5 + seed / 4 % 4
            _ = try? story.session(at: start) { _ in }
            story.losePower()
            #expect(throws: Never.self, "seed \(seed)") { try story.session(at: start) }
        }
    }

    @Test func `a synced ledger after a reboot without stop has no proof, and keeps what nobody reviewed`()
        throws
    {
        let late = start + .seconds(100)
        try disk.session { journal in
            _ = try journal.append(
                [Samples.requested(10), Samples.requested(20), Samples.reviewed(20)], at: Now(start))
            _ = try journal.append([Samples.decided(20, .approved), Samples.requested(30)], at: Now(start))
            // Its review may have been enough, and the decision and release that followed be lost.
            _ = try journal.append([Samples.requested(40), Samples.reviewed(40)], at: Now(start))
            _ = try journal.append([Samples.effect(1)], at: Now(late))
        }
        let same = try disk.session(at: late)
        #expect(same.continuity == .proven)
        #expect(same.openApprovals.count == 4)
        let other = try disk.session(Samples.settings(boot: "boot-2"), at: late)
        #expect(other.continuity == .unproven(reason: "the machine restarted without a stop of the proxy"))
        #expect(other.openApprovals.map(\.id) == [Samples.call(10).text, Samples.call(30).text])
        #expect(other.voidApprovals.map(\.id) == [Samples.call(20).text, Samples.call(40).text])
        // What is void stays void.
        let again = try disk.session(Samples.settings(boot: "boot-2"), at: late)
        #expect(again.openApprovals.map(\.id) == [Samples.call(10).text, Samples.call(30).text])
        #expect(again.voidApprovals.isEmpty)
    }

    @Test func `a clock set back does not lower the fence of a start without proof`() throws {
        let late = start + .seconds(10)
        _ = try disk.session(at: late)
        let back = try disk.session(at: start)
        #expect(back.continuity != .proven)
        #expect(back.tokensFrom == late)
        let again = try disk.session(at: start + .seconds(1))
        #expect(again.tokensFrom == late)
    }

    @Test func `a segment that somebody else made is never emptied`() throws {
        try disk.session { journal in
            disk.faults.writeErrors = 1_000
            _ = try? journal.append([Samples.decision(1, .deny)], at: Now(start))
            disk.faults.writeErrors = 0
            let next = Text("0000000000000000000\(journal.lastSequence + 1).jsonl")
            disk.put([1, 2, 3], as: next)
            for _ in 0..<3 {
                let receipts = try? journal.append([Samples.decision(2, .deny)], at: Now(start))
                #expect(receipts == nil)
            }
            #expect(disk.content(next) == [1, 2, 3])
        }
    }

    @Test func `a file named by record 0 is no segment`() throws {
        disk.put([1, 2, 3], as: "00000000000000000000.jsonl")
        let state = try disk.session()
        #expect(state.lastSequence == 0)
        #expect(disk.content("00000000000000000000.jsonl") == [1, 2, 3])
    }

    @Test func `a longer life of tokens than in the run before is no proof, a shorter one is`() throws {
        func settings(_ window: Duration) -> JournalSettings {
            var settings = Samples.settings()
            settings.claimWindow = window
            return settings
        }
        try disk.session(settings(.seconds(70))) { journal in
            _ = try journal.append([Samples.decision(1, .deny)], at: Now(start))
            _ = try journal.append([Samples.effect(2)], at: Now(start + .seconds(71)))
        }
        let shorter = try disk.session(settings(.seconds(30)), at: start + .seconds(72))
        #expect(shorter.continuity == .proven)
        #expect(shorter.claims.isEmpty)
        #expect(shorter.largestExpiry == start + .seconds(60))
        let longer = try disk.session(settings(.seconds(300)), at: start + .seconds(73)) { journal in
            _ = try journal.append([Samples.effect(3)], at: Now(start + .seconds(80)))
        }
        #expect(longer.continuity == .unproven(reason: "tokens live longer than in the run before"))
        #expect(longer.largestExpiry == start + .seconds(60))
        #expect(try disk.session(settings(.seconds(300)), at: start + .seconds(81)).continuity != .proven)
    }

    @Test(arguments: [30, 70, 300, 1_000])
    func `no step of the clock and no change of the window reopens a claim`(_ first: Int) throws {
        for second in [30, 70, 300, 1_000] {
            for step in [-5_000, -10, 0, 10, 65, 5_000] {
                for back in [-5_000, 0, 5_000] {
                    let disk = FaultyDisk(seed: 13)
                    func settings(_ seconds: Int) -> JournalSettings {
                        var settings = Samples.settings()
                        settings.claimWindow = .seconds(seconds)
                        return settings
                    }
                    try disk.session(settings(first)) { journal in
                        for number in 0..<12 {
                            _ = try journal.append(
                                [Samples.decision(number, .deny, expires: start + .seconds(number * 5))],
                                at: Now(start))
                        }
                    }
                    try disk.session(settings(second), at: start + .seconds(step)) { journal in
                        _ = try journal.append([Samples.effect(99)], at: Now(start + .seconds(step + 40)))
                    }
                    let state = try disk.session(settings(1_000), at: start + .seconds(step + back))
                    let live = Set(state.claims.map(\.tokenID))
                    for number in 0..<12 where !live.contains(Samples.tokenID(number)) {
                        let expires = start + .seconds(number * 5)
                        #expect(
                            state.largestExpiry.map { $0 >= expires } ?? false,
                            "claim \(number), windows \(first) and \(second), steps \(step) and \(back)")
                    }
                }
            }
        }
    }
}
