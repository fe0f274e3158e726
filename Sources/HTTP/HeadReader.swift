import Primitives

/// A whole head, cut into lines without their CR LF; the first is the start line.
struct Head: Sendable {
    let bytes: [UInt8]
    let lines: [Range<Int>]

    var startLine: ArraySlice<UInt8> { lines.first.map { bytes[$0] } ?? [] }

    func fields() throws(HTTPError) -> HTTPFields {
        var fields = HTTPFields()
        for line in lines.dropFirst() { fields.append(try FieldLine.parse(bytes[line])) }
        return fields
    }
}

/// Collects a head until its empty line.
///
/// What is wrong with line ends and sizes is found as soon as it is there.
struct HeadReader: Sendable {
    private let limits: HTTPLimits
    /// Bounds the first line before all of it has come.
    private let startLineBytesMax: Int
    private var scanner = LineScanner()
    private var lineStart = 0
    private var lines: [Range<Int>] = []

    /// The rest of a request line: two spaces, `HTTP/1.1` and CR.
    private static let requestLineRest = 11

    static func request(_ limits: HTTPLimits) -> HeadReader {
        HeadReader(limits, startLineBytesMax: limits.methodBytesMax + limits.targetBytesMax + requestLineRest)
    }

    static func response(_ limits: HTTPLimits) -> HeadReader {
        HeadReader(limits, startLineBytesMax: limits.headBytesMax)
    }

    private init(_ limits: HTTPLimits, startLineBytesMax: Int) {
        self.limits = limits
        self.startLineBytesMax = startLineBytesMax
    }

    /// Takes the head out of `input`; nil while it is not whole.
    mutating func next(from input: inout InputBuffer) throws(HTTPError) -> Head? {
        while let lineEnd = try scanner.lineEnd(in: input, from: lineStart) {
            guard scanner.scanned <= limits.headBytesMax else { throw .headTooLarge }
            if lineEnd == lineStart { return Head(bytes: input.take(lineEnd + 2), lines: lines) }
            guard lines.count <= limits.fieldsMax else { throw .tooManyFields }
            lines.append(lineStart..<lineEnd)
            lineStart = lineEnd + 2
        }
        guard input.count <= limits.headBytesMax else { throw .headTooLarge }
        guard !lines.isEmpty || input.count <= startLineBytesMax else { throw .targetTooLong }
        return nil
    }
}

/// One field line (RFC 9112 §5).
enum FieldLine {
    static func parse(_ line: ArraySlice<UInt8>) throws(HTTPError) -> HTTPField {
        let token = ByteSet.token
        guard let colon = line.firstIndex(where: { !token.contains($0) }) else { throw .badFieldName }
        guard colon > line.startIndex, line[colon] == Byte.colon else { throw wrongName(line, at: colon) }
        let value = line[(colon + 1)...]
        try check(value)
        return HTTPField(Text(Array(line[..<colon])), Text(Array(value)))
    }

    /// Field values, reason phrases and chunk extensions hold no control bytes but HTAB.
    static func check(_ value: ArraySlice<UInt8>) throws(HTTPError) {
        let allowed = ByteSet.fieldValue
        guard let bad = value.first(where: { !allowed.contains($0) }) else { return }
        throw bad == Byte.carriageReturn ? .bareCarriageReturn : .controlByte
    }

    private static func wrongName(_ line: ArraySlice<UInt8>, at index: Int) -> HTTPError {
        switch line[index] {
        case Byte.space, Byte.tab: index == line.startIndex ? .obsoleteFolding : .spaceBeforeColon
        case Byte.carriageReturn: .bareCarriageReturn
        default: .badFieldName
        }
    }
}
