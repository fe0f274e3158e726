import Approvals
import Enforcement
import HTTP
import Identity
import Ledger
import Primitives
import TestKit

/// What was found to be wrong.
public struct Violation: Sendable {
    /// Of the architecture's invariants; 0: the world did not come to rest, or what was found wrong is none of them.
    public let invariant: Int
    public let what: String
}

/// Sees what the outside sees (requests and answers, what the tool receives, what people are shown, the disk, the
/// clock) and holds it against the invariants.
///
/// **What is relaxed.** A disk that lies about syncs, or that was only flushed to (`flush`), may lose records that
/// were acknowledged when the power fails. Then, and only then: such a record may be missing afterwards (4), and
/// the ledger may no longer contain an earlier head (6), which is how a kept checkpoint finds it. A ledger that lost
/// something in its middle refuses to start, and the world ends there, or does not verify any more. Everything else holds as always: a token
/// reaches the tool once (1), because such a start believes no earlier token; and every granting lets one call go
/// (3), because such a start voids what was approved; people may be asked again about what was lost. "Durable" (2) means: in the image that the disk promised to
/// keep, for `flush` in the page cache. Time limits of (3) are checked in worlds whose wall clock is not stepped.
final class Observer {
    struct Seen {
        let approval: CallID
        let person: Int
        let decision: ReviewDecision
        let digest: Text
        let at: Timestamp
        var status: Int?
    }

    unowned let world: World
    private(set) var violation: Violation?
    /// Attempts that left for the tool, by token.
    private var forwarded: [Text: Int] = [:]
    private var calls: [Text: Int] = [:]
    private(set) var forwardedCalls: Set<Text> = []
    /// Calls whose decision somebody was told of, or acted on.
    var promisedCalls: Set<Text> = []
    /// When an approval let a call go.
    private var releasedAt: [Text: Timestamp] = [:]
    private(set) var seen: [Seen] = []
    /// What people were shown, by digest.
    private var shown: [Text: JSON] = [:]
    var image: LedgerImage?
    var checkpoint: TreeHead?

    init(_ world: World) { self.world = world }

    func fail(_ invariant: Int, _ what: String) {
        guard violation == nil else { return }
        violation = Violation(invariant: invariant, what: what)
        world.tell("observer", "invariant \(invariant): \(what)")
    }

    // MARK: What is seen

    /// A call was given a name, which its answer shows.
    func names(_ call: Text, _ attempt: Int) { calls[call] = attempt }

    /// The first bytes of a request leave the proxy for the tool.
    func leaves(_ bytes: [UInt8], for session: ToolSession) {
        guard session.attempt == nil else { return }
        guard let head = PlainMessage(bytes),
            let number = head.value(Attempt.tag).flatMap({ Int($0.string) }),
            let attempt = world.attempts[number], let call = head.value("sallyport-request-id")
        else { return fail(8, "the tool receives what nobody sent") }
        session.attempt = number
        world.tell("wire", "attempt \(number) leaves for the tool")
        countToken(of: attempt)
        let records = records(of: call)
        requireDecision(records, of: attempt, call)
        if attempt.intent.approvalsNeeded > 0 { requireApproval(records, of: attempt, call) }
        requireService(attempt)
        forwardedCalls.insert(call)
        promisedCalls.insert(call)
    }

    /// A denial that comes after the token was redeemed rests on a durable decision.
    func answers(_ id: CallID, _ slug: String) {
        let needsRecord: Set<Text> = [
            "policy-denied", "approval-denied", "approval-expired", "approval-pending", "superseded",
            "overloaded", "upstream-unreachable", "upstream-outcome-unknown", "upstream-timeout",
            "upstream-protocol-error",
        ]
        guard needsRecord.contains(Text(slug)) else { return }
        guard records(of: id.text).contains(where: { $0["event"]?.string == "decision" }) else {
            return fail(4, "`\(slug)` is answered before its decision is durable")
        }
        promisedCalls.insert(id.text)
    }

    func toolReceived(_ message: PlainMessage) {
        guard
            let attempt = message.value(Attempt.tag).flatMap({ Int($0.string) }).flatMap({
                world.attempts[$0]
            })
        else { return fail(8, "the tool received what nobody sent") }
        let line = "\(attempt.method) \(attempt.target) HTTP/1.1"
        if Text(message.firstLine) != Text(line) {
            fail(8, "attempt \(attempt.number) arrived as `\(message.firstLine)`")
        }
        if message.body != attempt.body { fail(8, "the body of attempt \(attempt.number) was changed") }
        if message.value("host") != Cast.toolHost { fail(8, "the tool was called by another name") }
        for secret: Text in ["authorization", "sallyport-capability", "dpop"]
        where message.value(secret) != nil {
            fail(8, "the tool received `\(secret)`")
        }
    }

    func answered(_ attempt: Attempt) {
        if attempt.statuses.count > 1 { fail(4, "attempt \(attempt.number) was answered twice") }
    }

    // MARK: People

    /// Somebody looks at it.
    func shows(_ view: ApprovalView) {
        guard let request = view.request else { return }
        if let other = shown.updateValue(request, forKey: view.about.digest), other != request {
            fail(3, "one digest stands for two requests")
        }
    }

    /// A review reaches the proxy; returns its number.
    func reviews(_ id: CallID, _ person: Int, _ decision: ReviewDecision, _ digest: Text) -> Int {
        seen.append(
            Seen(approval: id, person: person, decision: decision, digest: digest, at: world.scheduler.now))
        return seen.count - 1
    }

    func reviewed(_ number: Int, _ status: Int) { seen[number].status = status }

