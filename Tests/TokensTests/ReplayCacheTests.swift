import Primitives
import Testing

@testable import Tokens

@Suite struct ReplayCacheTests {
    static func id(_ number: Int, issuer: Text = "https://broker.example.org") -> ClaimID {
        ClaimID(issuer: issuer, tokenID: Text("token-\(number)"))
    }

    static func at(_ second: Int64) -> Timestamp { Timestamp(seconds: 1_000_000 + second) }

    @Test func `a token works once`() {
        let cache = ReplayCache(claimsMax: 10)
        #expect(cache.claim(Self.id(1), expiring: Self.at(60), at: Self.at(0)) == .claimed)
        #expect(cache.claim(Self.id(1), expiring: Self.at(60), at: Self.at(0)) == .replayed)
        #expect(cache.claim(Self.id(1), expiring: Self.at(99), at: Self.at(59)) == .replayed)
        #expect(cache.claim(Self.id(2), expiring: Self.at(60), at: Self.at(0)) == .claimed)
        #expect(cache.liveCount == 2)
    }

    @Test func `the issuer is part of what is spent, and nothing slides between the two`() {
        let cache = ReplayCache(claimsMax: 10)
        for (issuer, token) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")] as [(Text, Text)] {
            let id = ClaimID(issuer: issuer, tokenID: token)
            #expect(cache.claim(id, expiring: Self.at(60), at: Self.at(0)) == .claimed)
            #expect(cache.claim(id, expiring: Self.at(60), at: Self.at(0)) == .replayed)
        }
    }

    @Test func `a claim lives to its last nanosecond, and is forgotten then`() {
        let cache = ReplayCache(claimsMax: 10)
        let expiring = Timestamp(nanoseconds: Self.at(60).nanoseconds + 500)
        #expect(cache.claim(Self.id(1), expiring: expiring, at: Self.at(0)) == .claimed)
        let before = Timestamp(nanoseconds: expiring.nanoseconds - 1)
        cache.forgetExpired(at: before)
        #expect(cache.claim(Self.id(1), expiring: Self.at(99), at: before) == .replayed)
        #expect(cache.claim(Self.id(1), expiring: Self.at(99), at: expiring) == .claimed)
        cache.forgetExpired(at: Self.at(98))
        #expect(cache.claim(Self.id(1), expiring: Self.at(200), at: Self.at(98)) == .replayed)
        #expect(cache.liveCount == 1)
        cache.forgetExpired(at: Self.at(100))
        #expect(cache.liveCount == 0)
    }

    @Test func `who read the clock before a claim was cleared is not told that he is the first`() {
        let cache = ReplayCache(claimsMax: 10)
        #expect(cache.claim(Self.id(1), expiring: Self.at(60), at: Self.at(0)) == .claimed)
        cache.forgetExpired(at: Self.at(61))
        #expect(cache.claim(Self.id(1), expiring: Self.at(60), at: Self.at(59)) == .unavailable)
        #expect(cache.liveCount == 0)
    }

    @Test func `a claim that would not live is not made`() {
        let cache = ReplayCache(claimsMax: 10)
        #expect(cache.claim(Self.id(1), expiring: Self.at(5), at: Self.at(5)) == .unavailable)
        #expect(cache.liveCount == 0)
    }

    @Test func `a full table refuses and forgets nothing that lives`() {
        let cache = ReplayCache(claimsMax: 100)
        for number in 0..<100 {
            #expect(cache.claim(Self.id(number), expiring: Self.at(60), at: Self.at(0)) == .claimed)
        }
        #expect(cache.claim(Self.id(100), expiring: Self.at(60), at: Self.at(59)) == .full)
        for number in 0..<100 {
            #expect(cache.claim(Self.id(number), expiring: Self.at(60), at: Self.at(59)) == .replayed)
        }
        #expect(cache.liveCount == 100)
        #expect(cache.claim(Self.id(100), expiring: Self.at(200), at: Self.at(61)) == .claimed)
        cache.forgetExpired(at: Self.at(61))
        #expect(cache.liveCount == 1)
    }

    @Test func `a table of no claims takes none`() {
        #expect(ReplayCache(claimsMax: 0).claim(Self.id(1), expiring: Self.at(1), at: Self.at(0)) == .full)
    }

    @Test func `restored claims are spent, even beyond the limit`() {
        let cache = ReplayCache(claimsMax: 2)
        for number in 0..<5 { cache.restore(Self.id(number), expiring: Self.at(60)) }
        cache.restore(Self.id(0), expiring: Self.at(10))
        cache.restore(Self.id(1), expiring: Self.at(90))
        #expect(cache.liveCount == 5)
        for number in 0..<5 {
            #expect(cache.claim(Self.id(number), expiring: Self.at(99), at: Self.at(59)) == .replayed)
        }
        #expect(cache.claim(Self.id(9), expiring: Self.at(99), at: Self.at(59)) == .full)
        cache.forgetExpired(at: Self.at(62))
        #expect(cache.liveCount == 1)
        #expect(cache.claim(Self.id(1), expiring: Self.at(99), at: Self.at(62)) == .replayed)
    }

    @Test func `of many threads with one token one wins`() async {
        let cache = ReplayCache(claimsMax: 100_000)
        var wins = [Int](repeating: 0, count: 500)
        await withTaskGroup(of: [Int].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<500).filter {
                        cache.claim(Self.id($0), expiring: Self.at(60), at: Self.at(0)) == .claimed
                    }
                }
            }
            for await won in group { for number in won { wins[number] += 1 } }
        }
        #expect(wins.allSatisfy { $0 == 1 })
        #expect(cache.liveCount == 500)
    }

    @Test func `many threads never put more in than there is room`() async {
        let cache = ReplayCache(claimsMax: 300)
        var claimed = 0
        await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<200).count {
                        cache.claim(Self.id(task * 1000 + $0), expiring: Self.at(60), at: Self.at(0))
                            == .claimed
                    }
                }
            }
            for await count in group { claimed += count }
        }
        #expect((200...300).contains(claimed))
        #expect(cache.liveCount == claimed)
    }

    @Test func `many threads restore, claim and forget beside each other`() async {
        let cache = ReplayCache(claimsMax: 100_000)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    for number in 0..<2000 {
                        cache.restore(Self.id(number), expiring: Self.at(60))
                        _ = cache.claim(Self.id(-task * 5000 - number), expiring: Self.at(1), at: Self.at(0))
                        if number % 500 == 0 { cache.forgetExpired(at: Self.at(Int64(task % 2))) }
                    }
                }
            }
        }
        for _ in 0..<4 { cache.forgetExpired(at: Self.at(1)) }
        #expect(cache.liveCount == 2000)
        #expect(cache.probeLengths.count == 2000)
    }

    // MARK: Room

    @Test func `a table full of expired claims admits at once, up to its limit again`() {
        let cache = ReplayCache(claimsMax: 5000)
        for round in 0..<3 {
            let now = Self.at(Int64(round) * 60)
            for number in 0..<5000 {
                #expect(cache.claim(Self.id(number), expiring: now + .seconds(60), at: now) == .claimed)
            }
            #expect(cache.claim(Self.id(-1), expiring: now + .seconds(60), at: now) == .full)
        }
    }

    @Test func `the one expired claim of a full table makes room, wherever it lies`() {
        let cache = ReplayCache(claimsMax: 2000)
        for number in 0..<2000 {
            let expiring = Self.at(1000 + Int64(number))
            #expect(cache.claim(Self.id(number), expiring: expiring, at: Self.at(0)) == .claimed)
        }
        for step in 0..<500 as Range<Int64> {
            let now = Self.at(1000 + step)
            #expect(cache.claim(Self.id(5000 + Int(step)), expiring: Self.at(9000), at: now) == .claimed)
            #expect(cache.claim(Self.id(-1), expiring: Self.at(9000), at: now) == .full)
            #expect(cache.claim(Self.id(Int(step) + 1), expiring: Self.at(9000), at: now) == .replayed)
        }
        #expect(cache.liveCount == 2000)
    }

    // MARK: Memory and time

    /// Slots, not time: what a search looks at is all that chosen ids could lengthen.
    @Test func `ids chosen to meet in a hash without a key do not meet here`() {
        // `Aa` and `BB` are one to a polynomial in 31; the others share all but a few bits.
        let meeting = (0..<8192).map { number in
            (0..<13).flatMap { number >> $0 & 1 == 0 ? Array("Aa".utf8) : Array("BB".utf8) }
        }
        let counting = (0..<8192).map { Array("00000000000000000000000000\($0)".utf8) }
        let zeros = (16..<256).map { [UInt8](repeating: 0, count: $0) }
        for family in [meeting, counting, zeros] {
            let cache = ReplayCache(claimsMax: 10_000)
            for bytes in family {
                let id = ClaimID(issuer: "https://broker.example.org", tokenID: Text(bytes))
                #expect(cache.claim(id, expiring: Self.at(60), at: Self.at(0)) == .claimed)
            }
            #expect(cache.probeLengths.count == family.count)
            #expect(cache.probeLengths.reduce(0, +) < 4 * family.count)
        }
    }

    @Test func `at steady load a live claim takes at most 64 bytes, cleared by the claims alone`() {
        let live = 20_000
        let cache = ReplayCache(claimsMax: 10 * live, marker: ClaimMarker(key: SipHashTests.key))
        for number in 0..<4 * live {
            let now = Timestamp(nanoseconds: Self.at(0).nanoseconds + Int64(number) * 1_000_000)
            #expect(
                cache.claim(Self.id(number), expiring: now + .milliseconds(Int64(live)), at: now) == .claimed)
            guard number > live, number % 1000 == 0 else { continue }
            #expect(cache.tableBytes <= 64 * live)
            #expect(cache.liveCount < live * 6 / 5)
        }
    }

    @Test func `when load falls, the claims that come give memory back`() {
        let cache = ReplayCache(claimsMax: 20_000, marker: ClaimMarker(key: SipHashTests.key))
        for number in 0..<20_000 {
            #expect(cache.claim(Self.id(number), expiring: Self.at(60), at: Self.at(0)) == .claimed)
        }
        #expect(cache.tableBytes > 64 * 8000)
        for number in 0..<8000 {
            #expect(cache.claim(Self.id(number), expiring: Self.at(120), at: Self.at(60)) == .claimed)
        }
        #expect(cache.tableBytes <= 64 * 8000)
    }

    @Test func `when calls stop, the timer gives back all memory`() {
        let cache = ReplayCache(claimsMax: 50_000)
        let least = cache.tableBytes
        for number in 0..<20_000 {
            #expect(cache.claim(Self.id(number), expiring: Self.at(60), at: Self.at(0)) == .claimed)
        }
        #expect(cache.tableBytes > 5 * least)
        for _ in 0..<40 { cache.forgetExpired(at: Self.at(60)) }
        #expect(cache.liveCount == 0)
        #expect(cache.tableBytes < least * 11 / 10)
    }
}
