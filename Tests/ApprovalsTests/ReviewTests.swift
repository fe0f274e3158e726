import Primitives
import Testing

@testable import Approvals

struct `Reviewing` {
    @Test func `one approval of an eligible person wakes the call`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        let outcome = try world.review(placed, by: World.bob)
        #expect(
            outcome.status == .approved && outcome.decided == .approved && outcome.call == call
                && outcome.counted)
        #expect(world.approvals.pendingCount == 0)
        #expect(world.release(placed, call) == "released")
        #expect(world.status(placed) == .consumed)
    }

    @Test func `nothing counts before it is durable`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        let pending = try world.begin(placed, by: World.bob)
        #expect(world.status(placed) == .pending)
        #expect(world.release(placed, call) == "pending again")
        let outcome = world.approvals.finishReview(pending, isDurable: false, at: world.now)
        #expect(
            outcome.status == .pending && outcome.decided == nil && !outcome.counted && outcome.call == nil)
        #expect(try world.review(placed, by: World.bob).decided == .approved, "and may be tried again")
    }

    @Test func `one deny is final, whoever approved before`() throws {
        var world = try World()
        let (call, placed) = try world.place(nil, [World.rule(required: 2)])
        try world.review(placed, by: World.bob)
        let outcome = try world.review(placed, by: World.carol, .deny)
        #expect(outcome.decided == .denied && outcome.call == call)
        #expect(throws: ReviewError.terminal(.denied)) { try world.review(placed, by: World.erin) }
        #expect(world.release(placed, call) == "denied")
    }

    @Test func `required counts distinct persons, not credentials`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2)])
        let other = Reviewer(person: "bob", groups: ["stewards"], credential: "cert:b0")
        #expect(try world.review(placed, by: World.bob).status == .pending)
        #expect(throws: ReviewError.alreadyReviewed) { try world.review(placed, by: other) }
        #expect(throws: ReviewError.alreadyReviewed) { try world.review(placed, by: other, .deny) }
        #expect(try world.review(placed, by: World.carol).decided == .approved)
    }

    @Test func `two credentials of one person at the same time count once`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2)])
        let first = try world.begin(placed, by: World.bob)
        let other = Reviewer(person: "bob", groups: ["stewards"], credential: "cert:b0")
        #expect(throws: ReviewError.alreadyReviewed) { try world.review(placed, by: other) }
        #expect(world.approvals.finishReview(first, isDurable: true, at: world.now).status == .pending)
    }

    @Test func `every hold needs its own groups, and one review may count for several`() throws {
        var world = try World()
        let rules = [World.rule("a"), World.rule("b", groups: ["finance"])]
        let (_, one) = try world.place(World.request(limit: 1), rules)
        #expect(try world.review(one, by: World.bob).status == .pending)
        #expect(try world.review(one, by: World.carol).status == .pending, "two stewards are no finance")
        #expect(try world.review(one, by: World.dave).decided == .approved)
        let (_, two) = try world.place(World.request(limit: 2), rules)
        #expect(try world.review(two, by: World.erin).decided == .approved)
    }

    @Test func `who is in none of the groups may not review and sees nothing`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        for decision in [ReviewDecision.approve, .deny] {
            #expect(throws: ReviewError.notEligible(.notInGroups)) {
                try world.review(placed, by: World.mallory, decision)
            }
        }
        #expect(world.approvals.approval(placed.approval, visibleTo: World.mallory) == nil)
        #expect(
            world.approvals.list(visibleTo: World.mallory, status: nil, after: nil, limit: 10).approvals
                .isEmpty)
        let stranger = Reviewer(person: "zoe", groups: ["stewards"], credential: "oidc:x#zoe")
        #expect(throws: ReviewError.notEligible(.notInGroups)) { try world.review(placed, by: stranger) }
    }

    static let ownRequests: [(String, @Sendable () throws -> HeldRequest, Reviewer)] = [
        ("subject", { try World.request() }, World.alice),
        ("subject at the same issuer", { try World.request(subject: "bob-at-broker") }, World.bob),
        ("agent", { try World.request(agent: "spiffe://example.org/agent/of-grace") }, World.grace),
        (
            "actor",
            { try World.request(actors: ["spiffe://x.org/a", "spiffe://example.org/agent/of-grace"]) },
            World.grace
        ),
        ("person in the act chain", { try World.request(actors: ["bob-at-broker"]) }, World.bob),
    ]

    @Test(arguments: ownRequests)
    func `the person behind subject, agent or actor never counts, neither for nor against`(
        _ name: String, _ request: @Sendable () throws -> HeldRequest, _ person: Reviewer
    ) throws {
        var world = try World()
        let (_, placed) = try world.place(try request())
        for decision in [ReviewDecision.approve, .deny] {
            #expect(throws: ReviewError.notEligible(.ownRequest), "\(name)") {
                try world.review(placed, by: person, decision)
            }
        }
        #expect(world.approvals.approval(placed.approval, visibleTo: person) != nil)
        #expect(try world.review(placed, by: World.carol).decided == .approved)
    }

    @Test func `subject workload excludes a person behind the subject all the same`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(workload: true)])
        #expect(throws: ReviewError.notEligible(.ownRequest)) { try world.review(placed, by: World.alice) }
    }

    @Test func `a review names the digest it saw`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        func attempt(_ digest: Text?) throws(ReviewError) {
            let pending = try world.approvals.beginReview(
                of: placed.approval, by: World.bob, decision: .approve, reason: nil, digest: digest,
                at: world.now)
            _ = world.approvals.finishReview(pending, isDurable: true, at: world.now)
        }
        #expect(throws: ReviewError.digestMissing) { try attempt(nil) }
        #expect(throws: ReviewError.digestMismatch) { try attempt("") }
        #expect(throws: ReviewError.digestMismatch) { try attempt(placed.digest.dropLast(1)) }
        #expect(throws: ReviewError.digestMismatch) { try attempt(World.request(limit: 1).digest()) }
        #expect(world.status(placed) == .pending)
        try attempt(placed.digest)
        #expect(world.status(placed) == .approved)
    }

    @Test(arguments: [
        (ReviewDecision.deny, nil, ReviewError.reasonRequired), (.deny, " \t", .reasonRequired),
        (.deny, Text([UInt8](repeating: 0x61, count: 2001)), .reasonTooLong),
        (.approve, Text([UInt8](repeating: 0x61, count: 2001)), .reasonTooLong),
    ])
    func `a denial has a reason, and no reason is endless`(
        _ decision: ReviewDecision, _ reason: Text?, _ error: ReviewError
    ) throws {
        var world = try World()
        let (_, placed) = try world.place()
        #expect(throws: error) {
            let pending = try world.approvals.beginReview(
                of: placed.approval, by: World.bob, decision: decision, reason: reason, digest: placed.digest,
                at: world.now)
            _ = world.approvals.finishReview(pending, isDurable: true, at: world.now)
        }
        #expect(world.status(placed) == .pending)
    }

    @Test func `an unknown approval is not found`() throws {
        var world = try World()
        let (unknown, placed) = try world.place()
        #expect(throws: ReviewError.notFound) {
            let pending = try world.approvals.beginReview(
                of: unknown, by: World.bob, decision: .approve, reason: nil, digest: placed.digest,
                at: world.now)
            _ = world.approvals.finishReview(pending, isDurable: true, at: world.now)
        }
        #expect(throws: ReviewError.notFound) { try world.approvals.cancel(unknown, at: world.now) }
    }

    @Test func `ends and approvals are final`() throws {
        var world = try World()
        let (_, approved) = try world.place(World.request(limit: 1))
        try world.review(approved, by: World.bob)
        #expect(throws: ReviewError.terminal(.approved)) {
            try world.review(approved, by: World.carol, .deny)
        }
        let (_, cancelled) = try world.place(World.request(limit: 2))
        _ = try world.approvals.cancel(cancelled.approval, at: world.now)
        #expect(throws: ReviewError.terminal(.cancelled)) { try world.review(cancelled, by: World.carol) }
        let (_, expired) = try world.place(World.request(limit: 3))
        world.pass(.seconds(900))
        #expect(throws: ReviewError.terminal(.expired)) { try world.review(expired, by: World.carol) }
        #expect(throws: ReviewError.terminal(.expired)) {
            try world.approvals.cancel(expired.approval, at: world.now)
        }
        _ = world.approvals.advance(to: world.now)
        #expect(throws: ReviewError.terminal(.expired)) { try world.review(expired, by: World.carol) }
    }

    @Test func `an administrator cancels, and the call is told`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        let outcome = try world.approvals.cancel(placed.approval, at: world.now)
        #expect(outcome.status == .cancelled && outcome.call == call)
        #expect(world.release(placed, call) == "cancelled")
        #expect(world.approvals.pendingCount == 0)
    }

    @Test(arguments: [ReviewDecision.approve, .deny], [ReviewDecision.approve, .deny])
    func `two reviewers racing: exactly one outcome`(_ first: ReviewDecision, _ second: ReviewDecision) throws
    {
        var world = try World()
        let (call, placed) = try world.place()
        let winner = try world.begin(placed, by: World.bob, first)
        #expect(throws: ReviewError.beingDecided) { try world.review(placed, by: World.carol, second) }
        let outcome = world.approvals.finishReview(winner, isDurable: true, at: world.now)
        #expect(outcome.decided == (first == .approve ? .approved : .denied) && outcome.call == call)
        #expect(throws: ReviewError.self) { try world.review(placed, by: World.carol, second) }
    }

    @Test func `a review that failed to become durable opens the door again`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        let lost = try world.begin(placed, by: World.bob, .deny)
        _ = world.approvals.finishReview(lost, isDurable: false, at: world.now)
        #expect(try world.review(placed, by: World.carol).decided == .approved)
    }

    @Test func `two approvals under way both count, in whatever order they become durable`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2)])
        let first = try world.begin(placed, by: World.bob)
        let second = try world.begin(placed, by: World.carol)
        #expect(throws: ReviewError.beingDecided) { try world.review(placed, by: World.erin, .deny) }
        #expect(world.approvals.finishReview(second, isDurable: true, at: world.now).decided == nil)
        #expect(world.approvals.finishReview(first, isDurable: true, at: world.now).decided == .approved)
    }

    @Test func `a deny under way is not overtaken by approvals begun before it`() throws {
        var world = try World()
        let finance = World.rule("finance-too", groups: ["finance"])
        let (_, placed) = try world.place(nil, [World.rule(), finance])
        let approve = try world.begin(placed, by: World.bob)
        let deny = try world.begin(placed, by: World.carol, .deny)
        #expect(world.approvals.finishReview(approve, isDurable: true, at: world.now).decided == nil)
        // The second rule is gone: what is durable would now be enough.
        _ = try world.place(nil, [World.rule()])
        #expect(world.status(placed) == .pending)
        #expect(world.approvals.finishReview(deny, isDurable: true, at: world.now).decided == .denied)
    }

    @Test func `a deny under way that is lost lets the others decide`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(), World.rule("b", groups: ["finance"])])
        let approve = try world.begin(placed, by: World.bob)
        let deny = try world.begin(placed, by: World.carol, .deny)
        _ = world.approvals.finishReview(approve, isDurable: true, at: world.now)
        let (call, _) = try world.place(nil, [World.rule()])
        let outcome = world.approvals.finishReview(deny, isDurable: false, at: world.now)
        #expect(outcome.decided == .approved && outcome.call == call && !outcome.counted)
    }

    @Test(arguments: [true, false])
    func `a review that becomes durable after the deadline changes nothing`(_ advanced: Bool) throws {
        var world = try World()
        let (call, placed) = try world.place()
        world.pass(.seconds(899))
        let late = try world.begin(placed, by: World.bob)
        world.pass(.seconds(1))
        if advanced { #expect(world.approvals.advance(to: world.now).map(\.call) == [call]) }
        let outcome = world.approvals.finishReview(late, isDurable: true, at: world.now)
        #expect(outcome.status == .expired && outcome.decided == nil && !outcome.counted)
        #expect(world.release(placed, call) == "expired")
    }
}
