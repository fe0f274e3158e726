public import Primitives

/// When a record counts as recorded.
public enum Durability: String, CaseIterable, Hashable, Sendable {
    /// After `fdatasync`: it survives a power failure.
    case sync
    /// After `write`: it survives the end of the process, not of the machine.
    case flush

    /// Nil for any other word.
    public init?(_ word: Text) {
        guard let known = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = known
    }

    public var word: Text { Text(rawValue) }
}

public struct JournalSettings: Sendable {
    /// Entries that one `append` takes.
    public static let batchEntriesMax = 16_384

    public var durability: Durability
    /// A segment is left for a new one when this many bytes follow its opening.
    public var segmentBytesMax = 64 << 20
    /// `sync` only: zeros written ahead of the records, so that a sync changes no metadata.
    ///
    /// Under `flush` nothing is
    /// written ahead, so that what a crash leaves is more likely a prefix.
    public var zeroAheadBytes = 1 << 20
    /// One line, without its newline.
    public var recordBytesMax = 64 << 10
    /// Live claims remembered; beyond them a batch with a claim is refused.
    public var claimsMax = 2_000_000
    public var approvalsMax = 10_000
    public var callsMax = 1_000_000

    /// Printable ASCII without `"` and `\`: this process or replica.
    public let instance: Text
    /// The kernel's boot id, in the same alphabet.
    public let boot: Text
    /// The machine's id, where it is known and stays: another one means a copied ledger.
    public var machine: Text?
    /// The verifier key of the ledger's checkpoints, which each `start` names.
    public var checkpointKey: Text?
    /// How long a claim lives: `maxLifetime` + 2 × skew (contract §2).
    public var claimWindow: Duration

    public init(
        durability: Durability = .sync, instance: Text, boot: Text, machine: Text? = nil,
        claimWindow: Duration
    ) {
        func isPlain(_ text: Text) -> Bool {
            text.bytes.allSatisfy { 0x20..<0x7F ~= $0 && $0 != 0x22 && $0 != 0x5C } && text.count <= 256
        }
        precondition(isPlain(instance) && isPlain(boot), "instance and boot ids are plain ASCII")
        self.durability = durability
        self.instance = instance
        self.boot = boot
        self.machine = machine
        self.claimWindow = claimWindow
    }

    /// Throws what `append` would throw for this entry, so that one bad entry need not fail the batch it is
    /// put into.
    public func check(_ entry: Entry) throws(LedgerError) {
        if case .failure(let problem) = entry.change {
            throw .unusableRecord(event: entry.event, reason: problem.reason)
        }
        let bytes = entry.encoded.count + LineHeader.bytesMax
        guard bytes <= recordBytesMax else { throw .recordTooLarge(event: entry.event, bytes: bytes) }
    }

    /// 0 where nothing is written ahead.
    var zeroAhead: Int { durability == .sync ? zeroAheadBytes : 0 }
}