    // MARK: Invariants 1 to 5, at the moment a call leaves

    private func countToken(of attempt: Attempt) {
        guard let token = attempt.tokenID else { return fail(1, "attempt \(attempt.number) had no token") }
        if let earlier = forwarded.updateValue(attempt.number, forKey: token) {
            fail(1, "the token of attempt \(attempt.number) admitted attempt \(earlier) before")
        }
    }

    private func requireDecision(_ records: [JSON], of attempt: Attempt, _ call: Text) {
        let wanted: Text = attempt.intent.approvalsNeeded > 0 ? "hold" : "allow"
        let isDecided = records.contains {
            $0["event"]?.string == "decision" && $0["decision"]?.string == wanted
                && $0["claim"]?["jti"]?.string == attempt.tokenID
        }
        if !isDecided { fail(2, "attempt \(attempt.number) leaves before its decision is durable") }
    }

    private func requireApproval(_ records: [JSON], of attempt: Attempt, _ call: Text) {
        guard let release = records.first(where: { $0["event"]?.string == "release" }),
            let approval = release["approval"]?.string
        else { return fail(3, "attempt \(attempt.number) leaves before its release is durable") }
        let earlier = releasedAt.updateValue(world.scheduler.now, forKey: approval)
        if earlier != nil, !mayAskTwice {
            fail(3, "an approval lets attempt \(attempt.number) go, and let another before")
        }
        // One that was answered 503 may have reached the ledger all the same: it counts that nobody was told of it.
        let reviews = seen.filter {
            $0.approval.text == approval && [nil, 201, 503].contains($0.status)
                && $0.at > earlier ?? .distantPast
        }
        if reviews.contains(where: { $0.decision == .deny && $0.status == 201 }) {
            fail(3, "attempt \(attempt.number) was denied")
        }
        let counted = reviews.filter { isAbout($0, attempt) && mayReview($0.person, attempt) }
        let persons = Set(counted.map(\.person))
        let stewards = persons.filter { Cast.people[$0].groups.contains("stewards") }
        guard persons.count >= attempt.intent.approvalsNeeded, !stewards.isEmpty else {
            return fail(3, "attempt \(attempt.number) leaves with \(persons.count) approvals")
        }
        requireTime(counted, attempt)
    }

    /// A disk that lied has forgotten the reviews and the release: people are asked again, and this is another granting.
    private var mayAskTwice: Bool { diskLied }

    /// The disk may have lost what it said was durable.
    var diskLied: Bool { world.plan.lyingSyncs > 0 && world.summary.powerLosses > 0 }

    /// The person saw exactly this request.
    private func isAbout(_ review: Seen, _ attempt: Attempt) -> Bool {
        guard review.decision == .approve, let shown = shown[review.digest],
            let body = try? JSONParser.parse(attempt.body)
        else { return false }
        return shown["arguments"] == body && shown["resource"]?.string == attempt.target
            && shown["action"]?.string == attempt.method
            && shown["agent"]?.string == Cast.agents[attempt.agent].id.text
    }

    private func mayReview(_ person: Int, _ attempt: Attempt) -> Bool {
        let behind = Cast.people[person].standsBehind
        guard behind != "alice@example.org", behind != Cast.agents[attempt.agent].id.text else {
            return false
        }
        let groups = Cast.people[person].groups
        return groups.contains("stewards")
            || (attempt.intent.approvalsNeeded > 1 && groups.contains("finance"))
    }

    private func requireTime(_ reviews: [Seen], _ attempt: Attempt) {
        guard world.plan.wallSteps == 0, let last = reviews.map(\.at).max() else { return }
        let slack = Permit.lifetime + .seconds(3)
        if world.scheduler.now > last + Cast.approvedFor + slack {
            fail(3, "attempt \(attempt.number) leaves long after its approval")
        }
        let first = reviews.map(\.at).min() ?? last
        if last - first > Cast.expiresAfterMax {
            fail(3, "the reviews of attempt \(attempt.number) are too far apart")
        }
    }

    private func requireService(_ attempt: Attempt) {
        if let since = world.outageSince, attempt.sentAt > since {
            fail(5, "attempt \(attempt.number) leaves although nothing can be written")
        }
        if world.mustRefuseByClock(attempt) {
            fail(5, "attempt \(attempt.number) leaves although the wall clock was stepped")
        }
    }

    // MARK: The disk

    /// The records that name a call, in what the disk has promised to keep.
    private func records(of call: Text) -> [JSON] {
        let needle = Array("\"call\":\"\(call)\"".utf8)
        var found: [JSON] = []
        for name in world.disk.names.reversed() {
            let bytes = world.promisedContent(name)
            for line in Self.lines(of: bytes, with: needle) {
                if let json = try? JSONParser.parse(line, limits: .init(depthMax: 128)) { found.append(json) }
            }
        }
        return found
    }

    private static func lines(of bytes: [UInt8], with needle: [UInt8]) -> [[UInt8]] {
        let span = bytes.span
        var found: [[UInt8]] = []
        var start = 0
        var index = 0
        var isHit = false
        while index < span.count {
            let byte = span[index]
            if byte == 0x0A {
                if isHit { found.append(Array(bytes[start..<index])) }
                (start, isHit) = (index + 1, false)
            } else if byte == 0 {
                break
            } else if !isHit, byte == needle[0], index + needle.count <= span.count,
                span[index + 1] == needle[1],
                span[index + 2] == needle[2]
            {
                isHit = bytes[index..<(index + needle.count)].elementsEqual(needle)
            }
            index += 1
        }
        return found
    }
}
