import Primitives

/// The name of an argument in `constraints`: `limit`, `filter.region`, `filter["a.b"].c`; `["a.b"]` and
/// `args["a.b"]` both begin with a literal key of the arguments themselves.
///
/// A dot descends into an object; between `["` and `"]` stands a JSON string that is one key as it is.
struct ArgumentPath: Sendable {
    static let segmentsMax = 16

    let segments: [Text]

    /// Nil for anything else.
    init?(_ text: Text) {
        var reader = Reader(text.bytes)
        guard let segments = reader.segments(), segments.count <= Self.segmentsMax else { return nil }
        self.segments = segments
    }

    /// For people, and bounded: a name may come from the request.
    static func shown(_ segments: [Text]) -> String {
        String(segments.map(\.string).joined(separator: ".").unicodeScalars.prefix(128))
    }

    private struct Reader {
        private let bytes: [UInt8]
        private var index = 0
        private static let dot: UInt8 = 0x2E
        private static let quote: UInt8 = 0x22
        private static let opening: UInt8 = 0x5B
        private static let closing: UInt8 = 0x5D

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func segments() -> [Text]? {
            var segments: [Text] = []
            if bytes.first != Self.opening {
                guard let first = plain() else { return nil }
                let isRoot = first == "args" && index < bytes.count && bytes[index] == Self.opening
                if !isRoot { segments.append(first) }
            }
            while index < bytes.count {
                let next = bytes[index] == Self.opening ? literal() : descent()
                guard let next else { return nil }
                segments.append(next)
            }
            return segments
        }

        private mutating func descent() -> Text? {
            guard bytes[index] == Self.dot else { return nil }
            index += 1
            return plain()
        }

        private mutating func plain() -> Text? {
            let name = bytes[index...].prefix {
                ![Self.dot, Self.quote, Self.opening, Self.closing].contains($0)
            }
            guard !name.isEmpty else { return nil }
            index += name.count
            return Text(name)
        }

        private mutating func literal() -> Text? {
            let start = index + 1
            guard start < bytes.count, bytes[start] == Self.quote else { return nil }
            var end = start + 1
            while end < bytes.count, bytes[end] != Self.quote { end += bytes[end] == 0x5C ? 2 : 1 }
            guard end + 1 < bytes.count, bytes[end + 1] == Self.closing,
                let key = try? JSONParser.parse(Array(bytes[start...end])).string
            else { return nil }
            index = end + 2
            return key
        }
    }
}
