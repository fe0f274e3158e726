import Primitives
import Testing

@testable import Approvals

struct `Releasing` {
    @Test func `happens once`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        #expect(world.release(placed, call) == "released")
        #expect(world.release(placed, call) == "consumed")
    }

    @Test func `is not begun twice`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        let verdict = world.approvals.beginRelease(
            of: placed.approval, call: call, requirements: [World.rule()], at: world.now)
        guard case .release(let pending) = consume verdict else {
            Issue.record("not released")
            return
        }
        #expect(pending.call == call && pending.reviews.map(\.person) == ["bob"])
        #expect(world.release(placed, call) == "consumed")
        #expect(throws: ReviewError.terminal(.approved)) { try world.review(placed, by: World.carol, .deny) }
        world.pass(.seconds(1000))
        #expect(world.approvals.advance(to: world.now).isEmpty, "a release under way does not expire")
        world.approvals.finishRelease(pending, isDurable: true, at: world.now)
        #expect(world.status(placed) == .consumed)
    }

    @Test func `a record that was not written leaves it approved`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        #expect(world.release(placed, call, isDurable: false) == "not durable")
        #expect(world.status(placed) == .approved)
        #expect(world.release(placed, call) == "released")
    }

    @Test func `a caller that goes while the record is written is not there afterwards`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        let verdict = world.approvals.beginRelease(
            of: placed.approval, call: call, requirements: [World.rule()], at: world.now)
        guard case .release(let pending) = consume verdict else {
            Issue.record("not released")
            return
        }
        world.approvals.callEnded(call, at: world.now)
        world.approvals.finishRelease(pending, isDurable: false, at: world.now)
        #expect(world.release(placed, call) == "superseded")
        let (again, joined) = try world.place()
        #expect(joined.isApproved && joined.superseded == nil)
        #expect(world.release(placed, again) == "released")
    }

    @Test func `needs reviews made under the same content of every rule of now`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        let changed = World.rule(version: 2)
        #expect(world.release(placed, call, [changed]) == "pending again")
        #expect(world.status(placed) == .pending && world.approvals.pendingCount == 1)
        #expect(
            world.release(placed, call, [World.rule()]) == "pending again",
            "only reviews make it approved again")
        let outcome = try world.review(placed, by: World.bob)
        #expect(outcome.decided == .approved && outcome.call == call, "the same person, under the new rule")
        #expect(world.release(placed, call, [changed]) == "released")
    }

    @Test func `a rule that came meanwhile must be met too`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.erin)
        let added = World.rule("added", groups: ["finance"])
        #expect(
            world.release(placed, call, [World.rule(), added]) == "pending again",
            "though erin is in both groups")
        #expect(try world.review(placed, by: World.dave).decided == .approved)
        #expect(world.release(placed, call, [World.rule(), added]) == "released")
    }

    @Test func `a rule that went is not asked for`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        #expect(world.release(placed, call, []) == "pending again", "nobody approved it yet")
        try world.review(placed, by: World.bob)
        #expect(world.release(placed, call, []) == "released")
    }

    @Test func `a rule that asks for nobody is never met`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        #expect(world.release(placed, call, [World.rule(required: 0)]) == "pending again")
    }

    @Test func `needs the call that has the place`() throws {
        var world = try World()
        let (first, placed) = try world.place()
        let (second, _) = try world.place()
        try world.review(placed, by: World.bob)
        #expect(world.release(placed, first) == "superseded")
        #expect(world.release(placed, world.id()) == "superseded")
        world.approvals.callEnded(first, at: world.now)
        #expect(
            world.release(placed, second) == "released", "the end of a superseded call takes nobody's place")
    }

    @Test func `of what nobody knows is gone`() throws {
        var world = try World()
        let (call, _) = try world.place()
        let verdict = world.approvals.beginRelease(of: call, call: call, requirements: [], at: world.now)
        guard case .gone(.unknown) = consume verdict else {
            Issue.record("not gone")
            return
        }
    }

    @Test func `ends with approvedFor, also before anybody advanced`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        world.pass(.seconds(300))
        #expect(world.release(placed, call) == "expired")
        #expect(world.approvals.advance(to: world.now).map(\.outcome) == [.unused])
        #expect(world.status(placed) == .expired)
        #expect(world.release(placed, call) == "expired")
    }
}

