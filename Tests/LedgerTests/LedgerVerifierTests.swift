import Ledger
import Primitives
import TestKit
import Testing

@Suite struct LedgerVerifierTests {
    /// Three segments and more, sealed, with ten lines or so each.
    private static func ledger() throws -> [(name: Text, lines: [[UInt8]])] {
        let disk = FaultyDisk(seed: 3)
        try disk.session { journal in
            for number in 0..<24 {
                _ = try journal.append(
                    [Samples.decision(number), Samples.effect(number)], at: Now(Samples.start))
            }
            try journal.close(at: Now(Samples.start))
        }
        return disk.names.map { name in
            (name, disk.content(name).split(separator: 0x0A).map { Array($0) })
        }
    }

    private static func bytes(of lines: [[UInt8]]) -> [UInt8] { lines.reduce(into: []) { $0 += $1 + [0x0A] } }

    private static func verify(_ ledger: [(name: Text, lines: [[UInt8]])], chunk: Int = .max) -> LedgerReport
    {
        var verifier = LedgerVerifier()
        for segment in ledger {
            let bytes = Self.bytes(of: segment.lines)
            for start in stride(from: 0, to: bytes.count, by: min(chunk, max(1, bytes.count))) {
                verifier.feed(Array(bytes[start...].prefix(chunk)))
            }
            verifier.finishSegment(segment.name)
        }
        return verifier.finish()
    }

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
        #expect(ledger.count >= 3)
        let report = Self.verify(ledger)
        #expect(report.isIntact)
        #expect(report.records == ledger.reduce(0) { $0 + $1.lines.count })
        #expect(report.segments == ledger.count)
        #expect(report.firstSequence == 1)
        #expect(report.headSequence == UInt64(report.records))
        #expect(report.firstTime == Samples.start)
        #expect(report.lastTime == Samples.start)
        #expect(report.isSelfConsistentOnly)
        for chunk in [1, 13, 512] { #expect(Self.verify(ledger, chunk: chunk) == report) }
    }

    @Test(arguments: Tampering.allCases)
    func `the first changed line is named`(_ tampering: Tampering) throws {
        let ledger = try Self.ledger()
        for segment in 0..<(ledger.count - 1) {
            for line in 1..<(ledger[segment].lines.count - 2) {
                var changed = ledger
                tampering.change(&changed[segment].lines, line)
                let place = Self.verify(changed).firstBroken
                #expect(place?.segment == ledger[segment].name, "\(segment):\(line)")
                #expect(place?.line == line + 1, "\(segment):\(line) \(place?.reason ?? "")")
            }
        }
    }

    @Test func `a change of a segment's last line is found by the next segment`() throws {
        var ledger = try Self.ledger()
        let last = ledger[0].lines.count - 1
        Tampering.editValue.change(&ledger[0].lines, last)
        let place = Self.verify(ledger).firstBroken
        #expect(place?.segment == ledger[0].name)
        #expect(place?.line == last + 1)
    }

    @Test func `lines taken from a segment's end, or put there, are found`() throws {
        var shorter = try Self.ledger()
        shorter[0].lines.removeLast()
        #expect(Self.verify(shorter).firstBroken?.segment == shorter[1].name)
        var longer = try Self.ledger()
        longer[0].lines.append(longer[0].lines[3])
        let place = Self.verify(longer).firstBroken
        #expect(place?.segment == longer[0].name)
        #expect(place?.line == longer[0].lines.count)
    }

    @Test func `a missing or renamed segment is found`() throws {
        var missing = try Self.ledger()
        missing.remove(at: 1)
        #expect(Self.verify(missing).firstBroken?.segment == missing[1].name)
        #expect(Self.verify(missing).firstBroken?.line == 1)
        var renamed = try Self.ledger()
        renamed[1].name = "00000000000000000999.jsonl"
        #expect(Self.verify(renamed).firstBroken?.segment == renamed[1].name)
    }

    @Test func `the last line must be JSON to its end`() throws {
        var ledger = try Self.ledger()
        let last = ledger.count - 1
        ledger[last].lines[ledger[last].lines.count - 1].removeLast()
        #expect(Self.verify(ledger).firstBroken?.line == ledger[last].lines.count)
    }

    @Test func `an incomplete end is no fault in the last segment, and is one before another`() throws {
        let ledger = try Self.ledger()
        for (index, segment) in ledger.enumerated() {
            var verifier = LedgerVerifier()
            for (other, content) in ledger.enumerated() {
                verifier.feed(Self.bytes(of: content.lines))
                if other == index { verifier.feed(Array(#"{"v":1,"seq""#.utf8)) }
                verifier.feed([UInt8](repeating: 0, count: 100))
                verifier.finishSegment(content.name)
            }
            let report = verifier.finish()
            #expect(report.isIntact == (index == ledger.count - 1))
            #expect(report.hasIncompleteEnd == (index == ledger.count - 1))
            if index < ledger.count - 1 { #expect(report.firstBroken?.segment == segment.name) }
        }
    }

    @Test func `any prefix that ends on a record verifies`() throws {
        let ledger = try Self.ledger()
        for segment in ledger.indices {
            for count in 1...ledger[segment].lines.count {
                var prefix = Array(ledger[...segment])
                prefix[segment].lines = Array(prefix[segment].lines.prefix(count))
                #expect(Self.verify(prefix).isIntact)
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
        let intact = Self.verify(ledger)
        var random = SeededGenerator(seed: 11)
        for _ in 0..<300 {
            var changed = ledger
            let segment = Int.random(in: 0..<(ledger.count - 1), using: &random)
            let line = Int.random(in: 0..<ledger[segment].lines.count, using: &random)
            let place = Int.random(in: 0..<ledger[segment].lines[line].count, using: &random)
            changed[segment].lines[line][place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            let report = Self.verify(changed)
            #expect(!report.isIntact)
            #expect(report.records < intact.records)
        }
    }
}
