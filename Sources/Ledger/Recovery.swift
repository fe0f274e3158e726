internal import Crypto
internal import Primitives

/// Reads a ledger back: the last segment, and as many before it as its opening says hold live claims.
///
/// A last segment whose opening is not whole was never acknowledged; it is emptied. The incomplete end of the
/// last segment is cut (`TornTail` decides what is one); the records that are kept from its last batch are
/// written once more and synced, because a process that was killed after a failed sync leaves them in the
/// page cache only. Anything else that does not fit the chain is refused, by name and line, before a byte is
/// changed.
struct Recovery {
    private(set) var head = ChainHead.start
    private(set) var live: LiveState
    /// Names of files that hold nothing.
    private(set) var reusable: Set<Text> = []
    private var cuts: [Cut] = []
    private var lastEvent: Text = ""
    private var continuity = Continuity.proven
    private var voidApprovals: [OpenApproval] = []
    private var watch: CheckpointWatch
    private let settings: JournalSettings

    private init(_ settings: JournalSettings, _ checkpoint: TreeHead?) {
        self.settings = settings
        watch = CheckpointWatch(checkpoint.map { [$0] } ?? [])
        live = LiveState(claimWindow: settings.claimWindow)
    }

    static func run<Storage: LedgerStorage & ~Copyable>(
        in storage: inout Storage, settings: JournalSettings, containing checkpoint: TreeHead?,
        at now: Timestamp
    ) throws(LedgerError) -> Recovery {
        var recovery = Recovery(settings, checkpoint)
        let found = try FoundLedger.look(in: &storage)
        recovery.reusable = Set(found.empty + found.torn.map(\.name))
        let range = found.opening.map { found.segments(from: $0.opening.claimsFrom) } ?? []
        let isFlushLost = found.opening.map { recovery.isFlushLost($0) } ?? false
        let end = try recovery.replay(range, in: storage, isFlushLost: isFlushLost)
        try recovery.compareWithCheckpoint()
        // Up to here nothing was changed.
        try found.emptyTorn(in: &storage, cuts: &recovery.cuts)
        if let last = range.last { try end.mend(last, in: &storage) }
        recovery.live.letGo(at: now)
        recovery.settleContinuity(found.opening, found.firstSequence, at: now)
        return recovery
    }

    var state: RecoveredState {
        var claims: [(issuer: Text, tokenID: Text, expires: Timestamp)] = []
        live.claims.forEach { claims.append(($0, $1, Timestamp(seconds: $2))) }
        return RecoveredState(
            claims: claims, largestExpiry: live.claims.horizonSeconds.map { Timestamp(seconds: $0) },
            openApprovals: live.orderedApprovals, voidApprovals: voidApprovals, openCalls: live.orderedCalls,
            continuity: continuity, unprovenSince: live.unprovenSince, lastSequence: head.sequence,
            cuts: cuts, counters: live.counters)
    }

    // MARK: Reading

    private mutating func replay<Storage: LedgerStorage & ~Copyable>(
        _ range: [FoundSegment], in storage: borrowing Storage, isFlushLost: Bool
    ) throws(LedgerError) -> SegmentEnd {
        var end = SegmentEnd()
        for (index, segment) in range.enumerated() {
            do {
                end = SegmentEnd()
                try replay(segment, isFirst: index == 0, in: storage, to: &end)
                let tail = try segment.bytes(from: end.offset, in: storage)
                try judge(tail, of: segment, isLast: index == range.count - 1, end, isFlushLost: isFlushLost)
            } catch {
                throw Self.named(error, range, in: storage)
            }
        }
        return end
    }

    /// Applies records up to the first line that does not follow from the one before.
    private mutating func replay<Storage: LedgerStorage & ~Copyable>(
        _ segment: FoundSegment, isFirst: Bool, in storage: borrowing Storage, to end: inout SegmentEnd
    ) throws(LedgerError) {
        var lines = segment.lines()
        var hasher = SHA256Hasher()
        while let line = try lines.next(in: storage) {
            guard let header = LineHeader(line),
                end.lines == 0 ? header.sequence == segment.first : follows(header)
            else { return }
            let event = header.event(in: line)
            guard end.lines > 0 || event == Opening.event,
                let members = LineHeader.members(of: line, for: event)
            else { return }
            guard let time = header.time(in: line) else {
                throw segment.broken(end.lines + 1, "`time` is not a time")
            }
            let change = try read(event, members, at: end.lines + 1, of: segment)
            if end.lines == 0 {
                guard case .opened(let opening) = change, begin(header, opening, isFirst: isFirst) else {
                    return
                }
            }
            live.apply(change, of: event, sequence: header.sequence, time: time)
            lastEvent = event
            head.follow(line.span, &hasher)
            watch.reached(head)
            end.took(header, upTo: lines.offset)
        }
    }

    private func follows(_ header: LineHeader) -> Bool {
        header.sequence == head.sequence + 1 && header.previous == head.digest
    }

