import Ledger
import Primitives
import TestKit

/// The thread that writes the ledger, as `LedgerWriter` does: what waits is one batch, and the next collects meanwhile.
///
/// The journal is real, its disk is a `FaultyDisk`; only the waiting is played.
final class SimulatedLedgerThread {
    typealias Completion = (Receipt?) -> Void

    static let notesWait: Duration = .milliseconds(5)
    static let notesRetry: Duration = .seconds(1)

    private struct Request {
        let entries: [Entry]
        let loop: Lane?
        let done: Completion
    }

    private unowned let world: World
    private unowned let proxy: SimulatedProxy
    private let settings: JournalSettings
    private var journal: Journal<FaultyStorage>?
    private var waiting: [Request] = []
    private var notes: [Entry] = []
    private var isBusy = false
    private var whenClosed: (() -> Void)?
    /// Of some earlier record: what a careless proxy would take for a proof.
    private(set) var staleReceipt: Receipt?

    init(
        _ world: World, _ proxy: SimulatedProxy, _ settings: JournalSettings,
        _ journal: consuming Journal<FaultyStorage>
    ) {
        (self.world, self.proxy, self.settings) = (world, proxy, settings)
        self.journal = consume journal
    }

    var waitingCount: Int { waiting.count }
    var notesCount: Int { notes.count }

    func append(_ entries: [Entry], on loop: Lane?, _ done: @escaping Completion) {
        guard isWritable(entries), whenClosed == nil else { return complete([(loop, nil, done)]) }
        waiting.append(Request(entries: entries, loop: loop, done: done))
        wake()
    }

    private func isWritable(_ entries: [Entry]) -> Bool {
        entries.allSatisfy { entry in (try? settings.check(entry)) != nil }
    }

    /// For records nobody waits for.
    func note(_ entries: [Entry]) { keep(entries.filter { isWritable([$0]) }, for: Self.notesWait) }

    private func keep(_ entries: [Entry], for wait: Duration) {
        let isFirst = notes.isEmpty
        notes += entries
        guard isFirst, !notes.isEmpty else { return }
        world.scheduler.after(wait, in: proxy.life) { [self] in sendNotes() }
    }

    private func sendNotes() {
        let sent = notes
        notes = []
        guard !sent.isEmpty else { return }
        append(sent, on: nil) { [self] receipt in if receipt == nil { keep(sent, for: Self.notesRetry) } }
    }

    /// Writes what waits, then `stop`.
    func close(_ done: @escaping () -> Void) {
        sendNotes()
        whenClosed = done
        wake()
    }

    private func wake() {
        guard !isBusy else { return }
        isBusy = true
        world.scheduler.after(world.microseconds(1...200), in: proxy.life) { [self] in takeBatch() }
    }

    private func takeBatch() {
        let batch = Array(waiting.prefix(world.plan.batchMax))
        waiting.removeFirst(batch.count)
        guard !batch.isEmpty else { return finish() }
        let results = write(batch)
        if world.random.chance(100) { publish() }
        guard !world.hasDied(proxy) else { return }
        world.tell(
            "ledger", "batch of \(batch.count): \(results.map { $0.1 == nil ? "failed" : "recorded" })")
        // The sync takes its time; who waits hears of it afterwards.
        world.scheduler.after(world.syncTime, in: proxy.life) { [self] in
            complete(results)
            isBusy = false
            if !waiting.isEmpty || whenClosed != nil { wake() }
        }
    }

    /// A checkpoint goes to whoever keeps one; it covers only what a power failure leaves.
    func publish() {
        guard let head = try? journal?.checkpointHead(at: proxy.clock.now) else { return }
        world.observer.checkpoint = head
    }

    private func finish() {
        isBusy = false
        guard let done = whenClosed else { return }
        do throws(LedgerError) {
            try journal?.close(at: proxy.clock.now)
            publish()
        } catch {
            world.tell("ledger", "could not be sealed: \(error)")
        }
        guard !world.hasDied(proxy) else { return }
        world.scheduler.after(world.syncTime, in: proxy.life, done)
    }

    private func write(_ batch: [Request]) -> [(Lane?, Receipt?, Completion)] {
        do throws(LedgerError) {
            let receipts = try journal?.append(batch.flatMap(\.entries), at: proxy.clock.now) ?? []
            staleReceipt = receipts.last
            var end = 0
            return batch.map { request in
                end += request.entries.count
                return (request.loop, request.entries.isEmpty ? nil : receipts[end - 1], request.done)
            }
        } catch {
            world.tell("ledger", "\(error)")
            if error.isOfOneRecord, batch.count > 1 { return batch.flatMap { write([$0]) } }
            return batch.map { ($0.loop, nil, $0.done) }
        }
    }

    /// One wake-up a loop for the whole batch; who is on no loop hears at once.
    private func complete(_ results: [(Lane?, Receipt?, Completion)]) {
        var left = results[...]
        while let first = left.first {
            let here = left.filter { $0.0 === first.0 }
            left = left.filter { $0.0 !== first.0 }[...]
            let wake = { for (_, receipt, done) in here { done(receipt) } }
            if let loop = first.0 {
                loop.deliver(after: world.microseconds(1...300), in: proxy.life, wake)
            } else {
                wake()
            }
        }
    }
}

extension LedgerError {
    fileprivate var isOfOneRecord: Bool {
        switch self {
        case .recordTooLarge, .unusableRecord, .batchTooLarge, .full: true
        case .unavailable, .broken, .closed, .behindCheckpoint, .fork: false
        }
    }
}
