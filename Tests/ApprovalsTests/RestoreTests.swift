import Primitives
import Testing

@testable import Approvals

struct `After a restart` {
    /// What the ledger would tell of an approval.
    static func record(_ world: World, _ placed: Placement) throws -> RestoredApproval {
        let approval = try #require(world.approvals.approvals[placed.approval])
        return RestoredApproval(
            id: approval.id, about: approval.about,
            requirements: approval.requirements.compactMap { Requirement(json: $0.json) },
            createdAt: approval.createdAt, reviews: approval.reviews.compactMap { Review(json: $0.json) },
            approvedAt: approval.status == .approved ? approval.decidedAt : nil)
    }

    static func restarted(_ world: World, _ placed: Placement, after pause: Duration = .seconds(5)) throws
        -> World
    {
        var next = try World()
        for _ in 0..<50 { _ = next.id() }
        next.now = world.now + pause
        next.approvals.restore([try record(world, placed)], at: next.now)
        return next
    }

    @Test func `records read back as they were written`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2), World.rule("b", workload: true)])
        try world.review(placed, by: World.erin)
        let approval = try #require(world.approvals.approvals[placed.approval])
        #expect(approval.requirements.map { Requirement(json: $0.json) } == approval.requirements)
        #expect(approval.reviews.map { Review(json: $0.json) } == approval.reviews)
        #expect(Requirement(json: .object(["rule": .string("x" as Text)])) == nil)
        #expect(Review(json: .null) == nil)
    }

    @Test
    func `an approval is pending and detached, its reviews kept, and reviewable after a re-attach only`()
        throws
    {
        var before = try World()
        let (_, placed) = try before.place(nil, [World.rule(required: 2)])
        try before.review(placed, by: World.bob)
        var world = try Self.restarted(before, placed)
        #expect(world.status(placed) == .pending && world.approvals.pendingCount == 1)
        let view = try #require(world.approvals.approval(placed.approval, visibleTo: World.carol))
        #expect(view.request == nil && !view.isAttached && view.reviews.map(\.person) == ["bob"])
        for decision in [ReviewDecision.approve, .deny] {
            #expect(throws: ReviewError.detachedWithoutArguments) {
                try world.review(placed, by: World.carol, decision)
            }
        }
        let (call, joined) = try world.place(nil, [World.rule(required: 2)])
        #expect(joined.approval == placed.approval && !joined.isNew)
        #expect(throws: ReviewError.alreadyReviewed) { try world.review(placed, by: World.bob) }
        let outcome = try world.review(placed, by: World.carol)
        #expect(outcome.decided == .approved && outcome.call == call)
        #expect(world.release(joined, call, [World.rule(required: 2)]) == "released")
    }

    @Test func `an approved one keeps its window and nothing more`() throws {
        var before = try World()
        let (_, placed) = try before.place()
        try before.review(placed, by: World.bob)
        var inTime = try Self.restarted(before, placed, after: .seconds(299))
        let (call, joined) = try inTime.place()
        #expect(joined.isApproved && joined.approval == placed.approval)
        #expect(inTime.release(joined, call) == "released")
        var late = try Self.restarted(before, placed, after: .seconds(300))
        #expect(try late.place().placement.isNew)
        #expect(late.approvals.advance(to: late.now).map(\.outcome) == [.unused])
    }

    @Test func `a clock set back between the runs makes nothing live longer`() throws {
        var before = try World()
        let (_, placed) = try before.place()
        try before.review(placed, by: World.bob)
        var set = try Self.restarted(before, placed, after: .seconds(-3600))
        set.pass(.seconds(300))
        #expect(set.approvals.advance(to: set.now).map(\.outcome) == [.unused])

        var undecided = try World()
        let (_, pending) = try undecided.place()
        var again = try World(abandonAfter: .seconds(7200))
        again.now = again.now - .seconds(3600)
        again.approvals.restore([try Self.record(undecided, pending)], at: again.now)
        again.pass(.seconds(900))
        #expect(again.approvals.advance(to: again.now).map(\.outcome) == [.expired])
    }

    @Test func `reviews that suffice but whose decision was not written decide at the re-attach`() throws {
        var before = try World()
        let (_, placed) = try before.place()
        try before.review(placed, by: World.bob)
        var record = try Self.record(before, placed)
        record.approvedAt = nil
        var world = try World()
        for _ in 0..<50 { _ = world.id() }
        world.approvals.restore([record], at: world.now)
        #expect(world.status(placed) == .pending)
        #expect(try world.place().placement.isApproved)
    }

    @Test func `a durable deny is final even if its decision was not written`() throws {
        var before = try World()
        let (_, placed) = try before.place()
        try before.review(placed, by: World.bob, .deny)
        var world = try Self.restarted(before, placed)
        #expect(world.status(placed) == .denied && world.approvals.pendingCount == 0)
        #expect(try world.place().placement.isNew)
    }

    @Test func `reviews of persons who are no more do not count`() throws {
        var before = try World()
        let (_, placed) = try before.place()
        try before.review(placed, by: World.bob)
        let persons = try World.persons(
            """
            {"apiVersion": "sallyport.dev/v1", "kind": "Persons", "persons": [
              {"name": "alice", "groups": ["stewards"], "subjects": ["alice@example.org"]},
              {"name": "carol", "groups": ["stewards"]}]}
            """)
        var world = try World()
        for _ in 0..<50 { _ = world.id() }
        world.approvals = Approvals(persons: persons, abandonAfter: .seconds(600), approvedFor: .seconds(300))
        world.approvals.restore([try Self.record(before, placed)], at: world.now)
        #expect(try !world.place().placement.isApproved)
    }

    @Test func `expiry and abandonment go on, and a thousand are not lost`() throws {
        var before = try World(.init(pendingPerAgentMax: 1000))
        var records: [RestoredApproval] = []
        for limit in 0..<1000 {
            let (_, placed) = try before.place(World.request(limit: Int64(limit)))
            records.append(try Self.record(before, placed))
        }
        var world = try World(abandonAfter: .seconds(100))
        world.pass(.seconds(850))
        world.approvals.restore(records, at: world.now)
        #expect(world.approvals.pendingCount == 1000)
        #expect(world.approvals.nextDeadline == World.start + .seconds(900))
        let expiries = world.approvals.advance(to: World.start + .seconds(900))
        #expect(expiries.count == 1000 && expiries.allSatisfy { $0.outcome == .expired && $0.call == nil })
    }
}

