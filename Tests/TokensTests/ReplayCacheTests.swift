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

    /// Against a plain dictionary, over hours of a seeded clock.
    @Test func `gives the verdicts of a table that never forgets`() {
        var random = SeededGenerator(seed: 7)
        let cache = ReplayCache(claimsMax: 1_000_000)
        var table: [Int: Timestamp] = [:]
        var now = Self.at(0)
        for _ in 0..<40_000 {
            now = now + .milliseconds(Int64.random(in: 0...900, using: &random))
            let number = Int.random(in: 0..<400, using: &random)
            let expiring = now + .milliseconds(Int64.random(in: 1...70_000, using: &random))
            let isLive = table[number].map { now < $0 } ?? false
            #expect(
                cache.claim(Self.id(number), expiring: expiring, at: now) == (isLive ? .replayed : .claimed))
            if !isLive { table[number] = expiring }
        }
        #expect(cache.liveCount <= 400)
    }
}
