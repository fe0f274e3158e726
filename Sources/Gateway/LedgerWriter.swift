public import Ledger
internal import Primitives
public import Reactor
internal import Synchronization

/// The one thread that writes the ledger.
///
/// Callers on any loop hand in records and go on; the thread takes everything that waits as one batch, makes it
/// durable with one write and one sync, and wakes each loop once. While a batch is being synced the next collects:
/// a lone caller waits one sync, a crowd the rest of the running one plus one (contract §6).
///
/// Once a second the thread also sees to what no call asks for: a ledger that failed is tried again, because a proxy
/// that is not ready gets no calls that would; a checkpoint is taken when one is due; the room on the disk is looked at.
public final class LedgerWriter: Sendable {
    /// Requests that may wait for the thread; beyond this the ledger counts as unavailable.
    static let waitingMax = 65_536
    /// Requests written as one batch.
    static let batchMax = 4_096

    /// How long a record that nobody waits for may wait for company, and for a ledger that failed.
    static let notesWait: Duration = .milliseconds(5)
    static let notesRetry: Duration = .seconds(1)
    /// Records kept for a ledger that cannot be written; beyond this they are lost, which is logged and counted.
    static let notesMax = 100_000

    /// Between two looks at what no call asks for.
    static let upkeepInterval: Duration = .seconds(1)

    public typealias Completion = @Sendable (Receipt?) -> Void

    struct Request: Sendable {
        let entries: [Entry]
        let loop: Loop?
        let done: Completion
        let asked: Timestamp
    }

    private struct Notes: Sendable {
        var waiting: [Entry] = []
        var haveOverflowed = false
    }

    /// Nil: time for upkeep.
    let mailbox = Mailbox<Request?>(messagesMax: LedgerWriter.waitingMax)
    private let settings: JournalSettings
    private let notes = Mutex(Notes())
    let loop: Loop
    let clock: SystemClock
    let metrics: Metrics
    let log: Log
    let room: LedgerRoom?
    let checkpoints: CheckpointKeeper?
    private let isHealthy = Mutex(true)
    let isClosing = Atomic<Bool>(false)
    private let thread = Mutex<WorkerThread?>(nil)

    /// - Parameter loop: times what nobody waits for.
    public convenience init(
        _ settings: JournalSettings, clock: SystemClock, loop: Loop, metrics: Metrics, log: Log
    ) {
        self.init(
            settings, clock: clock, loop: loop, metrics: metrics, log: log, room: nil, checkpoints: nil)
    }

    /// - Parameters:
    ///   - room: nil: a full disk is heard of when a write fails.
    ///   - checkpoints: nil: none are made.
    init(
        _ settings: JournalSettings, clock: SystemClock, loop: Loop, metrics: Metrics, log: Log,
        room: LedgerRoom?, checkpoints: CheckpointKeeper?
    ) {
        self.settings = settings
        (self.clock, self.loop, self.metrics, self.log) = (clock, loop, metrics, log)
        (self.room, self.checkpoints) = (room, checkpoints)
    }

    /// False after a failure until the ledger can be written again.
    var isWritable: Bool { isHealthy.withLock { $0 } }

    /// False while refusals before redemption are only counted.
    var hasRoomForRefusals: Bool { room.map { $0.level == .ample } ?? true }

    /// What an operator should read while calls are refused because of the ledger.
    var problem: String? {
        guard isWritable else { return "the ledger cannot be written" }
        guard let room, room.level == .exhausted else { return nil }
        return "less than \(room.floorText(of: .exhausted)) free on the ledger's disk"
    }

    /// Starts the thread; the journal lives and dies on it.
    public func start<Storage: LedgerStorage & Sendable & ~Copyable>(_ journal: consuming Journal<Storage>) {
        let handover = Handover(journal)
        let worker = WorkerThread(name: "ledger") { [self] in run(handover.take()) }
        thread.withLock { $0 = worker }
        checkpoints?.start()
        scheduleUpkeep()
    }

    /// Completes on `loop` (or on the ledger thread when nil) with the receipt of the last entry, or nil when the
    /// records could not be made durable.
    public func append(_ entries: [Entry], on loop: Loop?, _ done: @escaping Completion) {
        let request = Request(entries: entries, loop: loop, done: done, asked: clock.now.time)
        guard hasRoom(for: entries), isWritable(entries), mailbox.send(request) else {
            metrics.count(.ledgerFailures)
            LedgerWriter.complete([(request, nil)])
            return
        }
    }

    /// What is left of a nearly full disk is for calls that were admitted before: no further one is decided.
    private func hasRoom(for entries: [Entry]) -> Bool {
        guard let room, room.level == .exhausted else { return true }
        return !entries.contains { $0.event == Self.admission }
    }

    private static let admission: Text = "decision"

    /// False for what could never be written: it fails alone, not with the batch it would be part of.
    private func isWritable(_ entries: [Entry]) -> Bool {
        do throws(LedgerError) {
            for entry in entries { try settings.check(entry) }
            return true
        } catch {
            log.error(.ledgerFailed, "a record cannot be kept: \(error)")
            return false
        }
    }

    /// For records nobody waits for: they go a moment later, many at once, so that an effect does not cost a wake-up of
    /// its own; and again and again while the ledger cannot be written, so that none is lost while the process lives.
    public func note(_ entries: [Entry]) { keep(entries.filter { isWritable([$0]) }, for: Self.notesWait) }

