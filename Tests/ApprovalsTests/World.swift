import Documents
import Primitives

@testable import Approvals

/// A repeatable source of numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Approvals with a clock, ids and a cast: alice, bob and carol are stewards, dave is in finance, erin in both; alice
/// stands behind the subject of the usual request, grace behind one agent, and nobody else behind anything.
struct World {
    static let start = Timestamp(seconds: 1_795_168_800)
    static let salesBot = "spiffe://example.org/agent/sales-bot"

    var approvals: Approvals
    var now = World.start
    private var random = SeededGenerator(seed: 7)

    init(_ limits: Approvals.Limits = .init(), abandonAfter: Duration = .seconds(600)) throws {
        approvals = Approvals(
            persons: try World.persons(), limits: limits, abandonAfter: abandonAfter,
            approvedFor: .seconds(300))
    }

    static func persons(_ text: String = World.cast) throws(DocumentError) -> Persons {
        try Persons(document: try YAMLReader.read(Array(text.utf8), file: "persons.yaml"))
    }

    static let cast = """
        {"apiVersion": "sallyport.dev/v1", "kind": "Persons", "persons": [
          {"name": "alice", "groups": ["stewards"], "subjects": ["alice@example.org"],
           "oidc": [{"issuer": "https://login.example.org", "subject": "alice-1"}]},
          {"name": "bob", "groups": ["stewards"],
           "oidc": [{"issuer": "https://login.example.org", "subject": "bob-1"},
                    {"issuer": "https://broker.example.org", "subject": "bob-at-broker"}],
           "certificates": ["00000000000000000000000000000000000000000000000000000000000000b0"]},
          {"name": "carol", "groups": ["stewards"]},
          {"name": "dave", "groups": ["finance"]},
          {"name": "erin", "groups": ["stewards", "finance"]},
          {"name": "grace", "groups": ["stewards"], "subjects": ["spiffe://example.org/agent/of-grace"]},
          {"name": "mallory", "groups": ["others"]}
        ]}
        """

    static let alice = Reviewer(person: "alice", groups: ["stewards"], credential: "oidc:x#alice-1")
    static let bob = Reviewer(person: "bob", groups: ["stewards"], credential: "oidc:x#bob-1")
    static let carol = Reviewer(person: "carol", groups: ["stewards"], credential: "oidc:x#carol-1")
    static let dave = Reviewer(person: "dave", groups: ["finance"], credential: "oidc:x#dave-1")
    static let erin = Reviewer(person: "erin", groups: ["stewards", "finance"], credential: "oidc:x#erin-1")
    static let grace = Reviewer(person: "grace", groups: ["stewards"], credential: "oidc:x#grace-1")
    static let mallory = Reviewer(person: "mallory", groups: ["others"], credential: "oidc:x#mallory-1")

    static func request(
        limit: Int64 = 5000, agent: String = World.salesBot, subject: Text = "alice@example.org",
        actors: [Text] = []
    ) throws -> HeldRequest {
        HeldRequest(
            agent: try SPIFFEID(Text(agent)), issuer: "https://broker.example.org", subject: subject,
            actors: actors,
            audience: "spiffe://example.org/tool/orders-db", kind: "mcp", host: "orders-db.tools.svc",
            action: "tools/call", resource: "query_orders", arguments: .object(["limit": .integer(limit)]))
    }

    static func rule(
        _ name: Text = "large-reads", version: UInt8 = 1, groups: [Text] = ["stewards"], required: Int = 1,
        expiresAfter: Duration = .seconds(900), workload: Bool = false
    ) -> Requirement {
        let seed = name.bytes + [version]
        let digest = Digest((0..<32).map { seed[$0 % seed.count] &+ UInt8($0) })
        return Requirement(
            rule: name, ruleDigest: digest ?? .zero, groups: groups, required: required,
            expiresAfter: expiresAfter,
            subjectIsWorkload: workload, message: "Large reads need a steward.")
    }

    mutating func id() -> CallID { CallID(at: now, random: &random) }

    mutating func pass(_ span: Duration) { now = now + span }

    /// Places a call that is new, and records the approval if that is new too.
    mutating func place(
        _ request: HeldRequest? = nil, _ requirements: [Requirement] = [World.rule()], isRecorded: Bool = true
    ) throws -> (call: CallID, placement: Placement) {
        let call = id()
        let placement = try approvals.place(
            try request ?? World.request(), requirements: requirements, call: call, newID: id(), at: now)
        if placement.isNew, isRecorded { approvals.recorded(placement.approval) }
        return (call, placement)
    }

    /// Both phases of a review of what `placement` is about.
    @discardableResult
    mutating func review(
        _ placement: Placement, by reviewer: Reviewer, _ decision: ReviewDecision = .approve,
        isDurable: Bool = true
    ) throws(ReviewError) -> ReviewOutcome {
        let pending = try begin(placement, by: reviewer, decision)
        return approvals.finishReview(pending, isDurable: isDurable, at: now)
    }

    mutating func begin(
        _ placement: Placement, by reviewer: Reviewer, _ decision: ReviewDecision = .approve
    ) throws(ReviewError) -> PendingReview {
        try approvals.beginReview(
            of: placement.approval, by: reviewer, decision: decision, reason: decision == .deny ? "no" : nil,
            digest: placement.digest, at: now)
    }

    /// Both phases of a release; how it went.
    mutating func release(
        _ placement: Placement, _ call: CallID, _ requirements: [Requirement] = [World.rule()],
        isDurable: Bool = true
    ) -> String {
        let verdict = approvals.beginRelease(
            of: placement.approval, call: call, requirements: requirements, at: now)
        switch consume verdict {
        case .release(let pending):
            approvals.finishRelease(pending, isDurable: isDurable, at: now)
            return isDurable ? "released" : "not durable"
        case .pendingAgain: return "pending again"
        case .gone(let reason): return reason.rawValue
        }
    }

    func status(_ placement: Placement) -> ApprovalStatus? { approvals.approvals[placement.approval]?.status }
}