    /// True when the segment goes on from the one before, or is the first to be read.
    private mutating func begin(_ header: LineHeader, _ opening: Opening, isFirst: Bool) -> Bool {
        if isFirst {
            guard let before = ChainHead(before: header, opening) else { return false }
            head = before
            watch.begins(after: head)
        }
        return follows(header) && opening.tree == head.tree.nodes
    }

    private func read(
        _ event: Text, _ members: JSONObject, at line: Int, of segment: FoundSegment
    ) throws(LedgerError) -> LiveChange {
        do { return try LiveChange(event: event, members: members) } catch {
            throw segment.broken(line, error.reason)
        }
    }

    private func compareWithCheckpoint() throws(LedgerError) {
        for finding in watch.findings(rest: .beyond(records: head.sequence)) {
            switch finding.verdict {
            case .matches, .tooOld, .unreached: break
            case .differs: throw .fork(checkpoint: finding.checkpoint.size)
            case .beyond(let records):
                guard finding.checkpoint.size > 0 else { break }
                throw .behindCheckpoint(records: records, checkpoint: finding.checkpoint.size)
            }
        }
    }

    private mutating func judge(
        _ tail: [UInt8], of segment: FoundSegment, isLast: Bool, _ end: SegmentEnd, isFlushLost: Bool
    ) throws(LedgerError) {
        guard isLast else {
            guard tail.allSatisfy({ $0 == 0 }) else {
                throw segment.broken(end.lines + 1, "record \(head.sequence + 1) is expected here")
            }
            return
        }
        switch TornTail.judge(tail, after: head.sequence, unsynced: isFlushLost) {
        case .none: break
        case .torn(let bytes, let digest):
            cuts.append(Cut(segment: segment.name, bytes: bytes, digest: digest))
        case .broken(let reason): throw segment.broken(end.lines + 1, reason)
        }
    }

    /// The verifier looks one line ahead, and so tells a changed line from the one that shows it.
    private static func named<Storage: LedgerStorage & ~Copyable>(
        _ original: LedgerError, _ range: [FoundSegment], in storage: borrowing Storage
    ) -> LedgerError {
        guard case .broken = original else { return original }
        var verifier = LedgerVerifier()
        for segment in range {
            do throws(StorageError) { try verifier.read(segment, in: storage) } catch { return original }
        }
        guard let place = verifier.finish().firstBroken else { return original }
        return .broken(segment: place.segment, line: place.line, reason: place.reason)
    }

    // MARK: Continuity

    /// Records that were acknowledged under `flush` are lost when the machine stops before they are written
    /// back.
    private func isFlushLost(_ last: FoundOpening) -> Bool {
        last.opening.durability == .flush && last.boot != settings.boot
    }

    private mutating func settleContinuity(_ last: FoundOpening?, _ firstSequence: UInt64?, at now: Timestamp)
    {
        guard let last else {
            continuity = .unproven(reason: "the ledger is empty")
            live.losesContinuity(at: now)
            return
        }
        let loss = lossOfEnd(last)
        if let loss { voidApprovals = live.voidApprovals(onlyReviewed: loss.onlyBySync) }
        guard
            let reason = loss?.reason ?? lossOfBeginning(last, firstSequence) ?? raisedWindow(last)
                ?? earlierLoss
        else { return }
        continuity = .unproven(reason: reason)
        live.losesContinuity(at: now)
    }

    /// Why the last records may be missing.
    ///
    /// A machine that stopped without `stop` may have lost what was only flushed, and a disk that lied about
    /// a sync what it had promised. Tokens from before are long expired, so that to doubt them costs nothing.
    /// Approvals are another matter: under `sync` they are kept, but for those that were reviewed, which may be
    /// enough: a release that was lost must not be repeated. Otherwise none is kept.
    private func lossOfEnd(_ last: FoundOpening) -> (reason: String, onlyBySync: Bool)? {
        if let here = settings.machine, let there = last.opening.machine, here != there {
            return ("the ledger was written on another machine", false)
        }
        guard last.boot != settings.boot, lastEvent != "stop" else { return nil }
        switch last.opening.durability {
        case .flush: return ("the machine restarted before all records were synced", false)
        case .sync: return ("the machine restarted without a stop of the proxy", true)
        }
    }

    /// The run before let claims go that would still count now.
    ///
    /// Its horizon covers those it knew; those that were unknown to it, at a start without proof, it took
    /// for expired too early.
    private func raisedWindow(_ last: FoundOpening) -> String? {
        let milliseconds = settings.claimWindow.nanosecondsClamped / 1_000_000
        guard .milliseconds(milliseconds) > last.opening.claimWindow else { return nil }
        return "tokens live longer than in the run before"
    }

    private func lossOfBeginning(_ last: FoundOpening, _ firstSequence: UInt64?) -> String? {
        guard let from = last.opening.claimsFrom, let firstSequence, from < firstSequence else { return nil }
        return "the segment with record \(from) is missing"
    }

    private var earlierLoss: String? {
        live.unprovenSince.map {
            "the start at \($0) was without proof, and no run has outlasted the claims since"
        }
    }
}
