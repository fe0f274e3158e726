internal import Ledger
internal import Primitives
internal import Reactor

/// What lies beside the segments, and the disk under them.
protocol LedgerPlace: Sendable {
    /// Bytes that this process may still fill; nil when nobody knows.
    func freeBytes() -> Int?
    /// Whole and durable, in one step, in the place of what had the name.
    func put(_ bytes: [UInt8], as name: Text) throws(StorageError)
}

/// The ledger's directory for all but its segments.
final class LedgerVolume: LedgerPlace {
    /// The last checkpoint, as a signed note.
    static let checkpointName: Text = "checkpoint"
    /// The verifier key of its signature.
    static let verifierKeyName: Text = "checkpoint.pub"

    private let directory: Directory

    init(_ path: Text) throws(FileError) { directory = try Directory(path) }

    func freeBytes() -> Int? { try? directory.freeBytes() }

    func put(_ bytes: [UInt8], as name: Text) throws(StorageError) {
        do { try directory.replace(name, with: bytes) } catch { throw StorageError(error) }
    }

    /// The checkpoint that an earlier run left; nil when there is none.
    func lastCheckpoint() throws(FileError) -> [UInt8]? {
        guard try directory.names().contains(Self.checkpointName) else { return nil }
        return try directory.read(Self.checkpointName, bytesMax: SignedNote.bytesMax)
    }
}
