import Primitives
import Testing

@testable import Approvals

struct `Until its request is recorded an approval` {
    static func world() throws -> (world: World, call: CallID, placed: Placement) {
        var world = try World()
        let (call, placed) = try world.place(isRecorded: false)
        return (world, call, placed)
    }

    static func isSeen(_ placed: Placement, in world: World) -> Bool {
        let list = world.approvals.list(visibleTo: World.bob, status: nil, after: nil, limit: 10)
        let isListed = list.approvals.contains { $0.id == placed.approval }
        let isShown = world.approvals.approval(placed.approval, visibleTo: World.bob) != nil
        #expect(isListed == isShown)
        return isListed
    }

    @Test func `is neither listed nor shown, and is from then on`() throws {
        var (world, _, placed) = try Self.world()
        #expect(!Self.isSeen(placed, in: world) && world.status(placed) == .pending)
        world.approvals.recorded(placed.approval)
        #expect(Self.isSeen(placed, in: world))
    }

    @Test func `is found by no review and no administrator, and is from then on`() throws {
        var (world, call, placed) = try Self.world()
        for reviewer in [World.alice, World.bob, World.mallory] {
            #expect(throws: ReviewError.notFound) { try world.review(placed, by: reviewer) }
            #expect(throws: ReviewError.notFound) { try world.review(placed, by: reviewer, .deny) }
        }
        #expect(throws: ReviewError.notFound) { try world.approvals.cancel(placed.approval, at: world.now) }
        world.approvals.recorded(placed.approval)
        #expect(try world.review(placed, by: World.bob).call == call)
        #expect(world.release(placed, call) == "released")
    }

    @Test func `releases nothing, whatever else it says`() throws {
        var (world, call, placed) = try Self.world()
        #expect(world.release(placed, call) == "pending again")
        #expect(world.release(placed, call, []) == "pending again")
        var approval = try #require(world.approvals.approvals[placed.approval])
        approval.state = .approved(.held(call), until: world.now + .seconds(300))
        world.approvals.store(approval)
        #expect(world.release(placed, call, []) == "pending again")
        world.approvals.recorded(placed.approval)
        #expect(world.release(placed, call, []) == "released")
    }

    @Test func `is joined, which records nothing`() throws {
        var (world, first, placed) = try Self.world()
        let (second, joined) = try world.place()
        #expect(joined.approval == placed.approval && !joined.isNew && !joined.isApproved)
        #expect(joined.superseded == first && !Self.isSeen(placed, in: world))
        world.approvals.recorded(placed.approval)
        #expect(try world.review(placed, by: World.bob).call == second)
    }

    @Test func `can be withdrawn, and whoever waits there is named`() throws {
        var (world, call, placed) = try Self.world()
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == call)
        #expect(world.status(placed) == .cancelled && world.approvals.pendingCount == 0)
        #expect(world.release(placed, call) == "cancelled" && !Self.isSeen(placed, in: world))
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == nil, "once")
        let (_, next) = try world.place()
        #expect(next.isNew && next.approval != placed.approval)
    }

    @Test func `names the later call that joined when it is withdrawn`() throws {
        var (world, _, placed) = try Self.world()
        let (second, _) = try world.place()
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == second)
        #expect(world.release(placed, second) == "cancelled")
    }

    @Test func `stays without a caller when its call ends, and is then withdrawn or recorded`() throws {
        var (world, call, placed) = try Self.world()
        world.approvals.callEnded(call, at: world.now)
        #expect(world.status(placed) == .pending && world.approvals.places.isEmpty)
        #expect(world.approvals.nextDeadline == world.now + .seconds(600))
        var other = world
        #expect(other.approvals.withdraw(placed.approval, at: other.now) == nil)
        #expect(other.status(placed) == .cancelled)
        world.approvals.recorded(placed.approval)
        #expect(world.approvals.approval(placed.approval, visibleTo: World.bob)?.isAttached == false)
        #expect(try !world.place().placement.isNew)
    }

    @Test func `expires in time, and a late record or failure changes no end`() throws {
        var (world, call, placed) = try Self.world()
        world.pass(.seconds(900))
        #expect(world.approvals.advance(to: world.now).map(\.call) == [call])
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == nil)
        #expect(world.status(placed) == .expired && !Self.isSeen(placed, in: world))
        world.approvals.recorded(placed.approval)
        #expect(world.status(placed) == .expired && Self.isSeen(placed, in: world))
    }

    @Test func `is told from a recorded one, which is not withdrawn`() throws {
        var world = try World()
        let (call, placed) = try world.place()
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == nil)
        #expect(world.status(placed) == .pending)
        #expect(try world.review(placed, by: World.bob).call == call)
    }

    @Test func `need not be there any more`() throws {
        var world = try World(.init(endedMax: 0))
        let (call, placed) = try world.place(isRecorded: false)
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == call)
        world.approvals.recorded(placed.approval)
        #expect(world.approvals.approvals.isEmpty)
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == nil)
    }

    @Test func `is not a restored one: that was recorded`() throws {
        let (before, _, placed) = try Self.world()
        var world = try `After a restart`.restarted(before, placed)
        #expect(Self.isSeen(placed, in: world))
        #expect(world.approvals.withdraw(placed.approval, at: world.now) == nil)
        #expect(world.status(placed) == .pending)
    }
}

struct `What a kept request counts for` {
    static func cost(_ arguments: JSON) throws -> Int {
        var (world, request) = (try World(), try World.request())
        request.arguments = arguments
        let (_, placed) = try world.place(request)
        return world.approvals.approvals[placed.approval]?.requestBytes ?? 0
    }

    static let costs: [(String, Int)] = [
        ("null", 4 + 64), ("\"abc\"", 5 + 64), ("[]", 2 + 64), ("[1]", 3 + 2 * 64), ("[1,1,1]", 7 + 4 * 64),
        ("{}", 2 + 64), (#"{"a":true}"#, 10 + 2 * 64), (#"{"a":[{},2],"b":{"c":""}}"#, 25 + 6 * 64),
    ]

    @Test(arguments: costs)
    func `is its text and 64 bytes for each of its values`(_ text: String, _ bytes: Int) throws {
        let (arguments, none) = (try JSONParser.parse(Array(text.utf8)), try Self.cost(.null) - 4 - 64)
        #expect(try Self.cost(arguments) - none == bytes)
    }

    @Test func `keeps many small values out though their text is small`() throws {
        var (world, request) = (try World(.init(requestBytesMax: 1024 * 1024)), try World.request())
        request.arguments = .array([JSON](repeating: .integer(1), count: 20_000))
        #expect(throws: PlacementError.tooManyBytes) { try world.place(request) }
        request.arguments = .string(Text([UInt8](repeating: 0x61, count: 40_000)))
        #expect(try world.place(request).placement.isNew)
    }

    @Test func `is given back at the end, and not counted twice by a join`() throws {
        var (world, request) = (try World(.init(requestBytesMax: 1024 * 1024)), try World.request())
        request.arguments = .array([JSON](repeating: .integer(1), count: 10_000))
        for round in 0..<3 {
            let (_, placed) = try world.place(request, isRecorded: false)
            #expect(try !world.place(request).placement.isNew)
            #expect(world.approvals.withdraw(placed.approval, at: world.now) != nil, "round \(round)")
        }
    }
}
