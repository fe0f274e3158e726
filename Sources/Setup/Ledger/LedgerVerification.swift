public import Ledger
public import Primitives

/// What was found of a ledger, beside the checkpoints that it was compared with.
public struct LedgerVerification {
    public let report: LedgerReport
    private let kept: [KeptCheckpoint]

    /// Reads the whole ledger, in constant memory.
    ///
    /// A proxy may go on writing it; the checkpoints have to be older than this call.
    public init(
        of files: LedgerFiles, against kept: [KeptCheckpoint] = [],
        progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(StorageError) {
        var files = files
        self.kept = kept
        report = try LedgerVerifier.verify(
            &files, checkpoints: kept.map(\.checkpoint.head), progress: progress)
    }

    private var compared: [(kept: KeptCheckpoint, verdict: LedgerReport.Verdict)] {
        Array(zip(kept, report.checkpoints.map(\.verdict)))
    }
}

// For people.
extension LedgerVerification {
    public var text: String { (verdict + compared.map(sentence) + facts).joined(separator: "\n") }

    private var verdict: [String] {
        let all = "\(Count.of(report.records, "record")) in \(Count.of(report.segments, "segment"))"
        if let place = report.firstBroken {
            return ["broken at \(place)", "\(all) stand before it"]
        }
        if let problem = report.problem { return ["not intact: \(problem)"] }
        guard !report.isSelfConsistentOnly else {
            return ["self-consistent only: \(all) fit each other, and nothing kept elsewhere was compared"]
        }
        let rest = report.headSequence - report.covered
        return ["intact: \(all)"]
            + (rest == 0 ? [] : ["self-consistent only: the last \(Count.of(rest, "record"))"])
    }

    private func sentence(on kept: KeptCheckpoint, with verdict: LedgerReport.Verdict) -> String {
        let size = kept.checkpoint.head.size
        let name =
            "checkpoint `\(VisibleText.word(kept.file))` of \(VisibleText.word(kept.checkpoint.origin))"
        switch verdict {
        case .matches: return "\(name): the first \(Count.of(size, "record")) are as it signed them"
        case .differs: return "\(name): the first \(Count.of(size, "record")) are not those that it signed"
        case .beyond(let records):
            return "\(name): it covers \(Count.of(size, "record")), here are \(records)"
        case .tooOld(let first):
            return
                "\(name): it covers \(Count.of(size, "record")), and the first one here is number \(first): nothing could be compared; name the archive's directory too"
        case .unreached:
            return "\(name): the chain breaks before the \(Count.of(size, "record")) that it covers"
        }
    }

    private var facts: [String] {
        guard report.firstBroken == nil else { return [] }
        var lines: [String] = []
        if let first = report.firstTime, let last = report.lastTime {
            lines.append("from \(first) to \(last)")
        }
        lines.append("head \(report.headSequence) \(report.headDigest)")
        if report.firstSequence > 1 {
            lines.append("begins with record \(report.firstSequence): older segments are not here")
        }
        if report.abandonedSegments > 0 {
            let segments = Count.of(report.abandonedSegments, "segment")
            lines.append("\(segments) abandoned after a failure of storage")
        }
        if report.hasIncompleteEnd {
            lines.append("the last line is incomplete, as a crash or a running proxy leaves it")
        }
        return lines
    }
}

// For pipes.
extension LedgerVerification {
    public var json: JSON {
        .object([
            "intact": .bool(report.isIntact), "selfConsistentOnly": .bool(report.isSelfConsistentOnly),
            "problem": report.problem.map { .string($0) } ?? .null,
            "firstBroken": firstBroken, "incompleteEnd": .bool(report.hasIncompleteEnd),
            "records": .integer(Int64(report.records)), "segments": .integer(Int64(report.segments)),
            "abandonedSegments": .integer(Int64(report.abandonedSegments)),
            "firstSeq": .integer(Int64(clamping: report.firstSequence)),
            "head": .object([
                "seq": .integer(Int64(clamping: report.headSequence)),
                "sha256": .string(report.headDigest.hex),
            ]),
            "tree": Self.json(report.treeHead), "covered": .integer(Int64(clamping: report.covered)),
            "checkpoints": .array(compared.map(Self.json)),
        ])
    }

    private var firstBroken: JSON {
        report.firstBroken.map {
            .object([
                "segment": .string($0.segment), "line": .integer(Int64($0.line)),
                "reason": .string($0.reason),
            ])
        } ?? .null
    }

    private static func json(_ kept: KeptCheckpoint, _ verdict: LedgerReport.Verdict) -> JSON {
        .object([
            "file": .string(kept.file), "origin": .string(kept.checkpoint.origin),
            "tree": json(kept.checkpoint.head), "verdict": .string(word(verdict)),
        ])
    }

    private static func json(_ head: TreeHead) -> JSON {
        .object(["size": .integer(Int64(clamping: head.size)), "root": .string(head.root.hex)])
    }

    private static func word(_ verdict: LedgerReport.Verdict) -> String {
        switch verdict {
        case .matches: "matches"
        case .differs: "differs"
        case .beyond: "beyond"
        case .tooOld: "tooOld"
        case .unreached: "unreached"
        }
    }
}

/// A number and what it counts: `1 record`, `2 records`.
enum Count {
    static func of(_ number: some BinaryInteger, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
