import Ledger
import Primitives
import TestKit
import Testing

@Suite struct MerkleProofTests {
    private static let sizeMax = 40
    private static let tree = NaiveTree(size: sizeMax)
    private static let heads = (0...sizeMax).map { tree.head($0) }

    private static func inclusion(_ index: Int, _ size: Int) -> InclusionProof {
        InclusionProof(index: UInt64(index), path: tree.inclusionPath(index, in: 0..<size))
    }

    private static func consistency(_ older: Int, _ newer: Int) -> ConsistencyProof {
        ConsistencyProof(path: tree.consistencyPath(older, newer))
    }

    /// Every way to change one hash, drop one, or add one.
    private static func changed(_ path: [Digest], _ random: inout SeededGenerator) -> [[Digest]] {
        var found: [[Digest]] = [path + [.zero], [.zero] + path, path + path.suffix(1), path + path]
        if path.count > 1 { found += [Array(path.reversed()), Array(path.dropFirst())] }
        if !path.isEmpty { found.append(Array(path.dropLast())) }
        for index in path.indices {
            var other = path
            other[index] = flipped(path[index], bit: Int.random(in: 0..<256, using: &random))
            found.append(other)
        }
        return found.filter { $0 != path }
    }

    private static func flipped(_ digest: Digest, bit: Int) -> Digest {
        var bytes = digest.bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return Digest(bytes) ?? .zero
    }

    /// The tree that RFC 6962 §2.1.3 draws.
    @Test func `the proofs of RFC 6962's example`() {
        let leaves = Self.tree.leafHashes
        let (a, b, c, d, e, f, j) = (
            leaves[0], leaves[1], leaves[2], leaves[3], leaves[4], leaves[5], leaves[6]
        )
        let node = MerkleTree.nodeHash
        let (g, h, i) = (node(a, b), node(c, d), node(e, f))
        let (k, l) = (node(g, h), node(i, j))
        let head = TreeHead(size: 7, root: node(k, l))
        #expect(InclusionProof(index: 0, path: [b, h, l]).proves(a, in: head))
        #expect(InclusionProof(index: 3, path: [c, g, l]).proves(d, in: head))
        #expect(InclusionProof(index: 4, path: [f, j, k]).proves(e, in: head))
        #expect(InclusionProof(index: 6, path: [i, k]).proves(j, in: head))
        let (three, four) = (TreeHead(size: 3, root: node(g, c)), TreeHead(size: 4, root: k))
        let six = TreeHead(size: 6, root: node(k, i))
        #expect(ConsistencyProof(path: [c, d, g, l]).proves(three, isPrefixOf: head))
        #expect(ConsistencyProof(path: [l]).proves(four, isPrefixOf: head))
        #expect(ConsistencyProof(path: [i, j, k]).proves(six, isPrefixOf: head))
    }

