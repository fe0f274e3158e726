internal import Ledger
internal import Primitives
internal import Reactor
internal import Synchronization

/// What the ledger's thread sees to once a second and after each batch, though nobody asks.
extension LedgerWriter {
    func scheduleUpkeep() {
        loop.schedule(after: Self.upkeepInterval) { [self] in
            guard !isClosing.load(ordering: .acquiring) else { return }
            _ = mailbox.send(nil)
            scheduleUpkeep()
        }
    }

    /// A ledger that failed is opened anew as soon as its disk takes it, whether or not a call asks.
    func resume<Storage: LedgerStorage & Sendable & ~Copyable>(_ journal: inout Journal<Storage>) {
        guard !isWritable else { return }
        do throws(LedgerError) {
            try journal.resume(at: clock.now)
            succeeded(0)
        } catch {
            failed(error)
        }
    }

    /// After the callers were told: it is nobody's business to wait for.
    func takeCheckpoint<Storage: LedgerStorage & Sendable & ~Copyable>(
        of journal: inout Journal<Storage>
    ) {
        let now = clock.now
        guard let checkpoints, isWritable, checkpoints.isDue(size: journal.lastSequence, at: now.time) else {
            return
        }
        if let failure = journal.flushFailure { return checkpoints.end(failure) }
        do throws(LedgerError) {
            checkpoints.take(try journal.checkpointHead(at: now), at: now.time)
        } catch {
            failed(error)
        }
    }

    /// Tried once more, in a segment of its own, because nobody comes back for them; what fails now is lost.
    func writeLastNotes<Storage: LedgerStorage & Sendable & ~Copyable>(
        to journal: inout Journal<Storage>
    ) {
        let waiting = takeNotes()
        var lostCount = 0
        for start in stride(from: 0, to: waiting.count, by: Self.batchMax) {
            let part = Array(waiting[start..<min(start + Self.batchMax, waiting.count)])
            do throws(LedgerError) {
                _ = try journal.append(part, at: clock.now)
                succeeded(part.count)
            } catch {
                failed(error)
                lostCount += part.count
            }
        }
        if lostCount > 0 { lost(lostCount, "the ledger could not be written before the stop") }
    }

    /// The last checkpoint, over `stop`.
    func takeLastCheckpoint<Storage: LedgerStorage & Sendable & ~Copyable>(
        of journal: inout Journal<Storage>
    ) throws(LedgerError) {
        if let failure = journal.flushFailure {
            checkpoints?.end(failure)
        } else {
            checkpoints?.take(try journal.checkpointHead(at: clock.now), at: clock.now.time)
        }
    }

    func lookAtRoom() {
        guard let room, let level = room.look(at: clock.now.time) else { return }
        let free = ["sallyport.free_bytes": "\(room.freeBytes ?? 0)"]
        switch level {
        case .ample:
            log.warning(.ledgerRoom, "there is room on the ledger's disk again; all is recorded", free)
        case .scarce:
            let floor = room.floorText(of: .scarce)
            log.warning(
                .ledgerRoom,
                "less than \(floor) free on the ledger's disk: refusals are counted and written later", free)
        case .exhausted:
            let floor = room.floorText(of: .exhausted)
            log.error(
                .ledgerRoom,
                "calls are refused: less than \(floor) free on the ledger's disk, kept for calls under way",
                free)
        }
    }
}
