import Crypto
public import Primitives
import Synchronization

/// The claims of one process, in memory: exact, bounded, and never forgetting a live claim.
///
/// Sixteen shards, each behind its own lock, chosen by a fingerprint: 128 bits of SHA-256 over a secret salt,
/// the issuer and the `jti`. Two ids that share a fingerprint would make the second look replayed, never
/// fresh twice; with 128 secret-keyed bits that does not happen. Each claim also clears a few that have
/// expired, so that no claim ever waits for a long sweep.
public final class ReplayCache: ClaimStore {
    static let shardCount = 16
    /// Expired claims cleared by one claim; more than one, so that clearing keeps ahead of claiming.
    static let clearedPerClaimMax = 8
    /// Expired claims cleared in one shard when the table is full, or on `forgetExpired`.
    static let clearedPerShardMax = 4096

    public let claimsMax: Int
    private let shards: [Shard]
    private let stored = Atomic<Int>(0)
    private let salt = RandomBytes.bytes(16)

    public init(claimsMax: Int) {
        self.claimsMax = claimsMax
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    public func claim(_ id: ClaimID, expiring: Timestamp, at now: Timestamp) -> ClaimOutcome {
        // A claim that would be forgotten at once protects nothing.
        guard expiring > now else { return .unavailable }
        let mark = fingerprint(of: id)
        let outcome = attempt(mark, expiring, now)
        guard outcome == .full else { return outcome }
        forgetExpired(at: now)
        return attempt(mark, expiring, now)
    }

    private func attempt(_ mark: Fingerprint, _ expiring: Timestamp, _ now: Timestamp) -> ClaimOutcome {
        shard(of: mark).claims.withLock { claims in
            release(claims.clear(at: now, atMost: Self.clearedPerClaimMax))
            if let until = claims.until[mark] {
                guard until <= now else { return .replayed }
            } else if !reserve() {
                return .full
            }
            claims.add(mark, until: expiring)
            return .claimed
        }
    }

    /// Puts back a claim read from the ledger at start.
    ///
    /// It is kept even beyond `claimsMax`: forgetting it would reopen a token.
    public func restore(_ id: ClaimID, expiring: Timestamp) {
        let mark = fingerprint(of: id)
        shard(of: mark).claims.withLock { claims in
            if let until = claims.until[mark] {
                guard until < expiring else { return }
            } else {
                stored.add(1, ordering: .relaxed)
            }
            claims.add(mark, until: expiring)
        }
    }

    /// Clears expired claims, a bounded number a call; for a timer, so that memory and `liveCount` fall when
    /// calls stop.
    public func forgetExpired(at now: Timestamp) {
        for shard in shards {
            shard.claims.withLock { release($0.clear(at: now, atMost: Self.clearedPerShardMax)) }
        }
    }

    /// Claims held, those included that have expired and are not cleared yet.
    public var liveCount: Int { stored.load(ordering: .relaxed) }

    private func reserve() -> Bool {
        guard stored.add(1, ordering: .relaxed).newValue <= claimsMax else {
            release(1)
            return false
        }
        return true
    }

    private func release(_ count: Int) {
        if count > 0 { stored.subtract(count, ordering: .relaxed) }
    }

    private func shard(of mark: Fingerprint) -> Shard { shards[Int(mark.high % UInt64(Self.shardCount))] }

    private func fingerprint(of id: ClaimID) -> Fingerprint {
        // The length keeps (`ab`, `c`) and (`a`, `bc`) apart.
        let length = littleEndian(id.issuer.count)
        return Fingerprint(SHA256.hash(salt + length + id.issuer.bytes + id.tokenID.bytes))
    }

    private func littleEndian(_ length: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    }
}

private struct Fingerprint: Hashable {
    let high, low: UInt64

    init(_ digest: Digest) {
        let bytes = digest.bytes
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }
}

private final class Shard: Sendable {
    let claims = Mutex(Claims())
}

/// The claims of one shard, and the order in which they expire.
private struct Claims {
    private(set) var until: [Fingerprint: Timestamp] = [:]
    /// Ascending by second; there are about as many as a claim lives seconds.
    private var buckets: [Bucket] = []

    struct Bucket {
        /// By this second every claim in it, as it was added, has expired.
        let second: Int64
        var marks: [Fingerprint]
    }

    mutating func add(_ mark: Fingerprint, until expiring: Timestamp) {
        until[mark] = expiring
        let second = expiring.seconds + 1
        let place = (buckets.lastIndex { $0.second <= second } ?? -1)
        if place >= 0, buckets[place].second == second {
            buckets[place].marks.append(mark)
        } else {
            buckets.insert(Bucket(second: second, marks: [mark]), at: place + 1)
        }
    }

    /// How many claims are gone.
    ///
    /// A mark that was claimed again since stays until its later bucket.
    mutating func clear(at now: Timestamp, atMost limit: Int) -> Int {
        var removed = 0
        for _ in 0..<limit {
            guard let first = buckets.first, first.second <= now.seconds else { break }
            if let mark = buckets[0].marks.popLast(), let expiring = until[mark], expiring <= now {
                until[mark] = nil
                removed += 1
            }
            if buckets[0].marks.isEmpty { buckets.removeFirst() }
        }
        return removed
    }
}
