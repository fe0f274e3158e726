public import Primitives

/// One question to people and how far it has come.
///
/// Calls come and go; the approval is what stays (contract §5).
///
///     pending ───── enough reviews ─────▶ approved ── beginRelease ──▶ releasing ── durable ──▶ consumed
///        ▲ │                                │ │ ▲                          │
///        │ ├─ a durable deny ─▶ denied      │ │ └────── not durable ───────┘
///        │ ├─ administrator ──▶ cancelled   │ │
///        │ └─ due ────────────▶ expired ◀───┘ │
///        └────── rules changed, unmet ────────┘
///
/// Denied, expired, cancelled and consumed are ends: nothing leaves them, nothing that was bound to them is released.
/// Pending, approved and releasing have one *place*: the call that waits there, or nobody. Pending ends at the shortest
/// `expiresAfter`, or when nobody has come back to an empty place; approved ends `approvedFor` after the last review.
/// Past its deadline an approval counts as expired even before `Approvals.advance` says so.
///
/// Until its `approval.requested` is durable an approval is *unrecorded*: calls may come and go, but no person sees it,
/// reviews it or cancels it, and nothing is released by it. If the record fails, `Approvals.withdraw` ends it.
struct Approval: Sendable {
    enum Place: Sendable, Equatable {
        case held(CallID)
        case detached(until: Timestamp)

        var call: CallID? { if case .held(let call) = self { call } else { nil } }
    }

    enum State: Sendable {
        case pending(Place)
        case approved(Place, until: Timestamp)
        /// The release record is being written.
        case releasing(Place, until: Timestamp)
        case denied, expired, cancelled, consumed
    }

    /// A review on its way to the ledger.
    struct InFlight: Sendable {
        let serial: UInt64
        let review: Review
    }

    let id: CallID
    let about: ApprovalSubject
    let createdAt: Timestamp
    var state: State
    /// The ledger has its `approval.requested`.
    var isRecorded = false
    var requirements: [Requirement]
    /// Nil at an end, and after a restart until a call brings it again.
    var request: HeldRequest?
    /// What the request counts for in `Limits.requestBytesMax`.
    var requestBytes = 0
    /// Durable ones, in the order in which they became so.
    var reviews: [Review] = []
    var inFlight: [InFlight] = []
    var decidedAt: Timestamp?

    init(
        _ id: CallID, about: ApprovalSubject, requirements: [Requirement], request: HeldRequest?,
        requestBytes: Int,
        state: State, createdAt: Timestamp
    ) {
        (self.id, self.about, self.createdAt, self.state) = (id, about, createdAt, state)
        (self.requirements, self.request, self.requestBytes) = (requirements, request, requestBytes)
    }
}

/// What an approval is about, kept to its end and beyond; the arguments are not (contract §5).
public struct ApprovalSubject: Sendable, Hashable {
    public let agent: SPIFFEID
    public let subject, kind, host, action, resource: Text
    /// Binds the approval.
    public let digest: Text

    public init(
        agent: SPIFFEID, subject: Text, kind: Text, host: Text, action: Text, resource: Text, digest: Text
    ) {
        (self.agent, self.subject, self.kind, self.host) = (agent, subject, kind, host)
        (self.action, self.resource, self.digest) = (action, resource, digest)
    }

    init(_ request: HeldRequest, digest: Text) {
        self.init(
            agent: request.agent, subject: request.subject, kind: request.kind, host: request.host,
            action: request.action, resource: request.resource, digest: digest)
    }
}

public enum ApprovalStatus: String, Sendable, Hashable, CaseIterable {
    case pending, approved, denied, expired, cancelled, consumed

    /// The exact words of the API; nil for anything else.
    public init?(_ text: Text) {
        guard let status = Self.allCases.first(where: { Text($0.rawValue) == text }) else { return nil }
        self = status
    }

    /// Nothing can happen any more.
    public var isTerminal: Bool {
        switch self {
        case .pending, .approved: false
        case .denied, .expired, .cancelled, .consumed: true
        }
    }
}

