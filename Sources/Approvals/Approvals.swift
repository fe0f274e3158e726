public import Primitives

/// All open approvals and the last ended ones: place, join, detach, expire.
///
/// Reviews and releases are in `ApprovalReviews` and `ApprovalRelease`, the machine of one approval in
/// `Approval`.
///
/// One value behind one lock; no clock, no randomness, no I/O. What must be durable first has two phases, `begin…` and
/// `finish…`, with the ledger between them. A call joins by its digest, which binds the agent too; an approval has one
/// place, and a call waits at one. While a release is being written an equal call starts a new approval, which then is
/// the one to be joined, whatever becomes of that release.
public struct Approvals: Sendable {
    public struct Limits: Sendable {
        /// Bytes of a review's reason.
        public static let reasonBytesMax = 2000
        /// Reviews of one approval, those under former rules included.
        public static let reviewsMax = 100
        /// Approvals in one page of a list.
        public static let listMax = 100
        /// Bytes of memory that a parsed JSON value counts for beside its text.
        ///
        /// A value is an array item, a member's value or the whole. `[1,1,…]` is small as text and large as a tree.
        public static let valueBytes = 64

        /// Open approvals: pending, or approved and not used yet.
        public var pendingMax: Int
        public var pendingPerAgentMax: Int
        /// Bytes that the requests of all open approvals may take together.
        ///
        /// A request counts for its canonical form and `valueBytes` for every JSON value in it.
        public var requestBytesMax: Int
        /// Ended approvals that can still be looked at; the oldest is forgotten first.
        public var endedMax: Int

        public init(
            pendingMax: Int = 1000, pendingPerAgentMax: Int = 100, requestBytesMax: Int = 256 * 1024 * 1024,
            endedMax: Int = 1000
        ) {
            (self.pendingMax, self.pendingPerAgentMax) = (pendingMax, pendingPerAgentMax)
            (self.requestBytesMax, self.endedMax) = (requestBytesMax, endedMax)
        }
    }

    let limits: Limits
    let abandonAfter, approvedFor: Duration
    let persons: Persons

    private(set) var approvals: [CallID: Approval] = [:]
    /// The open approval of a digest that a further call would join.
    private(set) var open: [Text: CallID] = [:]
    /// Where a call waits.
    private(set) var places: [CallID: CallID] = [:]
    private var openPerAgent: [SPIFFEID: Int] = [:]
    private var openCount = 0
    private var requestBytes = 0
    private var ended: [CallID] = []
    private var deadlines = Deadlines()
    private var serial: UInt64 = 0

    /// Approvals on which people still have to decide.
    public private(set) var pendingCount = 0

    /// - Parameters:
    ///   - abandonAfter: how long a pending approval waits for its caller to come back.
    ///   - approvedFor: how long an approval that was given can be used.
    public init(persons: Persons, limits: Limits = Limits(), abandonAfter: Duration, approvedFor: Duration) {
        (self.persons, self.limits) = (persons, limits)
        (self.abandonAfter, self.approvedFor) = (abandonAfter, approvedFor)
    }

    /// Not later than the next moment at which `advance` has something to do.
    public var nextDeadline: Timestamp? { deadlines.first?.moment }

    /// Puts a call in the place of the open approval with its digest, or of a new one.
    ///
    /// - Parameters:
    ///   - requirements: of every `Hold` that matches now; they take the place of an older approval's.
    ///   - newID: the approval's, should it be new; then `recorded` or `withdraw` follows.
    public mutating func place(
        _ request: HeldRequest, requirements: [Requirement], call: CallID, newID: CallID, at now: Timestamp
    ) throws(PlacementError) -> Placement {
        precondition(places[call] == nil, "a call waits at one place")
        precondition(approvals[newID] == nil, "a new approval has a new id")
        try check(request, requirements)
        let (digest, bytes) = try Self.measure(request)
        if let joined = try join(digest, request, bytes, requirements, call, at: now) { return joined }
        try reserve(for: request.agent, bytes)
        let approval = Approval(
            newID, about: ApprovalSubject(request, digest: digest), requirements: requirements,
            request: request,
            requestBytes: bytes, state: .pending(.held(call)), createdAt: now)
        open[digest] = newID
        store(approval)
        return Placement(approval, isNew: true, superseded: nil)
    }

    /// The call ended by itself.
    ///
    /// Its approval stays, without a caller.
    public mutating func callEnded(_ call: CallID, at now: Timestamp) {
        guard let id = places[call], var approval = approvals[id] else { return }
        approval.detach(until: now + abandonAfter)
        store(approval)
    }

    /// Ends what is due, earliest first.
    public mutating func advance(to now: Timestamp) -> [Expiry] {
        var expiries: [Expiry] = []
        while let first = deadlines.first {
            var isDue: Approval?
            if let approval = approvals[first.id], approval.deadline == first.moment {
                guard first.moment <= now else { break }
                isDue = approval
            }
            deadlines.removeFirst()
            guard var approval = isDue else { continue }
            expiries.append(Expiry(approval))
            approval.end(.expired, at: now)
            store(approval)
        }
        return expiries
    }
}

