public import Primitives

/// Why a ledger did not open, or did not take a batch.
///
/// Whatever the case, no call that waited on it goes ahead.
public enum LedgerError: Error, Hashable, Sendable {
    /// Storage failed. What was to be appended counts as not recorded, although it may turn up after a
    /// restart.
    case unavailable(StorageError)
    /// The ledger on disk is not what was written. Line numbers begin at 1.
    case broken(segment: Text, line: Int, reason: String)
    /// The ledger on disk holds fewer records than a checkpoint covers.
    case behindCheckpoint(records: UInt64, checkpoint: UInt64)
    /// The first records on disk, as many as a checkpoint covers, are not those it was signed over.
    case fork(checkpoint: UInt64)
    /// One record, as a line, is over `JournalSettings.recordBytesMax`. Nothing of its batch was written.
    case recordTooLarge(event: Text, bytes: Int)
    /// One record could not be read back, or could not be trusted if it were. Nothing of its batch was
    /// written.
    case unusableRecord(event: Text, reason: String)
    /// More than `JournalSettings.batchEntriesMax` records at once.
    case batchTooLarge(count: Int)
    /// A table of what a later recovery has to know has reached its limit.
    case full(LedgerTable)
    /// `close` has been called.
    case closed
}

public enum LedgerTable: String, Hashable, Sendable { case claims, approvals, calls }

extension LedgerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unavailable(let error): "the ledger's storage failed: \(error)"
        case .broken(let segment, let line, let reason): "`\(segment)`:\(line): \(reason)"
        case .behindCheckpoint(let records, let checkpoint):
            "the ledger holds \(records) records, but the checkpoint covers \(checkpoint): its end is missing; "
                + "put the missing segments back, or keep this directory aside and start with an empty one"
        case .fork(let checkpoint):
            "the first \(checkpoint) records are not those that the checkpoint signed: the ledger was rewritten "
                + "or is a fork; put the right segments back, or keep this directory aside and start with an empty one"
        case .recordTooLarge(let event, let bytes): "a `\(event)` record of \(bytes) bytes is over the limit"
        case .unusableRecord(let event, let reason): "a `\(event)` record that cannot be kept: \(reason)"
        case .batchTooLarge(let count): "\(count) records at once, over the limit of a batch"
        case .full(let table): "the ledger's table of open \(table.rawValue) is full"
        case .closed: "the ledger is closed"
        }
    }
}
