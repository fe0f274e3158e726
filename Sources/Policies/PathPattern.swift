internal import Documents
internal import Primitives

/// A path whose segments are literal, `{name}` (any one segment) or have `*` in them.
///
/// It is written as a request's path is, canonical and percent-encoded (contract §3), and compared decoded, as rules
/// see requests. A pattern that no request could match is an error: a `Deny` would be silent.
struct PathPattern: Sendable, Hashable {
    let segments: [SegmentPattern]

    init(_ node: Node) throws(DocumentError) {
        let path = WrittenPath(text: try node.text(), node: node)
        try path.check()
        var segments: [SegmentPattern] = []
        for part in path.text.dropFirst(1).split(on: 0x2F) {
            segments.append(try Self.segment(part, of: path))
        }
        self.segments = segments
    }

    private static func segment(_ part: Text, of path: WrittenPath) throws(DocumentError) -> SegmentPattern {
        guard part.contains(0x7B) || part.contains(0x7D) else {
            // Split before decoding: `%2A` is the character and not a wildcard.
            var pieces: [Text] = []
            for piece in part.split(on: 0x2A) { pieces.append(try path.decoded(piece)) }
            return SegmentPattern(around: pieces)
        }
        let name = part.dropFirst(1).dropLast(1)
        guard part.hasPrefix("{"), part.hasSuffix("}"), !name.isEmpty,
            name.bytes.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || [0x5F, 0x2D].contains($0) })
        else { throw path.error("`{name}` is one whole segment of a path") }
        return .any
    }

    func matches(_ path: [Text]) -> Bool { segments.matches(path) }
}

/// The path of a pattern as it stands in the file.
private struct WrittenPath {
    let text: Text
    let node: Node

    /// RFC 3986 §2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isASCIIDigit || Text("-._~").contains(byte)
    }

    /// RFC 3986 §3.3 without `;`, and the braces of `{name}`.
    private static func isOfPath(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || Text("!$&'()*+,=:@/%{}").contains(byte)
    }

    /// Such requests are refused before any rule is asked (contract §3), encoded or not.
    private static let neverInSegment = Text([0x00, 0x2F, 0x3B, 0x5C])

    func error(_ message: String) -> DocumentError { node.error("\(Quoted.name(text)): \(message)") }

    func check() throws(DocumentError) {
        guard text.hasPrefix("/") else { throw error("a path begins with `/`") }
        if let bad = text.bytes.first(where: { !Self.isOfPath($0) }) { throw refusal(of: bad) }
        try text.refuseDoubleStar(at: node)
        let parts = text.dropFirst(1).split(on: 0x2F)
        for (index, part) in parts.enumerated() {
            let isEmpty = part.isEmpty && index < parts.count - 1
            guard !isEmpty, part != ".", part != ".." else {
                throw error("no request has an empty or dot segment in its path")
            }
        }
    }

    private func refusal(of byte: UInt8) -> DocumentError {
        switch byte {
        case 0x3F: error("a path has no `?`; rules read the query as `query.name`")
        case 0x00, 0x3B, 0x5C: error("no request has NUL, `;` or `\\` in its path")
        default: error("write it percent-encoded, as requests have it: \(Quoted.name(encoded))")
        }
    }

    private var encoded: Text {
        Text(
            text.bytes.flatMap { byte -> [UInt8] in
                Self.isOfPath(byte) ? [byte] : [0x25, Self.digit(byte >> 4), Self.digit(byte & 0xF)]
            })
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }

    /// A piece without wildcards, with its escapes checked as those of a request are, decoded once.
    func decoded(_ piece: Text) throws(DocumentError) -> Text {
        guard piece.contains(0x25) else { return piece }
        var decoded: [UInt8] = []
        var rest = piece.bytes[...]
        while let byte = rest.popFirst() { decoded.append(byte == 0x25 ? try escape(&rest) : byte) }
        guard String(validating: decoded, as: UTF8.self) != nil else {
            throw error("no request has escapes that are not UTF-8 in its path")
        }
        guard Text(decoded).firstEscape == nil else {
            throw error("no request has an encoded `%` before two hexadecimal digits in its path")
        }
        return Text(decoded)
    }

    /// The two digits after a `%`.
    private func escape(_ rest: inout ArraySlice<UInt8>) throws(DocumentError) -> UInt8 {
        let digits = Text(rest.prefix(2))
        guard digits.count == 2, let high = digits.bytes[0].hexValue, let low = digits.bytes[1].hexValue
        else {
            throw error("`%` begins an escape of two hexadecimal digits; the character itself is `%25`")
        }
        let byte = high << 4 | low
        guard !Self.neverInSegment.contains(byte) else {
            throw error("no request has `%\(digits)` in its path")
        }
        guard !Self.isUnreserved(byte) else {
            throw error("no request has `%\(digits)` in its path; write `\(Text([byte]))`")
        }
        guard digits.bytes.allSatisfy({ !(0x61...0x66 ~= $0) }) else {
            throw error("no request has `%\(digits)` in its path; write its digits in upper case")
        }
        rest = rest.dropFirst(2)
        return byte
    }
}

extension Text {
    /// The first `%` with two hexadecimal digits of either case, which no decoded path has (contract §3).
    var firstEscape: Text? {
        for index in bytes.indices.dropLast(2) where bytes[index] == 0x25 {
            let digits = bytes[(index + 1)...(index + 2)]
            if digits.allSatisfy({ $0.hexValue != nil }) { return Text([0x25] + digits) }
        }
        return nil
    }
}