    private func keep(_ entries: [Entry], for wait: Duration) {
        let (isFirst, dropped, isNews) = notes.withLock { notes in
            let isFirst = notes.waiting.isEmpty
            let kept = entries.prefix(max(0, Self.notesMax - notes.waiting.count))
            notes.waiting += kept
            let hadOverflowed = notes.haveOverflowed
            notes.haveOverflowed = kept.count < entries.count
            return (isFirst && !kept.isEmpty, entries.count - kept.count, !hadOverflowed)
        }
        if dropped > 0 {
            lost(
                dropped, isNews ? "\(Self.notesMax) records wait for a ledger that cannot be written" : nil)
        }
        guard isFirst else { return }
        // At the end the ledger's thread writes what waits.
        loop.schedule(after: wait) { [self] in if !isClosing.load(ordering: .acquiring) { sendNotes() } }
    }

    /// - Parameter reason: nil: it was said before.
    func lost(_ count: Int, _ reason: String?) {
        metrics.count(.ledgerFailures, by: count)
        if let reason { log.error(.ledgerFailed, "\(count) effects are lost: \(reason)") }
    }

    /// What waits, which is the caller's from now on.
    func takeNotes() -> [Entry] {
        notes.withLock { notes in
            defer { notes.waiting = [] }
            return notes.waiting
        }
    }

    private func sendNotes() {
        let waiting = takeNotes()
        for start in stride(from: 0, to: waiting.count, by: Self.batchMax) {
            let part = Array(waiting[start..<min(start + Self.batchMax, waiting.count)])
            append(part, on: nil) { [self] receipt in if receipt == nil { keep(part, for: Self.notesRetry) } }
        }
    }

    /// Writes what waits, then `stop` and a checkpoint over it, and ends the thread.
    ///
    /// Blocks the caller until that is done.
    public func close() {
        isClosing.store(true, ordering: .releasing)
        sendNotes()
        mailbox.close()
        thread.withLock { $0.take() }?.join()
        checkpoints?.close()
    }

    private func run<Storage: LedgerStorage & Sendable & ~Copyable>(_ journal: consuming Journal<Storage>) {
        var journal = journal
        lookAtRoom()
        takeCheckpoint(of: &journal)
        while let messages = mailbox.receiveAll() {
            let requests = messages.compactMap(\.self)
            for start in stride(from: 0, to: requests.count, by: LedgerWriter.batchMax) {
                write(
                    Array(requests[start..<min(start + LedgerWriter.batchMax, requests.count)]), to: &journal)
            }
            if requests.count < messages.count { resume(&journal) }
            lookAtRoom()
            takeCheckpoint(of: &journal)
        }
        writeLastNotes(to: &journal)
        do throws(LedgerError) {
            try journal.close(at: clock.now)
            try takeLastCheckpoint(of: &journal)
        } catch {
            log.error(.ledgerFailed, "the ledger could not be sealed: \(error)")
        }
    }

    private func write<Storage: LedgerStorage & Sendable & ~Copyable>(
        _ batch: [Request], to journal: inout Journal<Storage>
    ) {
        let entries = batch.flatMap(\.entries)
        do throws(LedgerError) {
            let receipts = try journal.append(entries, at: clock.now)
            succeeded(entries.count)
            var end = 0
            LedgerWriter.complete(
                batch.map { request in
                    end += request.entries.count
                    return (request, request.entries.isEmpty ? nil : receipts[end - 1])
                })
            let now = clock.now.time
            for request in batch { metrics.observe(.ledgerAppend, now - request.asked) }
        } catch {
            // One record that can never be written must not take the others with it, nor make each of them sync alone.
            if error.isOfOneRecord, batch.count > 1 {
                let half = batch.count / 2
                write(Array(batch[..<half]), to: &journal)
                write(Array(batch[half...]), to: &journal)
                return
            }
            metrics.count(.ledgerFailures)
            failed(error)
            LedgerWriter.complete(batch.map { ($0, nil) })
        }
    }

    func succeeded(_ records: Int) {
        metrics.count(.ledgerRecords, by: records)
        let resumed = isHealthy.withLock { healthy in
            defer { healthy = true }
            return !healthy
        }
        if resumed { log.warning(.ledgerResumed, "the ledger is writable again; calls are served") }
    }

    func failed(_ error: LedgerError) {
        guard !error.isOfOneRecord else {
            return log.error(.ledgerFailed, "a record cannot be kept: \(error)")
        }
        let isNews = isHealthy.withLock { healthy in
            defer { healthy = false }
            return healthy
        }
        // One line an outage: it is tried again every second.
        guard isNews else { return }
        log.error(.ledgerFailed, "calls are refused because the ledger cannot be written: \(error)")
    }

    /// One wake-up a loop for the whole batch.
    private static func complete(_ results: [(Request, Receipt?)]) {
        var waiting = results[...]
        while let first = waiting.first {
            let here = waiting.filter { $0.0.loop === first.0.loop }
            waiting = waiting.filter { $0.0.loop !== first.0.loop }[...]
            let wake: @Sendable () -> Void = { for (request, receipt) in here { request.done(receipt) } }
            if let loop = first.0.loop { loop.execute(wake) } else { wake() }
        }
    }
}

extension LedgerError {
    /// The entry's fault, not the disk's.
    fileprivate var isOfOneRecord: Bool {
        switch self {
        case .recordTooLarge, .unusableRecord, .batchTooLarge, .full: true
        case .unavailable, .broken, .behindCheckpoint, .fork, .closed: false
        }
    }
}
