import Primitives
import Testing

@testable import Approvals

struct `Placing a call` {
    @Test func `makes a pending approval that ends at the shortest expiry of its rules`() throws {
        var world = try World()
        let slow = World.rule("slow", expiresAfter: .seconds(900))
        let quick = World.rule("quick", expiresAfter: .seconds(60))
        let (_, placed) = try world.place(nil, [slow, quick])
        #expect(placed.isNew && !placed.isApproved && placed.superseded == nil)
        #expect(placed.expiresAt == World.start + .seconds(60))
        #expect(placed.digest == (try World.request().digest()))
        #expect(world.status(placed) == .pending)
        #expect(world.approvals.pendingCount == 1)
        #expect(world.approvals.nextDeadline == World.start + .seconds(60))
    }

    @Test func `joins an equal request, and the later arrival has the place`() throws {
        var world = try World()
        let (first, placed) = try world.place()
        let (second, joined) = try world.place()
        #expect(!joined.isNew && joined.approval == placed.approval && joined.superseded == first)
        #expect(world.approvals.pendingCount == 1)
        let outcome = try world.review(placed, by: World.bob)
        #expect(outcome.call == second)
        #expect(world.release(placed, first) == "superseded")
        #expect(world.release(placed, second) == "released")
    }

    @Test func `does not join for another agent, other arguments or another subject`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        let others = [
            try World.request(agent: "spiffe://example.org/agent/other"), try World.request(limit: 5001),
            try World.request(subject: "bob-at-broker"),
        ]
        for request in others {
            let (_, other) = try world.place(request)
            #expect(other.isNew && other.approval != placed.approval)
        }
        #expect(world.approvals.pendingCount == 4)
    }

    @Test func `a gone caller leaves the approval pending, and coming back joins it`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        world.approvals.callEnded(call, at: world.now)
        #expect(world.status(placed) == .pending)
        world.pass(.seconds(300))
        let (again, joined) = try world.place()
        #expect(joined.approval == placed.approval && !joined.isNew && joined.superseded == nil)
        let outcome = try world.review(joined, by: World.bob)
        #expect(outcome.call == again)
    }

    @Test func `approved while nobody waits: nothing is woken, and a re-attach runs at once, once`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        world.approvals.callEnded(call, at: world.now)
        let outcome = try world.review(placed, by: World.bob)
        #expect(outcome.decided == .approved && outcome.call == nil)
        #expect(world.release(placed, call) == "superseded")
        let (again, joined) = try world.place()
        #expect(joined.isApproved && joined.approval == placed.approval)
        #expect(world.release(joined, again) == "released")
        let (_, second) = try world.place()
        #expect(second.isNew && !second.isApproved, "a second execution needs a second approval")
    }

    @Test func `while a release is being written an equal call gets an approval of its own`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        try world.review(placed, by: World.bob)
        let verdict = world.approvals.beginRelease(
            of: placed.approval, call: call, requirements: [World.rule()], at: world.now)
        guard case .release(let pending) = consume verdict else {
            Issue.record("not released")
            return
        }
        let (_, second) = try world.place()
        #expect(second.isNew && second.approval != placed.approval)
        world.approvals.finishRelease(pending, isDurable: true, at: world.now)
        #expect(world.status(placed) == .consumed)
        let (_, third) = try world.place()
        #expect(third.approval == second.approval)
    }

    @Test func `an ended approval is not joined`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        try world.review(placed, by: World.bob, .deny)
        let (_, second) = try world.place()
        #expect(second.isNew)
        world.pass(.seconds(900))
        let (_, third) = try world.place()
        #expect(third.isNew, "past its deadline, though nobody said so yet")
        #expect(world.approvals.advance(to: world.now).map(\.approval) == [second.approval])
        #expect(world.status(third) == .pending)
        let (_, fourth) = try world.place()
        #expect(fourth.approval == third.approval)
    }

    @Test func `limits hold per agent, in all and in bytes, and joining is free`() throws {
        var world = try World(.init(pendingMax: 3, pendingPerAgentMax: 2))
        _ = try world.place(World.request(limit: 1))
        let (last, _) = try world.place(World.request(limit: 2))
        #expect(throws: PlacementError.tooManyOfAgent) { try world.place(World.request(limit: 3)) }
        #expect(try world.place(World.request(limit: 2)).placement.superseded == last)
        _ = try world.place(World.request(agent: "spiffe://example.org/agent/b"))
        #expect(throws: PlacementError.tooMany) {
            try world.place(World.request(agent: "spiffe://example.org/agent/c"))
        }

        // One has about 330 canonical bytes and 14 values: nearly 1230 in all.
        var small = try World(.init(requestBytesMax: 2800))
        _ = try small.place(World.request(limit: 1))
        _ = try small.place(World.request(limit: 2))
        #expect(throws: PlacementError.tooManyBytes) { try small.place(World.request(limit: 3)) }
        small.pass(.seconds(900))
        #expect(small.approvals.advance(to: small.now).count == 2)
        _ = try small.place(World.request(limit: 3))
    }

    @Test func `an ended approval frees its agent's place`() throws {
        var world = try World(.init(pendingPerAgentMax: 1))
        for round in 0..<5 {
            let (call, placed) = try world.place(World.request(limit: Int64(round)))
            try world.review(placed, by: World.bob, round.isMultiple(of: 2) ? .approve : .deny)
            if round.isMultiple(of: 2) { #expect(world.release(placed, call) == "released") }
        }
        #expect(world.approvals.pendingCount == 0)
    }

    @Test func `a subject who is nobody makes it impossible, unless every rule says workload`() throws {
        var world = try World()
        let request = try World.request(subject: "nobody@example.org")
        let lenient = World.rule("lenient", workload: true)
        #expect(throws: PlacementError.subjectUnknown("nobody@example.org")) { try world.place(request) }
        #expect(throws: PlacementError.subjectUnknown("nobody@example.org")) {
            try world.place(request, [lenient, World.rule()])
        }
        #expect(try world.place(request, [lenient]).placement.isNew)
        #expect(throws: PlacementError.subjectUnknown("Alice@example.org"), "compared as bytes") {
            try world.place(World.request(subject: "Alice@example.org"))
        }
    }

    @Test(arguments: [
        (World.rule(required: 0), PlacementError.impossible(rule: "large-reads")),
        (World.rule(required: -1), .impossible(rule: "large-reads")),
        (World.rule(groups: []), .impossible(rule: "large-reads")),
        (World.rule(required: 7), .impossible(rule: "large-reads")),
    ])
    func `a rule that nobody could meet, or that asks for nobody, holds nothing`(
        _ rule: Requirement, _ error: PlacementError
    ) throws {
        var world = try World()
        #expect(throws: error) { try world.place(nil, [rule]) }
        #expect(throws: PlacementError.noRequirement) { try world.place(nil, []) }
        #expect(try world.place(nil, [World.rule(required: 6)]).placement.isNew)
    }

    @Test func `rules of now take the place of an older call's`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        let finance = World.rule("finance-too", groups: ["finance"])
        let (call, joined) = try world.place(nil, [World.rule(), finance])
        try world.review(placed, by: World.bob)
        #expect(world.status(placed) == .pending)
        let outcome = try world.review(placed, by: World.dave)
        #expect(outcome.decided == .approved && outcome.call == call)
        #expect(world.release(joined, call, [World.rule(), finance]) == "released")
    }

    @Test func `an approved one is pending again when the rules of a re-attach are not met`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        try world.review(placed, by: World.bob)
        let (_, joined) = try world.place(nil, [World.rule(version: 2)])
        #expect(!joined.isApproved && joined.approval == placed.approval)
        #expect(world.status(placed) == .pending)
    }

    @Test func `a rule removed meanwhile lets what is left decide`() throws {
        var world = try World()
        let finance = World.rule("finance-too", groups: ["finance"])
        let (_, placed) = try world.place(nil, [World.rule(), finance])
        try world.review(placed, by: World.bob)
        let (call, joined) = try world.place(nil, [World.rule()])
        #expect(joined.isApproved)
        #expect(world.release(placed, call) == "released")
    }
}