    @Test func `every leaf of every tree is proven to be in it`() {
        for size in 1...Self.sizeMax {
            for index in 0..<size {
                let proof = Self.inclusion(index, size)
                #expect(
                    proof.proves(Self.tree.leafHashes[index], in: Self.heads[size]), "\(index) of \(size)")
            }
        }
    }

    @Test func `every tree is proven to be the beginning of every later one`() {
        for newer in 1...Self.sizeMax {
            for older in 1...newer {
                let proof = Self.consistency(older, newer)
                #expect(
                    proof.proves(Self.heads[older], isPrefixOf: Self.heads[newer]), "\(older) of \(newer)")
            }
        }
    }

    @Test func `an inclusion proof proves one leaf at one place in one tree`() {
        let seed: UInt64 = 6962
        var random = SeededGenerator(seed: seed)
        for size in 1...Self.sizeMax {
            let index = Int.random(in: 0..<size, using: &random)
            let leaf = Self.tree.leafHashes[index]
            let (proof, head) = (Self.inclusion(index, size), Self.heads[size])
            for path in Self.changed(proof.path, &random) {
                let other = InclusionProof(index: proof.index, path: path)
                #expect(!other.proves(leaf, in: head), "seed \(seed): \(index) of \(size)")
            }
            for place in 0..<size where place != index {
                let other = InclusionProof(index: UInt64(place), path: proof.path)
                #expect(!other.proves(leaf, in: head), "\(index) at \(place) of \(size)")
                #expect(!proof.proves(Self.tree.leafHashes[place], in: head))
            }
            for other in Self.heads where other != head {
                #expect(!proof.proves(leaf, in: other), "\(index) of \(size) in \(other.size)")
            }
            #expect(!proof.proves(Self.flipped(leaf, bit: 255), in: head))
        }
    }

    @Test func `a consistency proof proves one tree to be the beginning of one other`() {
        let seed: UInt64 = 9162
        var random = SeededGenerator(seed: seed)
        for newer in 1...Self.sizeMax {
            let older = Int.random(in: 1...newer, using: &random)
            let proof = Self.consistency(older, newer)
            let (first, second) = (Self.heads[older], Self.heads[newer])
            for path in Self.changed(proof.path, &random) {
                let other = ConsistencyProof(path: path)
                #expect(!other.proves(first, isPrefixOf: second), "seed \(seed): \(older) of \(newer)")
            }
            for other in Self.heads {
                if other != first {
                    #expect(!proof.proves(other, isPrefixOf: second), "\(older) of \(newer)")
                }
                if other != second {
                    #expect(!proof.proves(first, isPrefixOf: other), "\(older) of \(newer)")
                }
            }
            let fork = TreeHead(size: second.size, root: Self.flipped(second.root, bit: 0))
            #expect(!proof.proves(first, isPrefixOf: fork))
        }
    }

    @Test func `a rewritten tree is not proven to go on from the old one`() {
        var leaves = Self.tree.leafHashes
        leaves[2] = MerkleTree.leafHash([])
        let fork = NaiveTree(leafHashes: leaves)
        for older in 3..<Self.sizeMax {
            let proof = ConsistencyProof(path: fork.consistencyPath(older, Self.sizeMax))
            #expect(proof.proves(fork.head(older), isPrefixOf: fork.head(Self.sizeMax)))
            #expect(!proof.proves(Self.heads[older], isPrefixOf: fork.head(Self.sizeMax)))
        }
    }

    @Test func `two trees of one size are the same or nothing`() {
        let (head, none) = (Self.heads[9], ConsistencyProof(path: []))
        #expect(none.proves(head, isPrefixOf: head))
        #expect(!none.proves(head, isPrefixOf: TreeHead(size: 9, root: .zero)))
        #expect(!ConsistencyProof(path: [head.root]).proves(head, isPrefixOf: head))
    }

    @Test func `an empty tree proves nothing and holds nothing`() {
        let empty = MerkleTree().head
        for path in [[], [empty.root], [.zero]] {
            #expect(!ConsistencyProof(path: path).proves(empty, isPrefixOf: empty))
            #expect(!ConsistencyProof(path: path).proves(empty, isPrefixOf: Self.heads[1]))
            #expect(!ConsistencyProof(path: path).proves(Self.heads[1], isPrefixOf: empty))
            #expect(!InclusionProof(index: 0, path: path).proves(empty.root, in: empty))
        }
    }

    private static let numbers: [UInt64] = [
        0, 1, 2, 3, 7, 8, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, .max - 1, .max,
    ]

    @Test func `no number and no length is too much`() {
        for size in Self.numbers {
            for number in Self.numbers {
                for count in [0, 1, 2, 62, 63, 64, 65, 200] {
                    let path = Array(repeating: Digest.zero, count: count)
                    let head = TreeHead(size: size, root: .zero)
                    #expect(!InclusionProof(index: number, path: path).proves(.zero, in: head) || size == 1)
                    let older = TreeHead(size: number, root: .zero)
                    let proof = ConsistencyProof(path: path)
                    let isSame = number == size && size > 0 && path.isEmpty
                    #expect(proof.proves(older, isPrefixOf: head) == isSame, "\(number) \(size) \(count)")
                }
            }
        }
    }

    /// Roots are made to fit by the naive verifier's own numbers, so that many of these proofs hold.
    @Test func `from below and from above, proofs mean the same`() {
        var held = 0
        for size in 1...20 {
            for index in 0..<size {
                let (leaf, proof) = (Self.tree.leafHashes[index], Self.inclusion(index, size))
                for number in Self.numbers + (4...21).map({ UInt64($0) }) {
                    let head = TreeHead(size: number, root: Self.heads[size].root)
                    let wanted = NaiveVerifier.proves(proof, leaf, in: head)
                    #expect(proof.proves(leaf, in: head) == wanted, "\(index) of \(size), said \(number)")
                    if wanted { held += 1 }
                }
            }
        }
        // The hashes alone do not fix the number: only a signed head does.
        #expect(held > 210)
    }

    @Test func `from below and from above, consistency means the same`() {
        var held = 0
        let numbers = Self.numbers + (4...17).map { UInt64($0) }
        for newer in 1...16 {
            for older in 1...newer {
                let proof = Self.consistency(older, newer)
                for first in numbers {
                    for second in numbers {
                        let one = TreeHead(size: first, root: Self.heads[older].root)
                        let other = TreeHead(size: second, root: Self.heads[newer].root)
                        let wanted = NaiveVerifier.proves(proof, one, isPrefixOf: other)
                        #expect(proof.proves(one, isPrefixOf: other) == wanted, "\(first) \(second)")
                        if wanted { held += 1 }
                    }
                }
            }
        }
        #expect(held >= 136)
    }
}