struct `What a reviewer sees` {
    @Test func `is the canonical request, its digest, who decides and how far it is`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2)])
        try world.review(placed, by: World.bob)
        let view = try #require(world.approvals.approval(placed.approval, visibleTo: World.carol))
        let json = view.json
        #expect(json["id"]?.string == placed.approval.text)
        #expect(json["status"] == .string("pending"))
        #expect(try json["request"] == World.request().canonical)
        #expect(json["digest"]?.string == placed.digest)
        #expect(json["holds"]?.array?.first?["approvals"] == .integer(1))
        #expect(json["holds"]?.array?.first?["required"] == .integer(2))
        #expect(json["holds"]?.array?.first?["message"] == .string("Large reads need a steward."))
        #expect(json["reviews"]?.array?.first?["person"] == .string("bob"))
        #expect(json["createdAt"] == .string("2026-11-20T10:00:00.000000Z"))
        #expect(json["expiresAt"] == .string("2026-11-20T10:15:00.000000Z"))
        #expect(try JSONParser.parse(json.encoded) == json)
    }

    @Test func `in a list is all but the request`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2)])
        try world.review(placed, by: World.bob)
        let page = world.approvals.list(visibleTo: World.carol, status: nil, after: nil, limit: 1)
        let view = try #require(page.approvals.first)
        let (summary, whole) = (try #require(view.summaryJSON.object), try #require(view.json.object))
        #expect(summary.names == whole.names.filter { $0 != "request" })
        #expect(whole["request"] != nil && summary["digest"]?.string == placed.digest)
        for member in summary.members { #expect(whole[member.name] == member.value) }
    }

    @Test func `has a tag that changes with what is shown, and only then`() throws {
        var world = try World()
        let (_, placed) = try world.place(nil, [World.rule(required: 2)])
        let first = try #require(world.approvals.approval(placed.approval, visibleTo: World.carol)).etag
        let same = try #require(world.approvals.approval(placed.approval, visibleTo: World.erin)).etag
        try world.review(placed, by: World.bob)
        let second = try #require(world.approvals.approval(placed.approval, visibleTo: World.carol)).etag
        #expect(first == same && first != second)
        #expect(first.hasPrefix("\"") && first.hasSuffix("\""))
    }

    @Test func `after the end has no arguments any more`() throws {
        var world = try World()
        let (_, placed) = try world.place()
        try world.review(placed, by: World.bob, .deny)
        let view = try #require(world.approvals.approval(placed.approval, visibleTo: World.bob))
        #expect(view.request == nil && view.status == .denied && view.decidedAt == world.now)
        #expect(view.json["request"] == .null && view.json["resource"] == .string("query_orders"))
    }

    @Test func `is listed in pages, oldest first, by status and by group`() throws {
        var world = try World()
        var ids: [CallID] = []
        for limit in 0..<7 {
            world.pass(.milliseconds(5))
            let rule = World.rule(groups: [limit == 3 ? "finance" : "stewards"])
            ids.append(try world.place(World.request(limit: Int64(limit)), [rule]).placement.approval)
        }
        _ = try world.approvals.cancel(ids[1], at: world.now)
        func page(_ after: CallID?, _ status: ApprovalStatus? = .pending) -> ([CallID], CallID?) {
            let page = world.approvals.list(visibleTo: World.bob, status: status, after: after, limit: 3)
            return (page.approvals.map(\.id), page.next)
        }
        #expect(page(nil) == ([ids[0], ids[2], ids[4]], ids[4]))
        #expect(page(ids[4]) == ([ids[5], ids[6]], nil))
        #expect(page(nil, .cancelled) == ([ids[1]], nil))
        #expect(page(nil, nil) == ([ids[0], ids[1], ids[2]], ids[2]))
        #expect(
            world.approvals.list(visibleTo: World.dave, status: nil, after: nil, limit: 0).approvals.map(\.id)
                == [ids[3]])
        let both = world.approvals.list(visibleTo: World.erin, status: nil, after: nil, limit: .max)
        #expect(both.approvals.count == 7 && both.next == nil)
    }
}
