public import Primitives

/// The writer of the ledger: batches in, receipts out.
///
/// **Format.** JSON Lines in UTF-8, one record a line, in segments named by the number of their first record
/// (`00000000000000000001.jsonl`). A line begins
/// `{"v":1,"seq":…,"time":…,"event":…,"prev":…,"instance":…,"boot":…,"batch":…` and goes on with the event's
/// own members. `seq` counts from 1 over all segments. `prev` is the lower-case hexadecimal SHA-256 of the
/// line before without its newline, over segments too; 64 zeros in the first record. `batch` is the `seq` of
/// the first record of the same write: one batch is durable before the next is written. Under `sync` the live
/// segment goes on with zeros, so readers stop at the first NUL; sealing cuts them off.
///
/// Over the lines grows the Merkle tree of RFC 6962 §2.1 with SHA-256, whose leaves are the same bytes that
/// `prev` is the digest of. A segment's opening names in `tree` the nodes of the tree over all records before
/// it, so that the tree goes on when older segments have been moved away.
///
/// **Segments.** Each begins with a `segment` record and the records that restate what is open (see
/// `Opening`), made durable before anything else in it is acknowledged. A start makes a new segment too:
/// nothing is ever appended to a file that another run wrote.
///
/// **After an I/O error** nothing is known about the end of the segment: the failed batch may be there, in
/// part or whole, and under `flush` even records acknowledged before may be gone, because the kernel drops
/// pages that it could not write. So the segment is abandoned, and the next one
/// * names in its `prev` the last acknowledged record: whatever the abandoned segment holds beyond it is no
///   part of the ledger, and its opening says so (`abandons_previous`), so that a reader can tell it from an
///   insertion;
/// * restates every live claim, open approval and open call from memory, and is itself synced: a recovery
///   never needs the abandoned segment again, even when its end cannot be read.
///
/// Until such a segment stands, every append fails. If the process ends before one stands, recovery may find
/// the failed batch whole and keep it. That is safe: a claim, release or review counts that nobody was told
/// of, never the other way round.
public struct Journal<Storage: LedgerStorage & ~Copyable>: ~Copyable {
    private var storage: Storage
    private let settings: JournalSettings
    private var head: ChainHead
    private var live: LiveState
    private var place: Place
    /// Names of files that hold nothing acknowledged: an opening may be written over them.
    private var reusable: Set<Text>
    /// Why no checkpoint is signed any more in this run: under `flush` a sync failed.
    ///
    /// The kernel drops pages that it could not write and then calls the file clean, so acknowledged records may be
    /// gone although a later sync succeeds; nobody may sign that they are there.
    public private(set) var flushFailure: StorageError?

    private enum Place {
        case open(LiveSegment)
        /// The last segment is whole; the next append opens one.
        case sealed
        /// The last segment is not to be trusted beyond the head.
        case abandoned
        case closed
    }

    /// A journal that takes records, and what it found.
    @frozen public struct Opened: ~Copyable {
        public var journal: Journal<Storage>
        public let state: RecoveredState
    }

    /// Reads back what must still hold, cuts an incomplete end, and opens a new segment with `recovered` (if
    /// it cut) and `start`.
    ///
    /// Throws `.broken` for a ledger that is damaged in any other way, and then has changed nothing.
    ///
    /// - Parameter checkpoint: what somebody was told that this ledger holds. Throws `.behindCheckpoint` or
    ///   `.fork` when it does not, and then has changed nothing. One that ends before the records that are
    ///   read back cannot be compared and is passed over: that is the verifier's work.
    public static func open(
        _ storage: consuming Storage, settings: JournalSettings, containing checkpoint: TreeHead? = nil,
        at now: Now
    ) throws(LedgerError) -> Opened {
        let recovery = try Recovery.run(
            in: &storage, settings: settings, containing: checkpoint, at: now.time)
        var journal = Journal(storage, settings, recovery)
        let state = recovery.state
        let start = StartRecord(
            continuity: state.continuity, voidApprovals: state.voidApprovals.count,
            checkpointKey: settings.checkpointKey)
        do {
            try journal.openSegment(
                .start, with: state.cuts.map { RecoveredRecord(cut: $0).entry } + [start.entry], at: now)
        } catch {
            throw .unavailable(error)
        }
        return Opened(journal: journal, state: state)
    }

