internal import Crypto
internal import Primitives

/// The end of the chain: what the next record follows.
///
/// That is the SHA-256 of the last line without its newline, which the next one names in `prev`, and the
/// Merkle tree over all lines so far, which the next segment's opening names in `tree`.
struct ChainHead: Hashable {
    private(set) var digest: Digest
    private(set) var tree: MerkleTree

    /// Of the last record; 0 before the first.
    var sequence: UInt64 { tree.size }

    /// Before the first record of a ledger.
    static let start = ChainHead(digest: .zero, tree: MerkleTree())

    private init(digest: Digest, tree: MerkleTree) { (self.digest, self.tree) = (digest, tree) }

    /// The head before a segment, as its opening tells it.
    ///
    /// Nil when the opening cannot be right about it.
    init?(before header: LineHeader, _ opening: Opening) {
        guard let tree = MerkleTree(size: header.sequence - 1, nodes: opening.tree),
            tree.size > 0 || header.previous == .zero
        else { return nil }
        self.init(digest: header.previous, tree: tree)
    }

    /// Goes on over `line`, which has been checked.
    mutating func follow(_ line: Span<UInt8>, _ hasher: inout SHA256Hasher) {
        digest = hasher.hash(line)
        tree.append(line, &hasher)
    }
}
