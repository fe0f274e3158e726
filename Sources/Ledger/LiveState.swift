internal import Primitives

/// Everything a recovery has to know, kept up record by record: by the journal as it writes, by recovery as
/// it reads.
///
/// Both go through `apply`, so that what is restated and what is recovered cannot differ.
struct LiveState {
    private(set) var claims = LiveClaims()
    private(set) var approvals: [Text: OpenApproval] = [:]
    private var approvalOrder: [Text: UInt64] = [:]
    /// Calls let through, by the number of the record that did.
    private(set) var calls: [Text: UInt64] = [:]
    private(set) var counters: [Text: UInt64] = [:]
    /// Set at a start without proof of continuity; cleared when that run has outlasted the claim window.
    private(set) var unprovenSince: Timestamp?
    /// Of all records seen.
    private var latestTime = Timestamp.distantPast
    let claimWindow: Duration

    init(claimWindow: Duration) { self.claimWindow = claimWindow }

    var orderedApprovals: [OpenApproval] {
        approvals.values.sorted { (approvalOrder[$0.id] ?? 0, $0.id) < (approvalOrder[$1.id] ?? 0, $1.id) }
    }

    var orderedCalls: [Text] { calls.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key) }

    // MARK: Records

    mutating func apply(_ change: LiveChange, of event: Text, sequence: UInt64, time: Timestamp) {
        latestTime = max(latestTime, time)
        if let since = unprovenSince, time - since >= claimWindow { unprovenSince = nil }
        if !change.restates { counters[event, default: 0] += 1 }
        make(change, sequence, time)
    }

    private mutating func make(_ change: LiveChange, _ sequence: UInt64, _ time: Timestamp) {
        switch change {
        case .none: break
        case .decided(let call, let claim):
            if let call { calls[call] = sequence }
            if let claim { add(claim, sequence, time) }
        case .released(let call, let approval):
            calls[call] = sequence
            removeApproval(approval)
        case .concluded(let call): calls[call] = nil
        case .approvalRequested(let id, let members):
            approvals[id] = OpenApproval(id: id, requested: members, time: time)
            approvalOrder[id] = sequence
        case .approvalReviewed(let id, let members):
            approvals[id]?.reviews.append(.init(members: members, time: time))
        case .approvalApproved(let id, let members):
            approvals[id]?.approved = .init(members: members, time: time)
        case .approvalEnded(let id): removeApproval(id)
        case .opened(let opening): reset(to: opening)
        case .restatedCalls(let open): for call in open { calls[call] = sequence }
        case .restatedClaims(let live): for claim in live { add(claim, sequence, time) }
        case .restatedRecord(let inner, let innerTime): make(inner, sequence, innerTime)
        }
    }

    private mutating func add(_ claim: LiveChange.Claim, _ sequence: UInt64, _ time: Timestamp) {
        claims.add(
            issuer: claim.issuer, tokenID: claim.tokenID, expires: claim.expires, recorded: time,
            window: claimWindow, sequence: sequence)
    }

    private mutating func removeApproval(_ id: Text) {
        approvals[id] = nil
        approvalOrder[id] = nil
    }

    private mutating func reset(to opening: Opening) {
        (approvals, approvalOrder, calls) = ([:], [:], [:])
        counters = opening.counters
        unprovenSince = opening.unprovenSince
        if opening.restatesClaims { claims.removeAll() }
        if let horizon = opening.horizonSeconds { claims.raiseHorizon(to: horizon) }
    }

    // MARK: Time and limits

    mutating func letGo(at now: Timestamp) { claims.letGo(at: now) }

    /// Throws when what these records add might not fit.
    ///
    /// What only ends something always has room.
    mutating func makeRoom(for entries: [Entry], within settings: JournalSettings, at now: Timestamp)
        throws(LedgerError)
    {
        let decisions = entries.count { $0.event == "decision" }
        let moreCalls = decisions + entries.count { $0.event == "release" }
        let moreApprovals = entries.count { $0.event == "approval.requested" }
        claims.letGoSometimes(at: now)
        if claims.count + decisions > settings.claimsMax { claims.letGoWhenFull(at: now) }
        guard decisions == 0 || claims.count + decisions <= settings.claimsMax else { throw .full(.claims) }
        guard moreApprovals == 0 || approvals.count + moreApprovals <= settings.approvalsMax else {
            throw .full(.approvals)
        }
        guard moreCalls == 0 || calls.count + moreCalls <= settings.callsMax else { throw .full(.calls) }
    }

    /// A start without proof.
    ///
    /// It counts from the latest time that the ledger knows, so that a clock set back does not lower the fence
    /// behind what it kept out before.
    mutating func losesContinuity(at now: Timestamp) {
        unprovenSince = max(now, latestTime, unprovenSince ?? now)
    }

    /// Takes open approvals out: all of them, or those that may have been consumed.
    ///
    /// Reviews alone may have been enough: what they decided is written after them.
    mutating func voidApprovals(onlyReviewed: Bool) -> [OpenApproval] {
        let void = orderedApprovals.filter { !onlyReviewed || $0.approved != nil || !$0.reviews.isEmpty }
        for approval in void { removeApproval(approval.id) }
        return void
    }

    mutating func claimsAreRestated(from sequence: UInt64) { claims.rebase(to: sequence) }
}
