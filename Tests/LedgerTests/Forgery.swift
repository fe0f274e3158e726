import Crypto
import Ledger
import Primitives
import TestKit

/// A ledger's text, for those who change it.
struct LedgerText: Equatable {
    struct Segment: Equatable {
        var name: Text
        var lines: [[UInt8]]

        var bytes: [UInt8] { lines.reduce(into: []) { $0 += $1 + [0x0A] } }
    }

    var segments: [Segment]

    /// Four segments and more, sealed, with ten lines or so each.
    static func sample() throws -> LedgerText {
        let disk = FaultyDisk(seed: 3)
        try disk.session { journal in
            for number in 0..<24 {
                _ = try journal.append(
                    [Samples.decision(number), Samples.effect(number)], at: Now(Samples.start))
            }
            try journal.close(at: Now(Samples.start))
        }
        return LedgerText(disk)
    }

    init(_ disk: FaultyDisk) {
        segments = disk.names.map { name in
            Segment(
                name: name,
                lines: disk.content(name).prefix { $0 != 0 }.split(separator: 0x0A).map { Array($0) })
        }
    }

    var count: Int { segments.reduce(0) { $0 + $1.lines.count } }

    /// Where the record of that number stands.
    func place(of sequence: Int) -> (segment: Int, line: Int) {
        var rest = sequence - 1
        for (index, segment) in segments.enumerated() {
            if rest < segment.lines.count { return (index, rest) }
            rest -= segment.lines.count
        }
        return (segments.count - 1, segments[segments.count - 1].lines.count - 1)
    }

    /// What anybody was told who asked after so many records.
    func head(_ size: Int) -> TreeHead {
        var tree = MerkleTree()
        for line in segments.flatMap(\.lines).prefix(size) {
            tree.append(leafHash: MerkleTree.leafHash(line))
        }
        return tree.head
    }

    func verify(_ checkpoints: [TreeHead] = [], chunk: Int = .max) -> LedgerReport {
        var verifier = LedgerVerifier(checkpoints: checkpoints)
        for segment in segments {
            let bytes = segment.bytes
            for start in stride(from: 0, to: bytes.count, by: min(chunk, max(1, bytes.count))) {
                verifier.feed(Array(bytes[start...].prefix(chunk)))
            }
            verifier.finishSegment(segment.name)
        }
        return verifier.finish()
    }

    /// The same ledger with one record changed and every later one made to fit: what somebody does who can
    /// write the whole file.
    func forged(from sequence: Int) -> LedgerText {
        var forged = self
        let place = place(of: sequence)
        forged.segments[place.segment].lines[place.line].removeLast()
        forged.segments[place.segment].lines[place.line] += Array(#","forged":true}"#.utf8)
        forged.makeFit()
        return forged
    }

    /// Writes `prev` and `tree` of every line anew.
    mutating func makeFit() {
        var tree = MerkleTree()
        var previous = Digest.zero
        for segment in segments.indices {
            for line in segments[segment].lines.indices {
                var text = Text(segments[segment].lines[line]).string
                text.replace(/"prev":"[0-9a-f]*"/, with: #""prev":"\#(previous.hex)""#, maxReplacements: 1)
                if line == 0 {
                    let nodes = tree.nodes.map { "\"\($0.hex)\"" }.joined(separator: ",")
                    text.replace(/"tree":\[[^\]]*\]/, with: "\"tree\":[\(nodes)]", maxReplacements: 1)
                }
                let bytes = Array(text.utf8)
                segments[segment].lines[line] = bytes
                previous = SHA256.hash(bytes)
                tree.append(leafHash: MerkleTree.leafHash(bytes))
            }
        }
    }

    /// Takes whole lines off the end.
    mutating func cut(to count: Int) {
        let last = place(of: count)
        segments.removeLast(segments.count - last.segment - 1)
        segments[last.segment].lines.removeLast(segments[last.segment].lines.count - last.line - 1)
    }
}
