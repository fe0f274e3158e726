internal import Ledger
internal import Primitives
internal import Reactor
internal import Synchronization

/// The one thread that writes the ledger.
///
/// Callers on any loop hand in records and go on; the thread takes everything that waits as one batch, makes it
/// durable with one write and one sync, and wakes each loop once. While a batch is being synced the next collects:
/// a lone caller waits one sync, a crowd the rest of the running one plus one (contract §6).
final class LedgerWriter: Sendable {
    /// Requests that may wait for the thread; beyond this the ledger counts as unavailable.
    static let waitingMax = 65_536
    /// Requests written as one batch.
    static let batchMax = 4_096

    /// How long a record that nobody waits for may wait for company, and for a ledger that failed.
    static let notesWait: Duration = .milliseconds(5)
    static let notesRetry: Duration = .seconds(1)
    /// Records kept for a ledger that cannot be written; beyond this they are counted as failures.
    static let notesMax = 100_000

    typealias Completion = @Sendable (Receipt?) -> Void

    private struct Request: Sendable {
        let entries: [Entry]
        let loop: Loop?
        let done: Completion
        let asked: Timestamp
    }

    private let mailbox = Mailbox<Request>(messagesMax: LedgerWriter.waitingMax)
    private let settings: JournalSettings
    private let notes = Mutex<[Entry]>([])
    private let loop: Loop
    private let clock: SystemClock
    private let metrics: Metrics
    private let log: Log
    private let isHealthy = Mutex(true)
    private let thread = Mutex<WorkerThread?>(nil)

    /// - Parameter loop: times what nobody waits for.
    init(_ settings: JournalSettings, clock: SystemClock, loop: Loop, metrics: Metrics, log: Log) {
        self.settings = settings
        (self.clock, self.loop, self.metrics, self.log) = (clock, loop, metrics, log)
    }

    /// False after a failure until a later batch succeeds.
    var isWritable: Bool { isHealthy.withLock { $0 } }

    /// Starts the thread; the journal lives and dies on it.
    func start<Storage: LedgerStorage & Sendable & ~Copyable>(_ journal: consuming Journal<Storage>) {
        let handover = Handover(journal)
        let worker = WorkerThread(name: "ledger") { [self] in run(handover.take()) }
        thread.withLock { $0 = worker }
    }

    /// Completes on `loop` (or on the ledger thread when nil) with the receipt of the last entry, or nil when the
    /// records could not be made durable.
    func append(_ entries: [Entry], on loop: Loop?, _ done: @escaping Completion) {
        let request = Request(entries: entries, loop: loop, done: done, asked: clock.now.time)
        guard isWritable(entries), mailbox.send(request) else {
            metrics.count(.ledgerFailures)
            LedgerWriter.complete([(request, nil)])
            return
        }
    }

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
    func note(_ entries: [Entry]) { keep(entries.filter { isWritable([$0]) }, for: Self.notesWait) }

    private func keep(_ entries: [Entry], for wait: Duration) {
        let (isFirst, dropped) = notes.withLock { notes in
            let isFirst = notes.isEmpty
            let room = max(0, Self.notesMax - notes.count)
            notes += entries.prefix(room)
            return (isFirst && !notes.isEmpty, max(0, entries.count - room))
        }
        if dropped > 0 { metrics.count(.ledgerFailures, by: dropped) }
        if isFirst { loop.schedule(after: wait) { [self] in sendNotes() } }
    }

    private func sendNotes() {
        let waiting = notes.withLock { notes in
            defer { notes = [] }
            return notes
        }
        for start in stride(from: 0, to: waiting.count, by: Self.batchMax) {
            let part = Array(waiting[start..<min(start + Self.batchMax, waiting.count)])
            append(part, on: nil) { [self] receipt in if receipt == nil { keep(part, for: Self.notesRetry) } }
        }
    }

    /// Writes what waits, then `stop`, and ends the thread.
    ///
    /// Blocks the caller until that is done.
    func close() {
        sendNotes()
        mailbox.close()
        thread.withLock { $0.take() }?.join()
    }

    private func run<Storage: LedgerStorage & Sendable & ~Copyable>(_ journal: consuming Journal<Storage>) {
        var journal = journal
        while let requests = mailbox.receiveAll() {
            for start in stride(from: 0, to: requests.count, by: LedgerWriter.batchMax) {
                write(
                    Array(requests[start..<min(start + LedgerWriter.batchMax, requests.count)]), to: &journal)
            }
        }
        do throws(LedgerError) {
            try journal.close(at: clock.now)
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
            // One record that can never be written must not take the others with it.
            if error.isOfOneRecord, batch.count > 1 {
                for request in batch { write([request], to: &journal) }
                return
            }
            failed(error)
            LedgerWriter.complete(batch.map { ($0, nil) })
        }
    }

    private func succeeded(_ records: Int) {
        metrics.count(.ledgerRecords, by: records)
        let resumed = isHealthy.withLock { healthy in
            defer { healthy = true }
            return !healthy
        }
        if resumed { log.warning(.ledgerResumed, "the ledger is writable again; calls are served") }
    }

    private func failed(_ error: LedgerError) {
        metrics.count(.ledgerFailures)
        if !error.isOfOneRecord { isHealthy.withLock { $0 = false } }
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
        case .unavailable, .broken, .closed: false
        }
    }
}