// MARK: Placing

extension Approvals {
    private func check(_ request: HeldRequest, _ requirements: [Requirement]) throws(PlacementError) {
        guard !requirements.isEmpty else { throw .noRequirement }
        let isKnown =
            persons.bySubject(request.subject) != nil
            || persons.byOIDC(issuer: request.issuer, subject: request.subject) != nil
        guard isKnown || requirements.allSatisfy(\.subjectIsWorkload) else {
            throw .subjectUnknown(request.subject)
        }
        let eligible = persons.count - persons.behind(request).count
        for requirement in requirements {
            let isPossible =
                !requirement.groups.isEmpty && requirement.required >= 1 && requirement.required <= eligible
            guard isPossible else { throw .impossible(rule: requirement.rule) }
        }
    }

    private static func measure(_ request: HeldRequest) throws(PlacementError) -> (digest: Text, bytes: Int) {
        let canonical = request.canonical
        guard canonical.isUTF8 else { throw .notUTF8 }
        do throws(CanonicalJSONError) {
            let bytes = try canonical.canonical()
            return (
                HeldRequest.digest(of: bytes), bytes.count + canonical.valueCount * Limits.valueBytes
            )
        } catch { throw .notCanonical(error) }
    }

    /// Nil when there is nothing to join: the agent asks anew.
    private mutating func join(
        _ digest: Text, _ request: HeldRequest, _ bytes: Int, _ requirements: [Requirement], _ call: CallID,
        at now: Timestamp
    ) throws(PlacementError) -> Placement? {
        guard let id = open[digest], var approval = approvals[id], !approval.isDue(at: now) else {
            return nil
        }
        // A release that is being written will use this approval up: another execution needs another approval.
        if case .releasing = approval.state { return nil }
        guard requestBytes - approval.requestBytes + bytes <= limits.requestBytesMax else {
            throw .tooManyBytes
        }
        let superseded = approval.place?.call
        approval.attach(call, bringing: request, bytes: bytes, under: requirements, persons)
        guard !approval.isDue(at: now) else { return nil }
        _ = approval.settle(persons, approvedFor: approvedFor, at: now)
        store(approval)
        return Placement(approval, isNew: false, superseded: superseded)
    }

    private func reserve(for agent: SPIFFEID, _ bytes: Int) throws(PlacementError) {
        guard openCount < limits.pendingMax else { throw .tooMany }
        guard openPerAgent[agent, default: 0] < limits.pendingPerAgentMax else { throw .tooManyOfAgent }
        guard requestBytes + bytes <= limits.requestBytesMax else { throw .tooManyBytes }
    }
}

// MARK: The table

extension Approvals {
    mutating func nextSerial() -> UInt64 {
        serial += 1
        return serial
    }

    /// The one way in which an approval changes: every index and counter follows from the old and the new value.
    mutating func store(_ new: Approval) {
        let old = approvals.updateValue(new, forKey: new.id)
        let (wasOpen, isOpen) = (old?.status.isTerminal == false, !new.status.isTerminal)
        pendingCount += (new.status == .pending ? 1 : 0) - (old?.status == .pending ? 1 : 0)
        requestBytes += new.requestBytes - (old?.requestBytes ?? 0)
        if wasOpen != isOpen { count(new.about.agent, by: isOpen ? 1 : -1) }
        if !isOpen, old?.status.isTerminal != true { retire(new) }
        if let call = old?.place?.call { places[call] = nil }
        if let call = new.place?.call { places[call] = new.id }
        if let deadline = new.deadline, deadline != old?.deadline { deadlines.insert(new.id, at: deadline) }
        if deadlines.count > 2 * openCount + Self.staleDeadlinesMax { rebuildDeadlines() }
    }

    /// A restored approval is joined by its digest, like one that was placed.
    mutating func storeRestored(_ approval: Approval) {
        if !approval.status.isTerminal { open[approval.about.digest] = approval.id }
        store(approval)
    }

    private mutating func count(_ agent: SPIFFEID, by change: Int) {
        openCount += change
        let left = openPerAgent[agent, default: 0] + change
        openPerAgent[agent] = left == 0 ? nil : left
    }

    private mutating func retire(_ approval: Approval) {
        if open[approval.about.digest] == approval.id { open[approval.about.digest] = nil }
        ended.append(approval.id)
        // One with a review under way is kept: `finishReview` comes back to it.
        while ended.count > limits.endedMax, let oldest = ended.first,
            approvals[oldest]?.inFlight.isEmpty != false
        {
            approvals[oldest] = nil
            ended.removeFirst()
        }
    }

    /// Deadlines that no longer hold, before the heap is built anew.
    private static let staleDeadlinesMax = 64

    private mutating func rebuildDeadlines() {
        deadlines = Deadlines()
        for approval in approvals.values {
            if let deadline = approval.deadline { deadlines.insert(approval.id, at: deadline) }
        }
    }
}
