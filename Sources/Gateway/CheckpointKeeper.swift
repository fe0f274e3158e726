internal import Ledger
internal import Primitives
internal import Reactor
internal import Synchronization

/// Signs the ledger's tree heads and shows them: to whoever asks, and as a file beside the segments.
///
/// The ledger's thread says what is durable and goes on; signing and the file's two syncs are done by a thread of
/// their own, so that no caller waits for them.
final class CheckpointKeeper: Sendable {
    struct Published: Sendable {
        let head: TreeHead
        /// A C2SP tlog-checkpoint.
        let note: [UInt8]
        let time: Timestamp
    }

    private struct Order: Sendable {
        let head: TreeHead
        let time: Timestamp
    }

    /// Heads that may wait for the thread; when it hangs, later ones are left out.
    private static let ordersMax = 16

    private let signer: NoteSigner
    private let place: any LedgerPlace
    private let metrics: Metrics
    private let log: Log
    private let schedule: Mutex<CheckpointSchedule>
    private let published = Mutex<Published?>(nil)
    private let isVerifierKeyWritten = Atomic<Bool>(false)
    private let isFailing = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    private let orders = Mailbox<Order>(messagesMax: CheckpointKeeper.ordersMax)
    private let thread = Mutex<WorkerThread?>(nil)

    /// - Parameter place: where the files are put.
    init(
        _ signer: NoteSigner, schedule: CheckpointSchedule, place: any LedgerPlace, metrics: Metrics, log: Log
    ) {
        (self.signer, self.place, self.metrics, self.log) = (signer, place, metrics, log)
        self.schedule = Mutex(schedule)
    }

    /// The last one; nil until there is one.
    var latest: Published? { published.withLock { $0 } }

    /// What the signatures are verified with: one line.
    var verifierKey: [UInt8] { signer.vkey.bytes + [0x0A] }

    func start() {
        let worker = WorkerThread(name: "checkpoints") { [self] in
            while let orders = orders.receiveAll() {
                if let last = orders.last { publish(last) }
            }
        }
        thread.withLock { $0 = worker }
    }

    func isDue(size: UInt64, at now: Timestamp) -> Bool {
        schedule.withLock { $0.isDue(size: size, at: now) }
    }

    /// Every record that `head` covers is durable.
    func take(_ head: TreeHead, at now: Timestamp) {
        schedule.withLock { $0.took(size: head.size, at: now) }
        _ = orders.send(Order(head: head, time: now))
    }

    /// No more are signed in this run, because records may be gone that were acknowledged; said once.
    func end(_ why: StorageError) {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        failed(
            "no more checkpoints are signed until the next start: \(why); "
                + "`sallyport ledger verify` tells what is there")
    }

    /// Publishes what was taken, and ends the thread.
    ///
    /// Blocks until that is done.
    func close() {
        orders.close()
        thread.withLock { $0.take() }?.join()
    }

    private func publish(_ order: Order) {
        let checkpoint = Checkpoint(origin: signer.name, head: order.head)
        guard let note = try? checkpoint.note(signedBy: signer) else {
            return failed("the checkpoint could not be signed")
        }
        published.withLock { $0 = Published(head: order.head, note: note, time: order.time) }
        do throws(StorageError) {
            try writeVerifierKey()
            try place.put(note, as: LedgerVolume.checkpointName)
            isFailing.store(false, ordering: .relaxed)
        } catch {
            schedule.withLock { $0.failed() }
            // One line an outage: it is tried again every second.
            guard !isFailing.exchange(true, ordering: .relaxed) else {
                return metrics.count(.checkpointFailures)
            }
            failed("the checkpoint could not be written and is tried again: \(error)")
        }
    }

    private func writeVerifierKey() throws(StorageError) {
        guard !isVerifierKeyWritten.load(ordering: .relaxed) else { return }
        try place.put(verifierKey, as: LedgerVolume.verifierKeyName)
        isVerifierKeyWritten.store(true, ordering: .relaxed)
    }

    private func failed(_ why: String) {
        metrics.count(.checkpointFailures)
        log.warning(.checkpointFailed, why)
    }
}
