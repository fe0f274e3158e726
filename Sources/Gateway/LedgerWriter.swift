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

    /// How long a record that nobody waits for may wait for company.
    static let notesWait: Duration = .milliseconds(5)

    typealias Completion = @Sendable (Receipt?) -> Void

    private struct Request: Sendable {
        let entries: [Entry]
        let loop: Loop?
        let done: Completion
        let asked: Timestamp
    }

    private let mailbox = Mailbox<Request>(messagesMax: LedgerWriter.waitingMax)
    private let notes = Mutex<[Entry]>([])
    private let loop: Loop
    private let clock: SystemClock
    private let metrics: Metrics
    private let log: Log
    private let isHealthy = Mutex(true)
    private let thread = Mutex<WorkerThread?>(nil)

    /// - Parameter loop: times what nobody waits for.
    init(clock: SystemClock, loop: Loop, metrics: Metrics, log: Log) {
        (self.clock, self.loop, self.metrics, self.log) = (clock, loop, metrics, log)
    }

    /// False after a failure until a later batch succeeds.
    var isWritable: Bool { isHealthy.withLock { $0 } }

    /// Starts the thread; the journal lives and dies on it.
    func start(_ journal: consuming Journal<JournalFiles>) {
        let handover = Handover(journal)
        let worker = WorkerThread(name: "ledger") { [self] in run(handover.take()) }
        thread.withLock { $0 = worker }
    }

    /// Completes on `loop` (or on the ledger thread when nil) with the receipt of the last entry, or nil when the
    /// records could not be made durable.
    func append(_ entries: [Entry], on loop: Loop?, _ done: @escaping Completion) {
        let request = Request(entries: entries, loop: loop, done: done, asked: clock.now.time)
        guard mailbox.send(request) else {
            metrics.count(.ledgerFailures)
            LedgerWriter.complete([(request, nil)])
            return
        }
    }

    /// For records nobody waits for: they go with the next batch, or after `notesWait` by themselves, so that an
    /// effect does not cost a wake-up of its own.
    func note(_ entries: [Entry]) {
        let isFirst = notes.withLock { notes in
            notes += entries
            return notes.count == entries.count
        }
        guard isFirst else { return }
        loop.schedule(after: Self.notesWait) { [self] in sendNotes() }
    }

    private func sendNotes() {
        let waiting = notes.withLock { notes in
            defer { notes = [] }
            return notes
        }
        for start in stride(from: 0, to: waiting.count, by: Self.batchMax) {
            append(Array(waiting[start..<min(start + Self.batchMax, waiting.count)]), on: nil) { _ in }
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

    private func run(_ journal: consuming Journal<JournalFiles>) {
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

    private func write(_ batch: [Request], to journal: inout Journal<JournalFiles>) {
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