    private init(_ storage: consuming Storage, _ settings: JournalSettings, _ recovery: Recovery) {
        self.storage = storage
        self.settings = settings
        (head, live, reusable) = (recovery.head, recovery.live, recovery.reusable)
        place = .sealed
    }

    /// Of the last durable record.
    public var lastSequence: UInt64 { head.sequence }
    public var headDigest: Digest { head.digest }
    /// Of the Merkle tree over all acknowledged records since the first of the ledger.
    public var treeHead: TreeHead { head.tree.head }
    /// Records by event, over the whole life of the ledger.
    public var counters: [Text: UInt64] { live.counters }

    /// Records one batch, all or nothing: returns when every record is durable (see `Durability`), and a
    /// receipt for each.
    ///
    /// After a throw the caller acts as if nothing was recorded, and keeps refusing what was.
    public mutating func append(_ entries: [Entry], at now: Now) throws(LedgerError) -> [Receipt] {
        if case .closed = place { throw .closed }
        guard !entries.isEmpty else { return [] }
        try check(entries)
        try live.makeRoom(for: entries, within: settings, at: now.time)
        do {
            try reachSegment(at: now)
            let batch = Batch(entries, after: head, at: now.time, settings: settings)
            try write(batch)
            commit(batch.entries[...], of: batch, from: batch.first)
            return (batch.first...batch.head.sequence).map { Receipt(sequence: $0) }
        } catch {
            abandon()
            throw .unavailable(error)
        }
    }

    /// Writes `stop`, cuts off the zeros and syncs, whatever the durability.
    ///
    /// Nothing can be appended afterwards.
    public mutating func close(at now: Now) throws(LedgerError) {
        _ = try append([StopRecord().entry], at: now)
        do {
            try seal()
            place = .closed
        } catch {
            place = .closed
            throw .unavailable(error)
        }
    }

    /// `treeHead`, once a power failure keeps all of it: under `flush` the segment is synced first.
    ///
    /// What a checkpoint covers must never be missing later. A failed sync abandons the segment like any
    /// I/O error, and none is given any more (`flushFailure`).
    public mutating func checkpointHead(at now: Now) throws(LedgerError) -> TreeHead {
        if let flushFailure { throw .unavailable(flushFailure) }
        if case .closed = place { return treeHead }
        do {
            try reachSegment(at: now)
            if settings.durability == .flush, case .open(let segment) = place { try sync(segment.name) }
            return treeHead
        } catch {
            abandon()
            throw .unavailable(error)
        }
    }

    /// Returns when there is a segment that takes records: after an I/O error a new one.
    public mutating func resume(at now: Now) throws(LedgerError) {
        if case .closed = place { throw .closed }
        do { try reachSegment(at: now) } catch {
            abandon()
            throw .unavailable(error)
        }
    }

    private func check(_ entries: [Entry]) throws(LedgerError) {
        guard entries.count <= JournalSettings.batchEntriesMax else {
            throw .batchTooLarge(count: entries.count)
        }
        for entry in entries { try settings.check(entry) }
    }

    // MARK: Segments

    /// On return there is an open segment with room.
    private mutating func reachSegment(at now: Now) throws(StorageError) {
        switch place {
        case .open(let segment):
            guard segment.recordBytes >= settings.segmentBytesMax else { return }
            try seal()
            try openSegment(.roll, at: now)
        case .sealed: try openSegment(.roll, at: now)
        case .abandoned: try openSegment(.error, at: now)
        case .closed: preconditionFailure("a closed journal does not look for a segment")
        }
    }

