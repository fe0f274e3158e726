import Crypto
import Ledger
import Primitives

/// The ledger as an auditor reads it who knows only its description: lines of JSON, segments in the order of their
/// names, and what an abandoned segment holds beyond its successor's `prev` left out.
struct LedgerImage {
    struct Line {
        let segment: Text
        let offset: Int
        let bytes: [UInt8]
        let json: JSON
        let leaf: Digest

        var sequence: Int64 { json["seq"]?.integer ?? 0 }
        var event: Text { json["event"]?.string ?? "" }
        var call: Text { json["call"]?.string ?? "" }
        var approval: Text { json["approval"]?.string ?? "" }
        var letsGo: Bool { event == "release" || json["decision"]?.string == "allow" }
    }

    private(set) var lines: [Line] = []

    /// Lines that `earlier` had at the same place are not parsed again.
    init(_ files: [(name: Text, bytes: [UInt8])], after earlier: LedgerImage?) {
        for (name, bytes) in files {
            var start = 0
            var isFirst = true
            while let end = bytes[start...].firstIndex(where: { $0 == 0x0A || $0 == 0 }), bytes[end] == 0x0A {
                guard let line = Self.line(name, start, bytes[start..<end], earlier, lines.count) else {
                    break
                }
                if isFirst, line.json["abandons_previous"]?.bool == true {
                    lines.removeAll { $0.sequence >= line.sequence }
                }
                isFirst = false
                lines.append(line)
                start = end + 1
            }
        }
    }

    private static func line(
        _ name: Text, _ offset: Int, _ bytes: ArraySlice<UInt8>, _ earlier: LedgerImage?, _ place: Int
    ) -> Line? {
        if let old = earlier?.lines, place < old.count, old[place].offset == offset,
            old[place].segment == name, old[place].bytes.elementsEqual(bytes)
        {
            return old[place]
        }
        let copy = Array(bytes)
        guard let json = try? JSONParser.parse(copy, limits: .init(depthMax: 128)) else { return nil }
        return Line(
            segment: name, offset: offset, bytes: copy, json: json, leaf: MerkleTree.leafHash(copy))
    }

    /// The tree over the first `count` lines.
    func tree(of count: Int) -> MerkleTree {
        var tree = MerkleTree()
        for line in lines.prefix(count) { tree.append(leafHash: line.leaf) }
        return tree
    }
}
