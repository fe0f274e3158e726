import Crypto
import Ledger
import Primitives

/// RFC 6962 §2.1 word for word, with all leaves at hand: what the tree and the proofs are compared with.
struct NaiveTree {
    let leafHashes: [Digest]

    init(leafHashes: [Digest]) { self.leafHashes = leafHashes }

    /// Leaves that hold their own index as a text.
    init(size: Int) {
        self.init(leafHashes: (0..<size).map { MerkleTree.leafHash(Array("leaf \($0)".utf8)) })
    }

    func head(_ size: Int) -> TreeHead { TreeHead(size: UInt64(size), root: root(0..<size)) }

    /// §2.1: MTH.
    func root(_ range: Range<Int>) -> Digest {
        if range.isEmpty { return SHA256.hash([]) }
        if range.count == 1 { return leafHashes[range.lowerBound] }
        let middle = range.lowerBound + Self.split(range.count)
        return MerkleTree.nodeHash(root(range.lowerBound..<middle), root(middle..<range.upperBound))
    }

    /// §2.1.1: PATH.
    func inclusionPath(_ index: Int, in range: Range<Int>) -> [Digest] {
        guard range.count > 1 else { return [] }
        let middle = range.lowerBound + Self.split(range.count)
        let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
        return index < middle
            ? inclusionPath(index, in: left) + [root(right)] : inclusionPath(index, in: right) + [root(left)]
    }

    /// §2.1.2: PROOF.
    func consistencyPath(_ older: Int, _ newer: Int) -> [Digest] { subproof(older, 0..<newer, isWhole: true) }

    private func subproof(_ older: Int, _ range: Range<Int>, isWhole: Bool) -> [Digest] {
        if older == range.count { return isWhole ? [] : [root(range)] }
        let half = Self.split(range.count)
        let middle = range.lowerBound + half
        let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
        return older <= half
            ? subproof(older, left, isWhole: isWhole) + [root(right)]
            : subproof(older - half, right, isWhole: false) + [root(left)]
    }

    /// The largest power of two below `count`, which is over 1.
    static func split<Number: FixedWidthInteger>(_ count: Number) -> Number {
        1 << (Number.bitWidth - 1 - (count - 1).leadingZeroBitCount)
    }
}

/// Proofs verified from the top down, by undoing what PATH and PROOF do; nothing in common with the product's way
/// from the bottom up.
enum NaiveVerifier {
    static func proves(_ proof: InclusionProof, _ leafHash: Digest, in tree: TreeHead) -> Bool {
        root(leafHash, proof.index, tree.size, proof.path[...]) == tree.root
    }

    private static func root(
        _ leafHash: Digest, _ index: UInt64, _ size: UInt64, _ path: ArraySlice<Digest>
    ) -> Digest? {
        guard index < size else { return nil }
        if size == 1 { return path.isEmpty ? leafHash : nil }
        guard let sibling = path.last else { return nil }
        let half = NaiveTree.split(size)
        if index < half {
            return root(leafHash, index, half, path.dropLast()).map { MerkleTree.nodeHash($0, sibling) }
        }
        return root(leafHash, index - half, size - half, path.dropLast()).map {
            MerkleTree.nodeHash(sibling, $0)
        }
    }

    static func proves(_ proof: ConsistencyProof, _ older: TreeHead, isPrefixOf newer: TreeHead) -> Bool {
        guard older.size > 0, older.size <= newer.size,
            let roots = roots(older.size, newer.size, whole: older.root, proof.path[...])
        else { return false }
        return roots.older == older.root && roots.newer == newer.root
    }

    private static func roots(
        _ older: UInt64, _ newer: UInt64, whole: Digest?, _ path: ArraySlice<Digest>
    ) -> (older: Digest, newer: Digest)? {
        if older == newer {
            if let whole { return path.isEmpty ? (whole, whole) : nil }
            return path.count == 1 ? path.first.map { ($0, $0) } : nil
        }
        guard let sibling = path.last else { return nil }
        let half = NaiveTree.split(newer)
        if older <= half {
            return roots(older, half, whole: whole, path.dropLast()).map {
                ($0.older, MerkleTree.nodeHash($0.newer, sibling))
            }
        }
        return roots(older - half, newer - half, whole: nil, path.dropLast()).map {
            (MerkleTree.nodeHash(sibling, $0.older), MerkleTree.nodeHash(sibling, $0.newer))
        }
    }
}