    private mutating func seal() throws(StorageError) {
        guard case .open(let segment) = place else { return }
        if segment.zeroedTo > segment.size { try storage.truncate(segment.name, to: segment.size) }
        try sync(segment.name)
        place = .sealed
    }

    /// Of records that under `flush` were acknowledged before.
    private mutating func sync(_ segment: Text) throws(StorageError) {
        do { try storage.sync(segment) } catch {
            if settings.durability == .flush, flushFailure == nil {
                let what = "\(error.operation) failed, so acknowledged records may be missing"
                flushFailure = StorageError(operation: what, name: error.name)
            }
            throw error
        }
    }

    private mutating func openSegment(
        _ reason: Opening.Reason, with entries: [Entry] = [], at now: Now
    ) throws(StorageError) {
        live.letGo(at: now.time)
        let opening = live.opening(
            reason, abandonsPrevious: reason == .error, after: head, settings: settings)
        let all = opening + entries
        let batch = Batch(all, after: head, at: now.time, settings: settings)
        var segment = LiveSegment(name: SegmentName.text(first: batch.first))
        try makeEmpty(segment.name)
        let (bytes, zeroedTo) = segment.padded(batch.bytes, ahead: settings.zeroAhead)
        try storage.write(bytes, to: segment.name, at: 0)
        try storage.sync(segment.name)
        try storage.syncDirectory()
        segment.wrote(batch.bytes.count, zeroedTo: zeroedTo)
        segment.openingBytes = segment.size
        place = .open(segment)
        reusable.remove(segment.name)
        if reason == .error { live.claimsAreRestated(from: batch.first) }
        commit(batch.entries[opening.count...], of: batch, from: batch.first + UInt64(opening.count))
    }

    /// A file of that name that holds nothing acknowledged is used again.
    ///
    /// It is emptied durably first, so that a crash
    /// cannot mix two attempts.
    private mutating func makeEmpty(_ name: Text) throws(StorageError) {
        if reusable.contains(name), try storage.segments().contains(name) {
            try storage.truncate(name, to: 0)
            try storage.sync(name)
        } else {
            do throws(StorageError) { try storage.create(name) } catch {
                // Who holds the name then, only somebody else can have made: it is never emptied.
                if error.name != "EEXIST" { reusable.insert(name) }
                throw error
            }
            reusable.insert(name)
        }
    }

    // MARK: Batches

    private mutating func write(_ batch: Batch) throws(StorageError) {
        guard case .open(var segment) = place else {
            preconditionFailure("a batch is written to an open segment")
        }
        let (bytes, zeroedTo) = segment.padded(batch.bytes, ahead: settings.zeroAhead)
        try storage.write(bytes, to: segment.name, at: segment.size)
        if settings.durability == .sync { try storage.sync(segment.name) }
        segment.wrote(batch.bytes.count, zeroedTo: zeroedTo)
        place = .open(segment)
    }

    private mutating func commit(_ entries: ArraySlice<Entry>, of batch: Batch, from first: UInt64) {
        head = batch.head
        for (index, entry) in entries.enumerated() {
            guard case .success(let change) = entry.change else {
                preconditionFailure("a record is checked before it is written")
            }
            live.apply(change, of: entry.event, sequence: first + UInt64(index), time: batch.time)
        }
    }

    /// Cutting off what failed frees space and spares readers, but nothing relies on it.
    ///
    /// Under `flush` the sync brings
    /// what was acknowledged to the disk while the kernel still has it.
    private mutating func abandon() {
        guard case .open(let segment) = place else { return }
        place = .abandoned
        do { try storage.truncate(segment.name, to: segment.size) } catch {}
        if settings.durability == .flush { do { try sync(segment.name) } catch {} }
    }
}

/// Proof that a record is durable.
///
/// Only the journal makes it.
public struct Receipt: Hashable, Sendable {
    public let sequence: UInt64

    fileprivate init(sequence: UInt64) { self.sequence = sequence }
}

extension Journal: Sendable where Storage: Sendable, Storage: ~Copyable {}
