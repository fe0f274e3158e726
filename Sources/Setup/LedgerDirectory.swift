public import Ledger
public import Primitives
public import Reactor

/// A ledger on disk as its readers see it: segments in the order of their names.
public enum LedgerDirectory {
    private static let chunkBytes = 1 << 18

    /// Streams every segment through the verifier; memory does not grow with the ledger.
    public static func verify(_ path: Text) throws(FileError) -> LedgerReport {
        let directory = try Directory(path)
        var verifier = LedgerVerifier()
        for name in try directory.names() where name.hasSuffix(".jsonl") {
            let segment = try directory.openReadOnly(name)
            var offset = 0
            while true {
                let bytes = try segment.read(at: offset, count: chunkBytes)
                if bytes.isEmpty { break }
                verifier.feed(bytes)
                offset += bytes.count
            }
            verifier.finishSegment(name)
        }
        return verifier.finish()
    }
}

extension LedgerReport {
    /// For people.
    public var text: String {
        if let broken = firstBroken {
            return "broken at \(broken)\n\(records) records before it in \(segments) segments"
        }
        var lines = ["self-consistent only: \(records) records in \(segments) segments, none of them changed"]
        if let firstTime, let lastTime { lines.append("from \(firstTime) to \(lastTime)") }
        lines.append("head \(headSequence) \(headDigest)")
        if abandonedSegments > 0 {
            lines.append("\(abandonedSegments) segments were abandoned after a failure of storage")
        }
        if hasIncompleteEnd {
            lines.append("the last line is incomplete, as a crash or a running proxy leaves it")
        }
        return lines.joined(separator: "\n")
    }

    /// For pipes.
    public var json: JSON {
        .object([
            "intact": .bool(isIntact), "selfConsistentOnly": .bool(isSelfConsistentOnly),
            "incompleteEnd": .bool(hasIncompleteEnd), "records": .integer(Int64(records)),
            "segments": .integer(Int64(segments)),
            "head": .object(["seq": .integer(Int64(headSequence)), "sha256": .string(headDigest.hex)]),
            "firstBroken": firstBroken.map {
                .object([
                    "segment": .string($0.segment), "line": .integer(Int64($0.line)),
                    "reason": .string($0.reason),
                ])
            } ?? .null,
        ])
    }
}
