import Documents
import Primitives
import Testing

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

@Suite struct YAMLMutationTests {
    private static let seed = """
        apiVersion: sallyport.dev/v1
        kind: Proxy   # comment
        tools:
        - listen: "127.0.0.1:8443"
          routes: [{ path: /mcp, protocol: 'mcp' }, {path: /, limits: {a: 5m}}]
          text: |
            two
            lines
          ? folded
          : >-
            x y
        """
    private static let pieces = [
        "&a ", "*a ", "!!str ", "? ", ": ", "- ", "{", "}", "[", "]", "\"", "'", "|\n", ">\n", "---\n",
        "...\n",
        "%YAML 1.1\n", "\t", "\n", "  ", "<<: ", "\\0", "\\uD800", "\u{FEFF}", "\u{2028}", "\r", "#", ",",
        "é",
    ].map { Array($0.utf8) }

    @Test(arguments: 0..<8) func `mutated YAML is read or refused and never crashes`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var readable = 0
        for _ in 0..<500 {
            var bytes = Array(Self.seed.utf8)
            for _ in 0..<Int.random(in: 1...5, using: &random) { Self.mutate(&bytes, &random) }
            guard let root = try? YAMLReader.read(bytes, file: "f.yaml") else { continue }
            readable += 1
            _ = try? root.mapping(keys: ["apiVersion", "kind", "tools"])
            _ = try? root.text()
        }
        #expect(readable > 0, "seed \(seed)")
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 0...12, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: place)
        case 1: bytes.removeSubrange(place..<end)
        case 2:
            bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 3 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &random)
        default: bytes.insert(UInt8.random(in: 0x20...0x7E, using: &random), at: place)
        }
    }
}
