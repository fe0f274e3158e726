public import Primitives

/// What a verifier found.
public struct LedgerReport: Hashable, Sendable {
    /// The first line that breaks the chain, counted from 1 in its segment.
    public struct Place: Hashable, Sendable, CustomStringConvertible {
        public let segment: Text
        public let line: Int
        public let reason: String

        public var description: String { "`\(segment)`:\(line): \(reason)" }
    }

    /// How the ledger stands to one checkpoint.
    public enum Verdict: Hashable, Sendable {
        /// Its records are the first records here.
        case matches
        /// The first records here are others.
        case differs
        /// There are only so many records here.
        case beyond(records: UInt64)
        /// It ends before the first segment here, which cannot be compared with it.
        case tooOld(firstSequence: UInt64)
        /// The chain breaks before it.
        case unreached
    }

    public struct Finding: Hashable, Sendable {
        public let checkpoint: TreeHead
        public let verdict: Verdict
    }

    /// Records that are part of the chain, up to the first broken line.
    public internal(set) var records = 0
    public internal(set) var segments = 0
    public internal(set) var firstBroken: Place?
    /// More than 1 when older segments have been moved away.
    public internal(set) var firstSequence: UInt64 = 0
    public internal(set) var headSequence: UInt64 = 0
    /// SHA-256 of the last record's line.
    public internal(set) var headDigest = Digest.zero
    /// Of the tree over all records up to the last one, those in segments that were moved away included.
    public internal(set) var treeHead = MerkleTree().head
    /// Where the last record stands.
    public internal(set) var lastSegment: Text?
    public internal(set) var lastLine = 0
    public internal(set) var firstTime: Timestamp?
    public internal(set) var lastTime: Timestamp?
    /// Segments left after an I/O error, whose unacknowledged end is no part of the ledger.
    public internal(set) var abandonedSegments = 0
    /// The last line has no end: a crash left it, and the next start cuts it.
    public internal(set) var hasIncompleteEnd = false
    /// One for each checkpoint, in the order they were given.
    public internal(set) var checkpoints: [Finding] = []

    /// True when the chain holds, no checkpoint says otherwise, and of those given at least one was compared.
    public var isIntact: Bool { problem == nil }

    /// Without a checkpoint kept elsewhere a chain proves only that it fits itself.
    public var isSelfConsistentOnly: Bool { covered == 0 }

    /// So many of the first records are those that a checkpoint signed.
    public var covered: UInt64 {
        checkpoints.filter { $0.verdict == .matches }.map(\.checkpoint.size).max() ?? 0
    }

    /// Why the ledger is not intact; nil when it is.
    public var problem: String? {
        firstBroken.map { "\($0)" } ?? differing ?? missingEnd ?? uncompared
    }

    /// No single line can be named: every line fits the one before it.
    private var differing: String? {
        let sizes = checkpoints.filter { $0.verdict == .differs }.map(\.checkpoint.size)
        guard let first = sizes.min() else { return nil }
        let good = checkpoints.filter { $0.verdict == .matches && $0.checkpoint.size < first }
            .map(\.checkpoint.size).max()
        let whole =
            "the first \(first) records are not those that the checkpoint signed: "
            + "the ledger was rewritten or is a fork"
        return good.map { good in good > 0 ? whole + ", from record \(good + 1) on" : whole } ?? whole
    }

    private var missingEnd: String? {
        for finding in checkpoints {
            guard case .beyond(let records) = finding.verdict else { continue }
            let place = lastSegment.map { " after `\($0)`:\(lastLine)" } ?? ""
            return
                "the checkpoint covers \(finding.checkpoint.size) records, "
                + "the ledger has \(records): its end was cut off" + place
        }
        return nil
    }

    /// Whoever asks for a comparison is not to be told that all is well without one.
    ///
    /// Otherwise a forged chain would only have to begin behind the checkpoint. One of no records proves nothing.
    private var uncompared: String? {
        guard !checkpoints.isEmpty, covered == 0 else { return nil }
        let size = checkpoints.map(\.checkpoint.size).max() ?? 0
        let what = "no checkpoint could be compared: "
        guard size > 0 else { return what + "it covers no record; give one that covers some" }
        return
            what + "it covers \(size) record\(size == 1 ? "" : "s"), and the ledger here begins at record "
            + "\(firstSequence); name the archive with the older segments too"
    }
}
