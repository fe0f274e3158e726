import Crypto
import Ledger
import Primitives

/// `merkle`.
enum TreeVerbs {
    /// One vector of transparency-dev's with a `kind`: hashes in base64, no path being the same as an empty one.
    ///
    /// `{"kind":"inclusion","leafIdx":0,"treeSize":1,"root":"…","leafHash":"…","proof":["…",…]}` or
    /// `{"kind":"consistency","size1":1,"size2":2,"root1":"…","root2":"…","proof":["…",…]}`
    static func merkle(_ input: JSON) -> Text? {
        guard let path = path(input["proof"]), let kind = input["kind"]?.string else { return nil }
        switch kind {
        case "inclusion": return inclusion(input, path)
        case "consistency": return consistency(input, path)
        default: return nil
        }
    }

    private static func inclusion(_ input: JSON, _ path: [Digest]) -> Text? {
        guard let index = count(input["leafIdx"]), let size = count(input["treeSize"]),
            let root = digest(input["root"]), let leafHash = digest(input["leafHash"])
        else { return nil }
        let tree = TreeHead(size: size, root: root)
        return InclusionProof(index: index, path: path).proves(leafHash, in: tree) ? "ok" : nil
    }

    private static func consistency(_ input: JSON, _ path: [Digest]) -> Text? {
        guard let olderSize = count(input["size1"]), let newerSize = count(input["size2"]),
            let olderRoot = root(input["root1"]), let newerRoot = root(input["root2"])
        else { return nil }
        let older = TreeHead(size: olderSize, root: olderRoot)
        let newer = TreeHead(size: newerSize, root: newerRoot)
        return ConsistencyProof(path: path).proves(older, isPrefixOf: newer) ? "ok" : nil
    }

    private static func count(_ value: JSON?) -> UInt64? {
        guard case .number(let number) = value else { return nil }
        return UInt64(number.text.string)
    }

    private static func digest(_ value: JSON?) -> Digest? {
        value?.string.flatMap { Base64.decode($0.bytes) }.flatMap { Digest($0) }
    }

    /// A root that is no digest is told from others by its own digest: vectors of trees of one size, which have to
    /// be equal and nothing else, have such "roots".
    private static func root(_ value: JSON?) -> Digest? {
        guard let bytes = value?.string.flatMap({ Base64.decode($0.bytes) }) else { return nil }
        return Digest(bytes) ?? SHA256.hash(bytes)
    }

    private static func path(_ value: JSON?) -> [Digest]? {
        guard let value, !value.isNull else { return [] }
        guard let hashes = value.array?.map({ digest($0) }) else { return nil }
        let path = hashes.compactMap { $0 }
        return path.count == hashes.count ? path : nil
    }
}
