internal import Crypto
public import Primitives

/// The Merkle tree over a ledger's records (RFC 6962 §2.1, SHA-256), as much of it as growing needs.
///
/// A tree of n leaves is a row of perfect subtrees, one for each bit that n has set, the largest and
/// oldest first. Their roots are all that a later leaf can be hashed with, so the tree is kept as these
/// at most 63 digests: it costs one leaf hash and on average one node hash a record, never grows with the
/// ledger, and can be written down and taken up again (`init?(size:nodes:)`).
public struct MerkleTree: Hashable, Sendable {
    /// The sizes that other logs' tools can say: their tree sizes are signed 64-bit numbers.
    public static let sizeMax = UInt64(Int64.max)

    // RFC 6962 §2.1: what keeps a node from passing for a leaf.
    private static let leafPrefix: UInt8 = 0x00
    private static let nodePrefix: UInt8 = 0x01

    /// How many leaves there are.
    public private(set) var size: UInt64
    /// The roots of the perfect subtrees, largest first.
    public private(set) var nodes: [Digest]

    /// The empty tree.
    public init() {
        size = 0
        nodes = []
    }

    /// A tree taken up where it was written down.
    ///
    /// Nil unless there is one node for each bit that `size` has set and `size` is at most `sizeMax`.
    public init?(size: UInt64, nodes: [Digest]) {
        guard size <= Self.sizeMax, nodes.count == size.nonzeroBitCount else { return nil }
        self.size = size
        self.nodes = nodes
    }

    public mutating func append(leafHash: Digest) {
        var hasher = SHA256Hasher()
        append(leafHash: leafHash, &hasher)
    }

    /// Appends the leaf that holds `data`.
    mutating func append(_ data: Span<UInt8>, _ hasher: inout SHA256Hasher) {
        append(leafHash: hasher.hash(Self.leafPrefix, data), &hasher)
    }

    private mutating func append(leafHash: Digest, _ hasher: inout SHA256Hasher) {
        precondition(size < Self.sizeMax, "nobody lives to see a tree of 2⁶³ leaves")
        var node = leafHash
        // Each set bit at the low end is a perfect subtree as large as the one that `node` is the root of.
        for _ in 0..<(~size).trailingZeroBitCount {
            node = hasher.hash(Self.nodePrefix, nodes.removeLast(), node)
        }
        nodes.append(node)
        size += 1
    }

    /// RFC 6962's Merkle Tree Hash of all leaves; of none, SHA-256 of nothing.
    public var root: Digest {
        guard var root = nodes.last else { return SHA256.hash([]) }
        for node in nodes.dropLast().reversed() {
            root = Self.nodeHash(node, root)
        }
        return root
    }

    public var head: TreeHead { TreeHead(size: size, root: root) }

    /// The hash of a leaf that holds `data`.
    public static func leafHash(_ data: [UInt8]) -> Digest {
        var hasher = SHA256Hasher()
        return hasher.hash(leafPrefix, data.span)
    }

    /// The hash of the node above two others.
    public static func nodeHash(_ left: Digest, _ right: Digest) -> Digest {
        var hasher = SHA256Hasher()
        return hasher.hash(nodePrefix, left, right)
    }
}

/// What a Merkle tree is known by: its size and its root.
///
/// Two ledgers with the same head hold the same records in the same order.
public struct TreeHead: Hashable, Sendable {
    public let size: UInt64
    public let root: Digest

    public init(size: UInt64, root: Digest) {
        self.size = size
        self.root = root
    }
}
