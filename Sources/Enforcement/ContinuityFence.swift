public import Primitives
internal import Synchronization

/// Tokens that were accepted without our knowing, or whose claims were let go, must not come back (contract §2).
///
/// Only ever raised: at start from what the ledger can prove, and when the clock is anchored anew.
public final class ContinuityFence: Sendable {
    private struct Bounds {
        var issuedFrom, expiringAfter: Timestamp
    }

    private let bounds: Mutex<Bounds>

    /// - Parameters:
    ///   - issuedFrom: tokens issued before this are refused; start plus skew where continuity is not proven.
    ///   - expiringAfter: tokens that expire at this or before count as expired; the largest `exp` ever let go.
    public init(issuedFrom: Timestamp = .distantPast, expiringAfter: Timestamp = .distantPast) {
        bounds = Mutex(Bounds(issuedFrom: issuedFrom, expiringAfter: expiringAfter))
    }

    public func raise(expiringAfter moment: Timestamp) {
        bounds.withLock { $0.expiringAfter = max($0.expiringAfter, moment) }
    }

    func admits(issuedAt: Timestamp, expiresAt: Timestamp) -> Bool {
        bounds.withLock { issuedAt >= $0.issuedFrom && expiresAt > $0.expiringAfter }
    }
}
