import Crypto
import Ledger
import Primitives
import TestKit
import Testing

@Suite struct MerkleTreeTests {
    /// The leaves and roots that Certificate Transparency's own implementations are tested with.
    private static let leaves: [Text] = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    private static let roots: [Text] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    @Test func `the roots of RFC 6962's tests`() throws {
        var tree = MerkleTree()
        #expect(tree.root == Digest(hex: Self.roots[0]))
        for (leaf, root) in zip(Self.leaves, Self.roots.dropFirst()) {
            tree.append(leafHash: MerkleTree.leafHash(try #require(Hex.decode(leaf.bytes))))
            #expect(tree.root == Digest(hex: root), "\(tree.size) leaves")
        }
    }

    @Test func `a leaf and a node never hash alike`() {
        let (left, right) = (MerkleTree.leafHash([1]), MerkleTree.leafHash([2]))
        #expect(MerkleTree.leafHash([1]) == SHA256.hash([0, 1]))
        #expect(MerkleTree.nodeHash(left, right) == SHA256.hash([1] + left.bytes + right.bytes))
        #expect(MerkleTree.leafHash(left.bytes + right.bytes) != MerkleTree.nodeHash(left, right))
    }

    @Test func `the root of every size to 300 is what its definition says`() {
        let naive = NaiveTree(size: 300)
        var tree = MerkleTree()
        for size in 0...300 {
            #expect(tree.head == naive.head(size))
            #expect(tree.nodes.count == size.nonzeroBitCount)
            if size < 300 { tree.append(leafHash: naive.leafHashes[size]) }
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `the root of a large tree is what its definition says`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let naive = NaiveTree(size: Int.random(in: 1_000...6_000, using: &random))
        var tree = MerkleTree()
        for leaf in naive.leafHashes { tree.append(leafHash: leaf) }
        #expect(tree.head == naive.head(naive.leafHashes.count), "seed \(seed)")
    }

    @Test func `a tree that was written down goes on as if it had not been`() throws {
        let naive = NaiveTree(size: 70)
        var whole = MerkleTree()
        for size in 0..<70 {
            var resumed = try #require(MerkleTree(size: whole.size, nodes: whole.nodes))
            #expect(resumed == whole)
            for leaf in naive.leafHashes[size...] { resumed.append(leafHash: leaf) }
            #expect(resumed.head == naive.head(70), "from \(size) leaves")
            whole.append(leafHash: naive.leafHashes[size])
        }
    }

    @Test func `a tree is taken up only with a node for each of its subtrees`() {
        let node = Digest.zero
        #expect(MerkleTree(size: 0, nodes: []) == MerkleTree())
        #expect(MerkleTree(size: 0, nodes: [node]) == nil)
        #expect(MerkleTree(size: 5, nodes: [node]) == nil)
        #expect(MerkleTree(size: 5, nodes: [node, node]) != nil)
        #expect(MerkleTree(size: 5, nodes: [node, node, node]) == nil)
        #expect(MerkleTree(size: 1 << 62, nodes: [node])?.size == 1 << 62)
        #expect(MerkleTree(size: 1 << 63, nodes: [node]) == nil)
        #expect(MerkleTree(size: .max, nodes: Array(repeating: node, count: 64)) == nil)
    }

    @Test func `a tree as large as other tools can say is taken up and grows to its limit`() throws {
        let almost = MerkleTree.sizeMax - 1
        let nodes = Array(repeating: Digest.zero, count: almost.nonzeroBitCount)
        var tree = try #require(MerkleTree(size: almost, nodes: nodes))
        tree.append(leafHash: .zero)
        #expect(tree.size == MerkleTree.sizeMax && tree.nodes.count == 63)
    }

    @Test func `every leaf and their order are in the root`() {
        let leaves = NaiveTree(size: 37).leafHashes
        func root(_ leaves: [Digest]) -> Digest {
            var tree = MerkleTree()
            for leaf in leaves { tree.append(leafHash: leaf) }
            return tree.root
        }
        var seen: Set<Digest> = [root(leaves)]
        for index in leaves.indices {
            var edited = leaves
            edited[index] = MerkleTree.leafHash(Array("another".utf8))
            var removed = leaves
            removed.remove(at: index)
            #expect(seen.insert(root(edited)).inserted, "leaf \(index) edited")
            #expect(seen.insert(root(removed)).inserted, "leaf \(index) removed")
            guard index > 0 else { continue }
            var swapped = leaves
            swapped.swapAt(index - 1, index)
            #expect(seen.insert(root(swapped)).inserted, "leaf \(index) moved")
        }
    }
}
