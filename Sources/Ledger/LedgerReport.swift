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

    /// Records that are part of the chain, up to the first broken line.
    public internal(set) var records = 0
    public internal(set) var segments = 0
    public internal(set) var firstBroken: Place?
    /// More than 1 when older segments have been moved away.
    public internal(set) var firstSequence: UInt64 = 0
    public internal(set) var headSequence: UInt64 = 0
    /// SHA-256 of the last record's line.
    public internal(set) var headDigest = Digest.zero
    public internal(set) var firstTime: Timestamp?
    public internal(set) var lastTime: Timestamp?
    /// Segments left after an I/O error, whose unacknowledged end is no part of the ledger.
    public internal(set) var abandonedSegments = 0
    /// The last line has no end: a crash left it, and the next start cuts it.
    public internal(set) var hasIncompleteEnd = false

    public var isIntact: Bool { firstBroken == nil }
    /// Without a checkpoint kept elsewhere a chain proves only that it fits itself.
    public var isSelfConsistentOnly: Bool { true }
}
