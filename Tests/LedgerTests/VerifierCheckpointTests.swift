import Crypto
import Ledger
import Primitives
import TestKit
import Testing

@Suite struct VerifierCheckpointTests {
    @Test func `the report's head is that of the tree over all lines`() throws {
        let ledger = try LedgerText.sample()
        let report = ledger.verify()
        #expect(report.treeHead == ledger.head(ledger.count))
        #expect(report.lastSegment == ledger.segments.last?.name)
        #expect(report.lastLine == ledger.segments.last?.lines.count)
    }

    @Test func `a checkpoint over any beginning matches, and says how much it covers`() throws {
        let ledger = try LedgerText.sample()
        for size in 1...ledger.count {
            let report = ledger.verify([ledger.head(size)])
            #expect(report.isIntact)
            #expect(report.checkpoints.map(\.verdict) == [.matches])
            #expect(!report.isSelfConsistentOnly)
            #expect(report.covered == UInt64(size))
        }
    }

    @Test func `several checkpoints are judged each, in the order given and in pieces of any size`() throws {
        let ledger = try LedgerText.sample()
        let wrong = TreeHead(size: 7, root: .zero)
        let checkpoints = [ledger.head(20), wrong, ledger.head(3), ledger.head(20), ledger.head(7)]
        for chunk in [1, 100, .max] {
            let report = ledger.verify(checkpoints, chunk: chunk)
            #expect(report.checkpoints.map(\.checkpoint) == checkpoints)
            #expect(report.checkpoints.map(\.verdict) == [.matches, .differs, .matches, .matches, .matches])
            #expect(!report.isIntact)
        }
    }

    @Test func `a checkpoint over nothing proves nothing`() throws {
        let ledger = try LedgerText.sample()
        let report = ledger.verify([MerkleTree().head])
        #expect(report.checkpoints.map(\.verdict) == [.matches])
        #expect(report.isSelfConsistentOnly)
        var empty = LedgerVerifier(checkpoints: [MerkleTree().head, ledger.head(1)])
        empty.finishSegment("00000000000000000001.jsonl")
        let nothing = empty.finish()
        #expect(nothing.checkpoints.map(\.verdict) == [.matches, .beyond(records: 0)])
        #expect(!nothing.isIntact)
    }

    @Test func `a chain rewritten from any record on is self-consistent, and differs from a checkpoint`()
        throws
    {
        let ledger = try LedgerText.sample()
        for sequence in 1...ledger.count {
            let forged = ledger.forged(from: sequence)
            #expect(forged.verify().isIntact, "\(sequence)")
            #expect(forged.verify().isSelfConsistentOnly)
            let report = forged.verify([ledger.head(sequence), ledger.head(ledger.count)])
            #expect(report.checkpoints.map(\.verdict) == [.differs, .differs], "\(sequence)")
            #expect(report.firstBroken == nil)
            #expect(!report.isIntact)
            #expect(report.isSelfConsistentOnly)
        }
    }

