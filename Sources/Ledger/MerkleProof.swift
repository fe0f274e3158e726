public import Primitives

/// That a leaf is in a tree: the hashes that lead from it to the root (RFC 6962 §2.1.1).
///
/// Made elsewhere, so any numbers and any length are taken, and what does not fit proves nothing.
public struct InclusionProof: Hashable, Sendable {
    /// Counted from zero.
    public let index: UInt64
    public let path: [Digest]

    public init(index: UInt64, path: [Digest]) {
        self.index = index
        self.path = path
    }

    /// Whether the leaf with that hash stands at `index` in the tree with that head (RFC 9162 §2.1.3.2).
    public func proves(_ leafHash: Digest, in tree: TreeHead) -> Bool {
        guard index < tree.size else { return false }
        var walk = Walk(from: index, lastIndex: tree.size - 1)
        var root = leafHash
        for sibling in path {
            guard let side = walk.next() else { return false }
            root = side == .left ? .node(sibling, root) : .node(root, sibling)
        }
        return walk.isAtRoot && root == tree.root
    }
}

/// That a tree only grew: the hashes that both its older and its newer root follow from (RFC 6962 §2.1.2).
public struct ConsistencyProof: Hashable, Sendable {
    public let path: [Digest]

    public init(path: [Digest]) { self.path = path }

    /// Whether the leaves of the older tree are the first of the newer one (RFC 9162 §2.1.4.2).
    ///
    /// An empty tree is the beginning of every tree, which proves nothing: false.
    public func proves(_ older: TreeHead, isPrefixOf newer: TreeHead) -> Bool {
        guard older.size > 0, older.size <= newer.size else { return false }
        if older.size == newer.size { return path.isEmpty && older.root == newer.root }
        guard !path.isEmpty else { return false }
        // A whole older tree is a node of the newer one, and is not said twice.
        let isWhole = older.size.nonzeroBitCount == 1
        return climb(
            from: isWhole ? older.root : path[0], past: path.dropFirst(isWhole ? 0 : 1), older, newer)
    }

    private func climb(
        from first: Digest, past siblings: ArraySlice<Digest>, _ older: TreeHead, _ newer: TreeHead
    ) -> Bool {
        var walk = Walk(from: older.size - 1, lastIndex: newer.size - 1)
        walk.skipRightChildren()
        var (oldRoot, newRoot) = (first, first)
        for sibling in siblings {
            guard let side = walk.next() else { return false }
            if side == .left { oldRoot = .node(sibling, oldRoot) }
            newRoot = side == .left ? .node(sibling, newRoot) : .node(newRoot, sibling)
        }
        return walk.isAtRoot && oldRoot == older.root && newRoot == newer.root
    }
}

/// The way up from a node, level by level: on which side its sibling stands.
private struct Walk {
    enum Side { case left, right }

    /// The node's place in its level, and that of the level's last node.
    private var index: UInt64
    private var lastIndex: UInt64

    init(from index: UInt64, lastIndex: UInt64) {
        self.index = index
        self.lastIndex = lastIndex
    }

    var isAtRoot: Bool { lastIndex == 0 }

    /// Goes up to the level above the next sibling; nil at the root.
    mutating func next() -> Side? {
        guard !isAtRoot else { return nil }
        let side: Side = index & 1 == 1 || index == lastIndex ? .left : .right
        // The last node of a level has no sibling where its place is even: it stands for itself further up.
        while side == .left, index & 1 == 0, index != 0 { ascend() }
        ascend()
        return side
    }

    /// Goes up to where the node is a left child or the root.
    mutating func skipRightChildren() {
        while index & 1 == 1 { ascend() }
    }

    private mutating func ascend() {
        index >>= 1
        lastIndex >>= 1
    }
}

extension Digest {
    fileprivate static func node(_ left: Digest, _ right: Digest) -> Digest {
        MerkleTree.nodeHash(left, right)
    }
}
