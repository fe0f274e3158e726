public import Primitives

/// What a ledger says when it is opened: what must still hold, and what was left open.
public struct RecoveredState: Sendable {
    /// Claims still live; none of these tokens may be accepted.
    public let claims: [(issuer: Text, tokenID: Text, expires: Timestamp)]
    /// The largest expiry among claims let go; tokens that expire then or earlier count as expired.
    public let largestExpiry: Timestamp?
    /// Pending and approved approvals, oldest first.
    ///
    /// Each is detached: its call is gone.
    public let openApprovals: [OpenApproval]
    /// Approvals whose consumption may have been lost: never to be released.
    ///
    /// After an unclean reboot, all of them where the ledger was only flushed, and those that anybody had
    /// reviewed where it was synced to a disk that may have lied.
    /// The caller records each as decided, `cancelled`.
    public let voidApprovals: [OpenApproval]
    /// Calls let through without an effect on record; the caller records each as `EffectRecord(unfinished:)`.
    public let openCalls: [Text]
    public let continuity: Continuity
    /// Tokens issued before this, plus skew, are to be refused.
    ///
    /// Where continuity is not proven it is this start, or a later time that the ledger has seen before.
    public var tokensFrom: Timestamp { unprovenSince ?? .distantPast }
    let unprovenSince: Timestamp?
    /// Of the last record found; 0 for an empty ledger.
    public let lastSequence: UInt64
    /// What recovery cut off, nothing in the normal case.
    public let cuts: [Cut]
    /// Records by event, over the whole life of the ledger.
    public let counters: [Text: UInt64]

    /// The first cut.
    public var cut: (bytes: Int, sha256: Digest)? { cuts.first.map { ($0.bytes, $0.digest) } }
}

/// Whether every claim that may still matter is known.
public enum Continuity: Hashable, Sendable {
    case proven
    /// Tokens issued before this start, plus the skew, must be refused (contract §2).
    ///
    /// So it is for an empty ledger, one of another machine or with a segment missing, after a reboot without
    /// `stop` whatever the durability, and when tokens live longer than in the run before. It holds on over
    /// restarts until one run has outlasted the claim window.
    case unproven(reason: String)
}

/// The incomplete end of a segment: not one byte of it was acknowledged to anybody.
public struct Cut: Hashable, Sendable {
    public let segment: Text
    /// Up to the last byte that is not NUL.
    public let bytes: Int
    public let digest: Digest
}

/// An approval that has not come to its end, as its records say it.
public struct OpenApproval: Hashable, Sendable {
    public let id: Text
    /// Members of `approval.requested`.
    public let requested: JSONObject
    /// When that was recorded.
    public let time: Timestamp
    /// Members of each `approval.reviewed`, in order, and when each was recorded.
    public internal(set) var reviews: [Review] = []
    /// Members of `approval.decided` when the outcome was `approved`.
    public internal(set) var approved: Review?

    /// A later record about it.
    public struct Review: Hashable, Sendable {
        public let members: JSONObject
        public let time: Timestamp
    }
}
