import Primitives
import Testing

@testable import Tokens

@Suite struct ReplayCacheModelTests {
    @Test(arguments: 0..<40)
    func `gives the verdicts of a table that never forgets`(_ seed: UInt64) {
        var world = Table(seed: seed, claimsMax: Int(seed % 8) * 12, ids: 60)
        for _ in 0..<800 { world.step() }
        #expect(world.wrong.isEmpty, "seed \(seed): \(world.wrong)")
    }

    @Test(arguments: 100..<102)
    func `gives them also when it is large`(_ seed: UInt64) {
        var world = Table(seed: seed, claimsMax: 900, ids: 1500)
        for _ in 0..<5000 { world.step() }
        #expect(world.wrong.isEmpty, "seed \(seed): \(world.wrong)")
    }
}

/// A cache beside a dictionary, over hours of a seeded clock that steps both ways.
private struct Table {
    /// A claim surely is known until the first moment, if there is one, and maybe until the second: what has
    /// expired once may be cleared, and is not known again when time steps back.
    private struct Known {
        var surely: Timestamp?
        var maybe: Timestamp
    }

    private let cache: ReplayCache
    private let ids: Int
    private var random: SeededGenerator
    private var known: [Int: Known] = [:]
    private var now = ReplayCacheTests.at(0)
    private var latest = ReplayCacheTests.at(0)
    private(set) var wrong: [String] = []

    init(seed: UInt64, claimsMax: Int, ids: Int) {
        random = SeededGenerator(seed: seed)
        let marker = ClaimMarker(key: SipHashKey(first: random.next(), second: random.next()))
        (cache, self.ids) = (ReplayCache(claimsMax: claimsMax, marker: marker), ids)
    }

    mutating func step() {
        let id = Int.random(in: 0..<ids, using: &random)
        let life = Duration.milliseconds(Int64.random(in: -5...70_000, using: &random))
        switch Int.random(in: 0..<100, using: &random) {
        case 0: pass(.seconds(Int64.random(in: -100...100, using: &random)))
        case 1:
            cache.forgetExpired(at: now)
            lapse()
        case 2..<8: restore(id, expiring: now + life)
        default:
            pass(.milliseconds(Int64.random(in: 0...(140_000 / Int64(ids)), using: &random)))
            claim(id, expiring: now + life)
        }
    }

    private mutating func pass(_ span: Duration) {
        now = now + span
        latest = max(latest, now)
    }

    private mutating func lapse() {
        for (id, claim) in known {
            if let surely = claim.surely, surely <= now { known[id]?.surely = nil }
        }
    }

    private mutating func restore(_ id: Int, expiring: Timestamp) {
        cache.restore(ReplayCacheTests.id(id), expiring: expiring)
        let claim = known[id]
        known[id] = Known(
            surely: max(claim?.surely ?? expiring, expiring), maybe: max(claim?.maybe ?? expiring, expiring))
    }

    private mutating func claim(_ id: Int, expiring: Timestamp) {
        let outcome = cache.claim(ReplayCacheTests.id(id), expiring: expiring, at: now)
        guard expiring > now else { return check(outcome == .unavailable, "\(outcome) for a dead claim") }
        lapse()
        let isSurelyLive = known[id]?.surely != nil
        let isMaybeLive = known[id].map { $0.maybe > now } ?? false
        switch outcome {
        case .replayed: check(isMaybeLive, "falsely replayed")
        case .claimed:
            check(!isSurelyLive, "claimed twice")
            check(known.values.count { $0.surely != nil } < cache.claimsMax, "beyond the limit")
            known[id] = Known(surely: expiring, maybe: expiring)
        case .full:
            check(!isSurelyLive, "full for a spent one")
            check(known.values.count { $0.maybe > now } >= cache.claimsMax, "falsely full")
        case .unavailable: check(expiring <= latest, "unavailable")
        }
    }

    private mutating func check(_ holds: Bool, _ what: String) {
        if !holds { wrong.append("\(what) at \(now)") }
    }
}