// MARK: What can be asked

extension Approval {
    var status: ApprovalStatus {
        switch state {
        case .pending: .pending
        case .approved, .releasing: .approved
        case .denied: .denied
        case .expired: .expired
        case .cancelled: .cancelled
        case .consumed: .consumed
        }
    }

    var place: Place? {
        switch state {
        case .pending(let place), .approved(let place, _), .releasing(let place, _): place
        case .denied, .expired, .cancelled, .consumed: nil
        }
    }

    /// When people have to have decided: the shortest `expiresAfter` holds.
    var reviewDeadline: Timestamp { createdAt + (requirements.map(\.expiresAfter).min() ?? .zero) }

    /// When the present state ends by itself.
    var deadline: Timestamp? {
        switch state {
        case .pending(.held): reviewDeadline
        case .pending(.detached(let until)): min(reviewDeadline, until)
        case .approved(_, let until): until
        case .releasing, .denied, .expired, .cancelled, .consumed: nil
        }
    }

    func isDue(at now: Timestamp) -> Bool { deadline.map { $0 <= now } ?? false }

    /// The status, with what is past its deadline called expired.
    func status(at now: Timestamp) -> ApprovalStatus { isDue(at: now) ? .expired : status }

    func isVisible(to reviewer: Reviewer) -> Bool {
        isRecorded && requirements.contains { $0.admits(reviewer.groups) }
    }

    /// Whether these reviews satisfy every requirement.
    ///
    /// One deny is final; and without the request nobody knows whom to exclude, so: no.
    func isMet(by reviews: [Review], _ requirements: [Requirement], among persons: Persons) -> Bool {
        guard let request, reviews.allSatisfy({ $0.decision == .approve }) else { return false }
        let known = reviews.filter { persons.contains($0.person) }
        let excluded = persons.behind(request)
        return requirements.allSatisfy { $0.isMet(by: known, excluding: excluded) }
    }
}

// MARK: What can happen

extension Approval {
    /// A call with the same digest takes the place.
    ///
    /// What it must meet is what the rules say now.
    mutating func attach(
        _ call: CallID, bringing request: HeldRequest, bytes: Int, under requirements: [Requirement],
        _ persons: Persons
    ) {
        (self.request, requestBytes, self.requirements) = (request, bytes, requirements)
        switch state {
        case .pending: state = .pending(.held(call))
        case .approved(_, let until):
            let isMet = isMet(by: reviews, requirements, among: persons)
            state = isMet ? .approved(.held(call), until: until) : .pending(.held(call))
        case .releasing, .denied, .expired, .cancelled, .consumed:
            preconditionFailure("only a pending or approved approval is joined")
        }
    }

    /// The waiting call is no more.
    mutating func detach(until: Timestamp) {
        switch state {
        case .pending: state = .pending(.detached(until: until))
        case .approved(_, let end): state = .approved(.detached(until: until), until: end)
        case .releasing(_, let end): state = .releasing(.detached(until: until), until: end)
        case .denied, .expired, .cancelled, .consumed: break
        }
    }

    /// Draws the conclusion from durable reviews, if there is one.
    ///
    /// A deny that is still being written stands in the way of an approval, so that a durable deny is never
    /// overtaken.
    mutating func settle(_ persons: Persons, approvedFor: Duration, at now: Timestamp) -> ApprovalStatus? {
        guard case .pending(let place) = state, !isDue(at: now) else { return nil }
        if reviews.contains(where: { $0.decision == .deny }) {
            end(.denied, at: now)
            return .denied
        }
        guard !inFlight.contains(where: { $0.review.decision == .deny }),
            isMet(by: reviews, requirements, among: persons), !requirements.isEmpty
        else { return nil }
        state = .approved(place, until: now + approvedFor)
        decidedAt = now
        return .approved
    }

    /// Reaches an end.
    ///
    /// The arguments are let go.
    mutating func end(_ end: State, at now: Timestamp) {
        state = end
        decidedAt = now
        request = nil
        requestBytes = 0
    }
}
