import Primitives
import Testing

@testable import Approvals

/// Many callers, reviewers, losses, restarts of rules and passing time in every order a seed gives; after each step the
/// book kept here must agree.
struct `In any order of events` {
    @Test(arguments: UInt64(1)...60)
    func `nothing runs without enough approvals of now's rules, nor twice, nor after an end`(_ seed: UInt64)
        throws
    {
        var game = try Game(seed: seed)
        for _ in 0..<1000 {
            try game.step()
            game.check()
        }
        #expect(game.releases > 0, "seed \(seed) released nothing")
    }
}

private struct Game {
    private var world: World
    private var random: SeededGenerator
    private let seed: UInt64
    private var calls: [(call: CallID, placement: Placement)] = []
    private var rules: [Requirement] = [World.rule(required: 2)]
    private var consumed: Set<CallID> = []
    private var ends: [CallID: ApprovalStatus] = [:]
    /// Every durable approve, by approval: who, under which rules.
    private var approvals: [CallID: [(person: Text, groups: Set<Text>, rules: Set<Digest>)]] = [:]
    private var denied: Set<CallID> = []
    private var unrecorded: Set<CallID> = []
    private(set) var releases = 0

    init(seed: UInt64) throws {
        (self.seed, random) = (seed, SeededGenerator(seed: seed))
        world = try World(.init(pendingMax: 6, pendingPerAgentMax: 4), abandonAfter: .seconds(120))
    }

    mutating func step() throws {
        switch Int.random(in: 0..<13, using: &random) {
        case 0...2: try place()
        case 3:
            if let gone = calls.randomElement(using: &random) {
                world.approvals.callEnded(gone.call, at: world.now)
            }
        case 4...7: try review()
        case 8, 9: release()
        case 10: world.pass(.seconds(Int64.random(in: 0...90, using: &random)))
        case 11: learn()
        default: try turn()
        }
    }

    private mutating func place() throws {
        let request = try World.request(limit: Int64.random(in: 0..<4, using: &random))
        let isRecorded = Int.random(in: 0..<5, using: &random) > 0
        guard let placed = try? world.place(request, rules, isRecorded: isRecorded) else { return }
        if placed.placement.isNew, !isRecorded { unrecorded.insert(placed.placement.approval) }
        if let superseded = placed.placement.superseded { #expect(superseded != placed.call, "seed \(seed)") }
        calls.append(placed)
        if calls.count > 12 { calls.removeFirst() }
    }

    /// The ledger has an approval's request, or never will.
    private mutating func learn() {
        guard let id = unrecorded.sorted(by: { $0.text < $1.text }).randomElement(using: &random) else {
            return
        }
        unrecorded.remove(id)
        let before = world.approvals.approvals[id]
        if Bool.random(using: &random) { return world.approvals.recorded(id) }
        #expect(world.approvals.withdraw(id, at: world.now) == before?.place?.call, "seed \(seed)")
        #expect(world.approvals.approvals[id]?.status.isTerminal != false, "seed \(seed)")
    }

    private mutating func review() throws {
        guard let target = calls.randomElement(using: &random) else { return }
        let cast = [World.alice, World.bob, World.carol, World.dave, World.erin, World.mallory]
        // Two reviewers at once, durable in either order, or not at all.
        let first = try? begin(target.placement, cast.randomElement(using: &random) ?? World.bob)
        let second = try? begin(target.placement, cast.randomElement(using: &random) ?? World.carol)
        if Bool.random(using: &random) { world.pass(.seconds(1)) }
        var outcomes: [ReviewOutcome] = []
        if let second { outcomes.append(finish(second)) }
        if let first { outcomes.append(finish(first)) }
        #expect(outcomes.filter { $0.decided != nil }.count <= 1, "seed \(seed)")
    }

    private mutating func begin(_ placement: Placement, _ reviewer: Reviewer) throws(ReviewError)
        -> PendingReview
    {
        try world.begin(
            placement, by: reviewer, Int.random(in: 0..<8, using: &random) == 0 ? .deny : .approve)
    }

    private mutating func finish(_ pending: consuming PendingReview) -> ReviewOutcome {
        let (id, review) = (pending.approval, pending.review)
        let isDurable = Int.random(in: 0..<5, using: &random) > 0
        let outcome = world.approvals.finishReview(pending, isDurable: isDurable, at: world.now)
        if outcome.counted, review.decision == .approve {
            approvals[id, default: []].append((review.person, review.groups, review.rules))
        }
        if outcome.counted, review.decision == .deny { denied.insert(id) }
        return outcome
    }

    private mutating func release() {
        guard let target = calls.randomElement(using: &random) else { return }
        let id = target.placement.approval
        let result = world.release(
            target.placement, target.call, rules, isDurable: Bool.random(using: &random))
        guard result == "released" else { return }
        releases += 1
        #expect(!unrecorded.contains(id), "seed \(seed): released before it was recorded")
        #expect(consumed.insert(id).inserted, "seed \(seed): consumed twice")
        #expect(!denied.contains(id), "seed \(seed): a deny was overruled")
        for rule in rules {
            let persons = (approvals[id] ?? [])
                .filter { $0.rules.contains(rule.ruleDigest) && !$0.groups.isDisjoint(with: rule.groups) }
                .map(\.person)
            #expect(Set(persons).subtracting(["alice"]).count >= rule.required, "seed \(seed)")
        }
    }

    /// The rules change, or time is told.
    private mutating func turn() throws {
        if Bool.random(using: &random) {
            rules = [
                World.rule(
                    version: UInt8.random(in: 1...2, using: &random),
                    required: Int.random(in: 1...2, using: &random))
            ]
            if Bool.random(using: &random) { rules.append(World.rule("finance-too", groups: ["finance"])) }
        } else {
            let expired = world.approvals.advance(to: world.now)
            #expect(Set(expired.map(\.approval)).count == expired.count, "seed \(seed)")
        }
    }

    /// Ends never change; counters and places agree with what is there.
    mutating func check() {
        let all = world.approvals.approvals
        for (id, approval) in all where approval.status.isTerminal {
            if let end = ends.updateValue(approval.status, forKey: id) {
                #expect(end == approval.status, "seed \(seed): an end changed")
            }
        }
        for id in unrecorded {
            #expect(all[id]?.reviews.isEmpty != false && all[id]?.inFlight.isEmpty != false, "seed \(seed)")
        }
        #expect(world.approvals.pendingCount == all.values.count { $0.status == .pending }, "seed \(seed)")
        let places = Dictionary(
            uniqueKeysWithValues: all.values.compactMap { one in one.place?.call.map { ($0, one.id) } })
        #expect(places == world.approvals.places, "seed \(seed)")
        #expect(all.values.count { !$0.status.isTerminal } <= 6, "seed \(seed)")
        let joinable = world.approvals.open.allSatisfy { digest, id in
            all[id]?.about.digest == digest && all[id]?.status.isTerminal == false
        }
        #expect(joinable, "seed \(seed)")
    }
}
