internal import Primitives

/// When the next checkpoint is due: after so many records or so long, and only over something new.
struct CheckpointSchedule: Sendable {
    /// However many records come, checkpoints are at least this far apart: each costs a signature and two syncs.
    static let spacing: Duration = .seconds(1)

    private let every: Duration
    private let records: UInt64
    private var last: (size: UInt64, time: Timestamp)?
    /// The last one did not reach the disk.
    private var isOwed = false

    init(every: Duration, records: Int) {
        self.every = every
        self.records = UInt64(max(1, records))
    }

    func isDue(size: UInt64, at now: Timestamp) -> Bool {
        guard let last else { return true }
        guard size > last.size || isOwed else { return false }
        // A clock that was set back says nothing about how long ago it was.
        guard now >= last.time else { return true }
        let age = now - last.time
        if isOwed, age >= Self.spacing { return true }
        return age >= every || (age >= Self.spacing && size - last.size >= records)
    }

    mutating func took(size: UInt64, at now: Timestamp) { (last, isOwed) = ((size, now), false) }

    /// The one taken last could not be written: due again after the spacing, also when nothing new comes.
    mutating func failed() { isOwed = true }
}
