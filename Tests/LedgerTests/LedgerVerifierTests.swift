import Ledger
import Primitives
import TestKit
import Testing

@Suite struct LedgerVerifierTests {
    private static func ledger() throws -> LedgerText { try LedgerText.sample() }

    enum Tampering: String, CaseIterable, CustomTestStringConvertible {
        case editValue, editBrokenJSON, editPrevious, editSequence, zeroByte, remove, insertCopy, swap,
            appendSpace

        var testDescription: String { rawValue }

        /// Changes the line at `index`; the line that is named is the same one, counted from 1.
        func change(_ lines: inout [[UInt8]], _ index: Int) {
            func replace(_ part: String, with other: String) {
                let text = String(decoding: lines[index], as: UTF8.self)
                lines[index] = Array(text.replacing(part, with: other, maxReplacements: 1).utf8)
            }
            switch self {
            case .editValue: lines[index][lines[index].count - 8] ^= 1
            case .editBrokenJSON: lines[index][lines[index].count - 1] = 0x20
            case .editPrevious:
                let text = Text(lines[index]).string
                let start = text.firstRange(of: #""prev":""#)?.upperBound ?? text.startIndex
                let place = text.utf8.distance(from: text.startIndex, to: start)
                lines[index][place] = lines[index][place] == 0x30 ? 0x31 : 0x30
            case .editSequence: replace(#""seq":"#, with: #""seq":1"#)
            case .zeroByte: lines[index][lines[index].count / 2] = 0
            case .remove: lines.remove(at: index)
            case .insertCopy: lines.insert(lines[index - 1], at: index)
            case .swap: lines.swapAt(index, index + 1)
            case .appendSpace: lines[index].append(0x20)
            }
        }
    }

    @Test func `an untouched ledger is intact, in pieces of any size`() throws {
        let ledger = try Self.ledger()
        #expect(ledger.segments.count >= 4)
        let report = ledger.verify()
        #expect(report.isIntact)
        #expect(report.records == ledger.segments.reduce(0) { $0 + $1.lines.count })
        #expect(report.segments == ledger.segments.count)
        #expect(report.firstSequence == 1)
        #expect(report.headSequence == UInt64(report.records))
        #expect(report.firstTime == Samples.start)
        #expect(report.lastTime == Samples.start)
        #expect(report.isSelfConsistentOnly)
        for chunk in [1, 13, 512] { #expect(ledger.verify(chunk: chunk) == report) }
    }

    @Test(arguments: Tampering.allCases)
    func `the first changed line is named, with a checkpoint or without`(_ tampering: Tampering) throws {
        let ledger = try Self.ledger()
        let heads = [ledger.head(ledger.segments[0].lines.count), ledger.head(ledger.count)]
        for segment in ledger.segments.indices {
            for line in 1..<max(1, ledger.segments[segment].lines.count - 2) {
                var changed = ledger
                tampering.change(&changed.segments[segment].lines, line)
                let place = changed.verify().firstBroken
                #expect(place?.segment == ledger.segments[segment].name, "\(segment):\(line)")
                #expect(place?.line == line + 1, "\(segment):\(line) \(place?.reason ?? "")")
                let report = changed.verify(heads)
                #expect(report.firstBroken == place)
                #expect(report.checkpoints.last?.verdict == .unreached)
            }
        }
    }

    @Test func `a change of a segment's last line is found by the next segment`() throws {
        var ledger = try Self.ledger()
        let last = ledger.segments[0].lines.count - 1
        Tampering.editValue.change(&ledger.segments[0].lines, last)
        let place = ledger.verify().firstBroken
        #expect(place?.segment == ledger.segments[0].name)
        #expect(place?.line == last + 1)
    }

    @Test func `lines taken from a segment's end, or put there, are found`() throws {
        var shorter = try Self.ledger()
        shorter.segments[0].lines.removeLast()
        #expect(shorter.verify().firstBroken?.segment == shorter.segments[1].name)
        var longer = try Self.ledger()
        longer.segments[0].lines.append(longer.segments[0].lines[3])
        let place = longer.verify().firstBroken
        #expect(place?.segment == longer.segments[0].name)
        #expect(place?.line == longer.segments[0].lines.count)
    }

    @Test func `a missing or renamed segment is found`() throws {
        var missing = try Self.ledger()
        missing.segments.remove(at: 1)
        #expect(missing.verify().firstBroken?.segment == missing.segments[1].name)
        #expect(missing.verify().firstBroken?.line == 1)
        var renamed = try Self.ledger()
        renamed.segments[1].name = "00000000000000000999.jsonl"
        #expect(renamed.verify().firstBroken?.segment == renamed.segments[1].name)
    }

    @Test func `the last line must be JSON to its end`() throws {
        var ledger = try Self.ledger()
        let last = ledger.segments.count - 1
        ledger.segments[last].lines[ledger.segments[last].lines.count - 1].removeLast()
        #expect(ledger.verify().firstBroken?.line == ledger.segments[last].lines.count)
    }

    @Test func `an incomplete end is no fault in the last segment, and is one before another`() throws {
        let ledger = try Self.ledger()
        for (index, segment) in ledger.segments.enumerated() {
            var verifier = LedgerVerifier()
            for (other, content) in ledger.segments.enumerated() {
                verifier.feed(content.bytes)
                if other == index { verifier.feed(Array(#"{"v":1,"seq""#.utf8)) }
                verifier.feed([UInt8](repeating: 0, count: 100))
                verifier.finishSegment(content.name)
            }
            let report = verifier.finish()
            #expect(report.isIntact == (index == ledger.segments.count - 1))
            #expect(report.hasIncompleteEnd == (index == ledger.segments.count - 1))
            if index < ledger.segments.count - 1 { #expect(report.firstBroken?.segment == segment.name) }
        }
    }

    @Test func `any prefix that ends on a record verifies`() throws {
        let ledger = try Self.ledger()
        for segment in ledger.segments.indices {
            for count in 1...ledger.segments[segment].lines.count {
                var prefix = ledger
                prefix.segments.removeLast(prefix.segments.count - segment - 1)
                prefix.segments[segment].lines.removeLast(ledger.segments[segment].lines.count - count)
                #expect(prefix.verify().isIntact)
            }
        }
    }

    @Test func `nothing at all is intact and has no records`() {
        let report = LedgerVerifier().finish()
        #expect(report.isIntact)
        #expect(report.records == 0)
    }

    @Test func `random changes never crash the verifier and are always found`() throws {
        let ledger = try Self.ledger()
        let intact = ledger.verify()
        var random = SeededGenerator(seed: 11)
        for _ in 0..<300 {
            var changed = ledger
            let segment = Int.random(in: 0..<(ledger.segments.count - 1), using: &random)
            let line = Int.random(in: 0..<ledger.segments[segment].lines.count, using: &random)
            let place = Int.random(in: 0..<ledger.segments[segment].lines[line].count, using: &random)
            changed.segments[segment].lines[line][place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            let report = changed.verify()
            #expect(!report.isIntact)
            #expect(report.records < intact.records)
        }
    }
}
