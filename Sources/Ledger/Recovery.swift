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
    private let settings: JournalSettings

    private init(_ settings: JournalSettings) {
        self.settings = settings
        live = LiveState(claimWindow: settings.claimWindow)
    }

    static func run<Storage: LedgerStorage & ~Copyable>(
        in storage: inout Storage, settings: JournalSettings, at now: Timestamp
    ) throws(LedgerError) -> Recovery {
        var recovery = Recovery(settings)
        let found = try FoundLedger.look(in: &storage)
        recovery.reusable = Set(found.empty + found.torn.map(\.name))
        if let opening = found.opening {
            let range = found.segments(from: opening.opening.claimsFrom)
            let end = try recovery.replay(range, in: storage, isFlushLost: recovery.isFlushLost(opening))
            try found.emptyTorn(in: &storage, cuts: &recovery.cuts)
            if let last = range.last { try end.mend(last, in: &storage) }
        } else {
            try found.emptyTorn(in: &storage, cuts: &recovery.cuts)
        }
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
            continuity: continuity, lastSequence: head.sequence, cuts: cuts, counters: live.counters)
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
        while let line = try lines.next(in: storage) {
            guard let header = LineHeader(line) else { return }
            if end.lines == 0 {
                if isFirst, header.sequence > 1, let previous = Digest(hex: header.previous) {
                    head = ChainHead(sequence: header.sequence - 1, digest: previous)
                }
                guard header.event == Opening.event, header.sequence == segment.first else { return }
            }
            guard header.sequence == head.sequence + 1, header.previous == Text(head.digest.hexBytes),
                let members = LineHeader.members(of: line)
            else { return }
            try apply(header, members, line: end.lines + 1, of: segment)
            head = head.followed(by: line)
            end.took(header, upTo: lines.offset)
        }
    }

    private mutating func apply(
        _ header: LineHeader, _ members: JSONObject, line: Int, of segment: FoundSegment
    ) throws(LedgerError) {
        guard let time = header.time else { throw segment.broken(line, "`time` is not a time") }
        do {
            let change = try LiveChange(event: header.event, members: members)
            live.apply(change, of: header.event, members, sequence: header.sequence, time: time)
            lastEvent = header.event
        } catch {
            throw segment.broken(line, error.reason)
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
        _ error: LedgerError, _ range: [FoundSegment], in storage: borrowing Storage
    ) -> LedgerError {
        guard case .broken = error else { return error }
        var verifier = LedgerVerifier()
        for segment in range {
            guard let bytes = try? segment.bytes(from: 0, in: storage) else { return error }
            verifier.feed(bytes)
            verifier.finishSegment(segment.name)
        }
        guard let place = verifier.finish().firstBroken else { return error }
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
        let mayLackEnd = lossOfEnd(last)
        if mayLackEnd != nil { voidApprovals = live.voidApprovals() }
        guard let reason = mayLackEnd ?? lossOfBeginning(last, firstSequence) ?? earlierLoss else { return }
        continuity = .unproven(reason: reason)
        live.losesContinuity(at: now)
    }

    private func lossOfEnd(_ last: FoundOpening) -> String? {
        if let here = settings.machine, let there = last.opening.machine, here != there {
            return "the ledger was written on another machine"
        }
        return isFlushLost(last) && lastEvent != "stop"
            ? "the machine restarted before all records were synced" : nil
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

/// How far a segment could be read.
struct SegmentEnd {
    /// Where the next line would begin.
    private(set) var offset = 0
    private(set) var lines = 0
    private var batch: UInt64 = 0
    private var batchOffset = 0

    mutating func took(_ header: LineHeader, upTo next: Int) {
        if header.batch != batch { (batch, batchOffset) = (header.batch, offset) }
        offset = next
        lines += 1
    }

    /// Cuts off what is beyond, writes the last batch again, and syncs.
    func mend<Storage: LedgerStorage & ~Copyable>(
        _ segment: FoundSegment, in storage: inout Storage
    ) throws(LedgerError) {
        do {
            if segment.size > offset { try storage.truncate(segment.name, to: offset) }
            let batch = try storage.read(segment.name, from: batchOffset, count: offset - batchOffset)
            try storage.write(batch, to: segment.name, at: batchOffset)
            try storage.sync(segment.name)
        } catch {
            throw .unavailable(error)
        }
    }
}