struct `Time` {
    @Test func `ends what is due in the order of the deadlines`() throws {
        var world = try World()
        var expected: [(Int64, CallID)] = []
        for (limit, seconds) in [(1, 50), (2, 10), (3, 40), (4, 20), (5, 30)] as [(Int64, Int64)] {
            let rule = World.rule(expiresAfter: .seconds(seconds))
            expected.append(
                (seconds, try world.place(World.request(limit: limit), [rule]).placement.approval))
        }
        #expect(world.approvals.nextDeadline == World.start + .seconds(10))
        #expect(world.approvals.advance(to: World.start + .seconds(9)).isEmpty)
        let expiries = world.approvals.advance(to: World.start + .seconds(40))
        #expect(expiries.map(\.approval) == expected.filter { $0.0 <= 40 }.sorted { $0.0 < $1.0 }.map(\.1))
        #expect(expiries.allSatisfy { $0.outcome == .expired && $0.call != nil })
        #expect(world.approvals.nextDeadline == World.start + .seconds(50))
        #expect(world.approvals.pendingCount == 1)
    }

    @Test func `a detached approval is abandoned, and a re-attach in time saves it`() throws {
        var world = try World(abandonAfter: .seconds(60))
        let (lost, abandoned) = try world.place(World.request(limit: 1))
        let (gone, kept) = try world.place(World.request(limit: 2))
        world.approvals.callEnded(lost, at: world.now)
        world.approvals.callEnded(gone, at: world.now)
        #expect(world.approvals.nextDeadline == World.start + .seconds(60))
        world.pass(.seconds(59))
        let (back, _) = try world.place(World.request(limit: 2))
        world.pass(.seconds(1))
        #expect(world.approvals.advance(to: world.now).map { [$0.approval] } == [[abandoned.approval]])
        #expect(world.status(abandoned) == .expired)
        world.pass(.seconds(839))
        #expect(world.approvals.advance(to: world.now).isEmpty)
        world.pass(.seconds(1))
        let last = world.approvals.advance(to: world.now)
        #expect(last.map(\.call) == [back] && last.map(\.outcome) == [.expired])
        #expect(world.status(kept) == .expired)
    }

    @Test func `a detached one is not kept beyond its own expiry`() throws {
        var world = try World(abandonAfter: .seconds(600))
        let (call, _) = try world.place(nil, [World.rule(expiresAfter: .seconds(30))])
        world.approvals.callEnded(call, at: world.now)
        let expiries = world.approvals.advance(to: World.start + .seconds(30))
        #expect(expiries.map(\.outcome) == [.expired] && expiries.map(\.call) == [nil])
    }

    @Test func `a caller that comes and goes a thousand times leaves no heap of deadlines`() throws {
        var world = try World()
        for _ in 0..<1000 {
            let (call, _) = try world.place()
            world.pass(.milliseconds(1))
            world.approvals.callEnded(call, at: world.now)
        }
        #expect(world.approvals.pendingCount == 1)
        #expect(world.approvals.advance(to: World.start + .seconds(601)).map(\.outcome) == [.abandoned])
        #expect(world.approvals.nextDeadline == nil)
    }

    @Test func `only so many ended approvals are remembered`() throws {
        var world = try World(.init(endedMax: 3))
        var placements: [Placement] = []
        for limit in 0..<5 {
            let (_, placed) = try world.place(World.request(limit: Int64(limit)))
            try world.review(placed, by: World.bob, .deny)
            placements.append(placed)
        }
        #expect(placements.map { world.status($0) } == [nil, nil, .denied, .denied, .denied])
    }
}
