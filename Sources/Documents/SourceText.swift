internal import Primitives

/// The characters of one document, checked before any parser sees them, and where each of them stands.
///
/// Only characters that an editor shows, and only line ends that every reader counts alike (LF, CR LF), are let
/// through, so that `line:column` means one place.
struct SourceText {
    let string: String
    let file: String
    private let scalars: [Unicode.Scalar]
    /// Where each line begins, as an index of `scalars`.
    private let lineStarts: [Int]

    init(_ bytes: [UInt8], file: String) throws(DocumentError) {
        self.file = file
        guard bytes.count <= YAMLReader.bytesMax else {
            throw DocumentError(
                "the file has more than \(YAMLReader.bytesMax) bytes",
                at: Position(file: file, line: 1, column: 1))
        }
        try Self.checkUTF8(bytes, file: file)
        string = String(decoding: bytes, as: UTF8.self)
        let scalars = Array(string.unicodeScalars)
        self.scalars = scalars
        lineStarts = [0] + scalars.indices.filter { scalars[$0] == "\n" }.map { $0 + 1 }
        if let index = scalars.indices.first(where: { !Self.isAllowed(scalars, at: $0) }) {
            let code = String(scalars[index].value, radix: 16, uppercase: true)
            throw DocumentError(
                "the character U+\(code) may not stand in a document", at: position(of: index))
        }
    }

    func position(line: Int, column: Int) -> Position { Position(file: file, line: line, column: column) }

    /// The character that stands there; nil past the end.
    func scalar(line: Int, column: Int) -> Unicode.Scalar? {
        guard lineStarts.indices.contains(line - 1), column >= 1 else { return nil }
        let index = lineStarts[line - 1] + column - 1
        return index < scalars.count ? scalars[index] : nil
    }

    /// The first alias whose anchor is in the document too.
    ///
    /// Aliases are refused wherever they are found; this finds them before the parser follows them, because aliases
    /// of aliases grow without bound. It reads signs, not syntax: a comment or text with both `&x` and `*x` is refused too.
    func firstFollowedAlias() -> Position? {
        let anchors = Set(marks("&").map(\.name))
        return marks("*").first { anchors.contains($0.name) }.map { position(of: $0.index) }
    }

    /// What looks like an anchor or alias: the sign where a value may begin, then a name.
    private func marks(_ sign: Unicode.Scalar) -> [(name: Text, index: Int)] {
        scalars.indices.compactMap { index in
            guard scalars[index] == sign, index == 0 || Self.mayPrecedeValue(scalars[index - 1]) else {
                return nil
            }
            let name = scalars[(index + 1)...].prefix(while: Self.isNameCharacter)
            return name.isEmpty ? nil : (Text(name.map { UInt8(truncatingIfNeeded: $0.value) }), index)
        }
    }

    private func position(of index: Int) -> Position {
        let line = lineStarts.partitioningIndex { $0 > index }
        return Position(file: file, line: line, column: index - lineStarts[line - 1] + 1)
    }

    private static func checkUTF8(_ bytes: [UInt8], file: String) throws(DocumentError) {
        guard !UTF8Check.isValid(bytes) else { return }
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        let bad = lines.firstIndex { !UTF8Check.isValid(Array($0)) } ?? 0
        let column =
            String(decoding: lines[bad], as: UTF8.self).unicodeScalars.prefix { $0 != "\u{FFFD}" }.count + 1
        throw DocumentError("not UTF-8", at: Position(file: file, line: bad + 1, column: column))
    }

    private static func isAllowed(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
        switch scalars[index].value {
        case 0x0D: index + 1 < scalars.count && scalars[index + 1] == "\n"
        case 0x2028, 0x2029, 0xFEFF: false
        case 0x09, 0x0A, 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x10000...: true
        default: false
        }
    }

    private static func mayPrecedeValue(_ scalar: Unicode.Scalar) -> Bool {
        [" ", "\t", "\n", "\r", "[", "{", ",", ":", "?", "-"].contains(scalar)
    }

    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return false }
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        return byte.isASCIILetter || byte.isASCIIDigit || byte == 0x5F || byte == 0x2D
    }
}

extension [Int] {
    /// The first index whose element satisfies `belongs`, in an array where all that do come last.
    fileprivate func partitioningIndex(where belongs: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