    @Test func `a fork says from which record on it is one, as far as checkpoints tell`() throws {
        let ledger = try LedgerText.sample()
        let report = ledger.forged(from: 9).verify([ledger.head(12), ledger.head(5), ledger.head(30)])
        #expect(
            report.problem
                == "the first 12 records are not those that the checkpoint signed: the ledger was rewritten "
                + "or is a fork, from record 6 on")
        #expect(report.covered == 5)
    }

    @Test func `whole lines taken from the end are found against a checkpoint only, and the end is named`()
        throws
    {
        let ledger = try LedgerText.sample()
        for size in 1..<ledger.count {
            var shorter = ledger
            shorter.cut(to: size)
            #expect(shorter.verify().isIntact)
            let report = shorter.verify([ledger.head(size), ledger.head(size + 1)])
            #expect(report.checkpoints.map(\.verdict) == [.matches, .beyond(records: UInt64(size))])
            #expect(!report.isIntact)
            let last = ledger.place(of: size)
            #expect(
                report.problem
                    == "the checkpoint covers \(size + 1) records, the ledger has \(size): its end was cut off "
                    + "after `\(ledger.segments[last.segment].name)`:\(last.line + 1)")
        }
    }

    @Test func `a broken line is named whatever the checkpoint, which counts as unreached behind it`() throws
    {
        var ledger = try LedgerText.sample()
        let (early, late) = (ledger.head(4), ledger.head(ledger.count))
        ledger.segments[1].lines[3].removeLast()
        let report = ledger.verify([early, late])
        #expect(report.firstBroken?.segment == ledger.segments[1].name)
        #expect(report.firstBroken?.line == 4)
        #expect(report.checkpoints.map(\.verdict) == [.matches, .unreached])
        #expect(report.problem == report.firstBroken?.description)
    }

    @Test func `without its first segments a ledger still matches what was signed over all of it`() throws {
        var ledger = try LedgerText.sample()
        let (all, count) = (ledger.head(ledger.count), ledger.count)
        let first = ledger.segments[0].lines.count + ledger.segments[1].lines.count
        let heads = [ledger.head(first - 1), ledger.head(first), ledger.head(first + 1), all]
        ledger.segments.removeFirst(2)
        let report = ledger.verify(heads)
        #expect(report.isIntact)
        #expect(
            report.checkpoints.map(\.verdict) == [
                .tooOld(firstSequence: UInt64(first) + 1), .matches, .matches, .matches,
            ])
        #expect(report.treeHead == all)
        #expect(report.covered == UInt64(count))
        #expect(report.firstSequence == UInt64(first) + 1)
    }

    @Test func `checkpoints that all end before the first record, or cover none, leave it unproven`() throws {
        var ledger = try LedgerText.sample()
        let (none, all) = (MerkleTree().head, ledger.head(ledger.count))
        let first = ledger.segments[0].lines.count
        let old = [ledger.head(1), ledger.head(first - 1)]
        #expect(ledger.verify([none]).problem?.hasPrefix("no checkpoint could be compared: ") ?? false)
        #expect(ledger.verify([none, all]).isIntact)
        ledger.segments.removeFirst()
        #expect(ledger.verify().isIntact)
        #expect(
            ledger.verify(old).problem
                == "no checkpoint could be compared: it covers \(first - 1) records, and the ledger here begins "
                + "at record \(first + 1); name the archive with the older segments too")
        #expect(!ledger.verify(old + [none]).isIntact)
        #expect(ledger.verify(old + [all]).isIntact)
    }

    @Test func `an opening whose tree is not that of the records before it is named`() throws {
        let sample = try LedgerText.sample()
        for segment in sample.segments.indices.dropFirst() {
            var ledger = sample
            var text = Text(ledger.segments[segment].lines[0]).string
            let start = text.firstRange(of: #""tree":[""#)?.upperBound ?? text.startIndex
            text.replaceSubrange(start...start, with: text[start] == "0" ? "1" : "0")
            ledger.segments[segment].lines[0] = Array(text.utf8)
            // The lines that follow are made to fit the changed one.
            var previous = SHA256.hash(ledger.segments[segment].lines[0])
            for line in ledger.segments[segment].lines.indices.dropFirst() {
                var text = Text(ledger.segments[segment].lines[line]).string
                text.replace(/"prev":"[0-9a-f]*"/, with: #""prev":"\#(previous.hex)""#, maxReplacements: 1)
                ledger.segments[segment].lines[line] = Array(text.utf8)
                previous = SHA256.hash(Array(text.utf8))
            }
            let place = ledger.verify().firstBroken
            #expect(place?.segment == ledger.segments[segment].name)
            #expect(place?.line == 1)
            #expect(place?.reason.contains("`tree`") ?? false)
        }
    }

    @Test func `an opening that names too few nodes, or nodes before the first record, is named`() throws {
        var ledger = try LedgerText.sample()
        ledger.segments.removeFirst()
        for tree in ["[]", #"["00"]"#, "null"] {
            var changed = ledger
            var text = Text(changed.segments[0].lines[0]).string
            text.replace(/"tree":\[[^\]]*\]/, with: #""tree":"# + tree, maxReplacements: 1)
            changed.segments[0].lines[0] = Array(text.utf8)
            #expect(changed.verify().firstBroken?.segment == ledger.segments[0].name)
            #expect(changed.verify().firstBroken?.line == 1)
        }
    }

    @Test func `segments in another order are found`() throws {
        let ledger = try LedgerText.sample()
        for segment in 0..<(ledger.segments.count - 1) {
            var swapped = ledger
            swapped.segments.swapAt(segment, segment + 1)
            #expect(!swapped.verify().isIntact)
            // Under each other's names, too.
            (swapped.segments[segment].name, swapped.segments[segment + 1].name) = (
                ledger.segments[segment].name, ledger.segments[segment + 1].name
            )
            let place = swapped.verify().firstBroken
            #expect(place?.segment == ledger.segments[segment].name)
            #expect(place?.line == 1)
        }
    }

    @Test func `a checkpoint over an abandoned segment's acknowledged records matches`() throws {
        let disk = FaultyDisk(seed: 4)
        var heads: [TreeHead] = []
        try disk.session { journal in
            for number in 0..<4 {
                _ = try journal.append([Samples.decision(number)], at: Now(Samples.start))
                heads.append(journal.treeHead)
                // The batch is written and cannot be synced; nothing of it was acknowledged.
                disk.faults = .init(syncErrors: 1000, otherErrors: 1000)
                var isRefused = false
                do {
                    _ = try journal.append((0..<8).map { Samples.effect($0) }, at: Now(Samples.start))
                } catch { isRefused = true }
                #expect(isRefused)
                disk.faults = .init()
            }
            try journal.close(at: Now(Samples.start))
            heads.append(journal.treeHead)
        }
        let report = LedgerText(disk).verify(heads)
        #expect(report.abandonedSegments == 4)
        #expect(report.problem == nil)
        #expect(report.checkpoints.allSatisfy { $0.verdict == .matches })
        #expect(heads.last == report.treeHead)
    }

    @Test func `a number that no ledger reaches is no record, and crashes nothing`() {
        let numbers: [UInt64] = [.max, 1 << 63, (1 << 63) - 1, 1 << 62, (1 << 62) + 1]
        for sequence in numbers {
            let zeros = String(repeating: "0", count: 64)
            let nodes = Array(repeating: "\"\(zeros)\"", count: (sequence - 1).nonzeroBitCount)
            let line =
                #"{"v":1,"seq":\#(sequence),"time":"2026-11-21T00:00:00.000000Z","event":"segment","#
                + #""prev":"\#(zeros)","instance":"i","boot":"b","batch":\#(sequence),"reason":"start","#
                + #""durability":"sync","machine":null,"abandons_previous":false,"restates_claims":false,"#
                + #""restated":0,"claims_from":null,"claims_horizon":null,"unproven_since":null,"#
                + #""claim_window_ms":1,"counters":{},"tree":[\#(nodes.joined(separator: ","))]}"#
            var verifier = LedgerVerifier(checkpoints: [TreeHead(size: sequence, root: .zero)])
            verifier.feed(Array("\(line)\n{}\n".utf8))
            let digits = "\(sequence)"
            let padding = String(repeating: "0", count: 20 - digits.count)
            verifier.finishSegment(Text(padding + digits + ".jsonl"))
            #expect(!verifier.finish().isIntact)
        }
    }
}
