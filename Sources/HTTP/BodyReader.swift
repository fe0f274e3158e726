import Primitives

/// Reads one body off the input, piece by piece, and knows where it ends.
///
///     exactly(n) ─────────────────────────────→ finished
///     chunkLine → chunkData(n) → chunkEnd ┐
///         ↑ └──────────────────────────────┘
///         └ size 0 → trailers ────────────────→ finished
///     untilClose ── end of the connection ────→ finished
struct BodyReader: Sendable {
    private enum State {
        case exactly(Int)
        case chunkLine(LineScanner)
        case chunkData(Int)
        case chunkEnd
        case trailers(LineScanner, bytes: Int, count: Int)
        case untilClose
        case finished
    }

    private var state: State

    init(_ length: BodyLength) {
        switch length {
        case .none, .exactly(0): state = .finished
        case .exactly(let count): state = .exactly(count)
        case .chunked: state = .chunkLine(LineScanner())
        case .untilClose: state = .untilClose
        }
    }

    var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// What must still come at least, in bytes.
    var remaining: Int {
        switch state {
        case .exactly(let count), .chunkData(let count): count
        case .chunkLine, .chunkEnd, .trailers, .untilClose, .finished: 0
        }
    }

    /// All the content that `input` holds, over as many chunks as there are; empty when more input is needed
    /// or the body is finished.
    mutating func next(from input: inout InputBuffer, _ limits: HTTPLimits) throws(HTTPError) -> [UInt8] {
        var content: [UInt8] = []
        while !input.isEmpty, try step(&input, &content, limits) {}
        return content
    }

    /// The connection ended, and all input was read.
    mutating func receiveEnd() throws(HTTPError) {
        switch state {
        case .untilClose, .finished: state = .finished
        case .exactly, .chunkLine, .chunkData, .chunkEnd, .trailers: throw .truncated
        }
    }

    /// One step; false when nothing more can be done with this input.
    private mutating func step(
        _ input: inout InputBuffer, _ content: inout [UInt8], _ limits: HTTPLimits
    ) throws(HTTPError) -> Bool {
        let next: State
        switch state {
        case .exactly(let count):
            let left = Self.move(count, from: &input, to: &content)
            next = left == 0 ? .finished : .exactly(left)
        case .chunkData(let count):
            let left = Self.move(count, from: &input, to: &content)
            next = left == 0 ? .chunkEnd : .chunkData(left)
        case .untilClose:
            _ = Self.move(input.count, from: &input, to: &content)
            next = .untilClose
        case .chunkEnd:
            guard input[0] == Byte.carriageReturn else { throw .badChunk }
            guard input.count > 1 else { return false }
            guard input[1] == Byte.lineFeed else { throw .badChunk }
            input.drop(2)
            next = .chunkLine(LineScanner())
        case .chunkLine(let scanner):
            return try readChunkLine(scanner, &input, limits)
        case .trailers(let scanner, let bytes, let count):
            return try readTrailer(scanner, bytes, count, &input, limits)
        case .finished:
            return false
        }
        state = next
        return true
    }

    /// Moves up to `count` bytes; the number of those that are still to come.
    private static func move(_ count: Int, from input: inout InputBuffer, to content: inout [UInt8]) -> Int {
        let moved = min(count, input.count)
        if content.isEmpty {
            content = input.take(moved)
        } else {
            content.append(contentsOf: input.slice(0..<moved))
            input.drop(moved)
        }
        return count - moved
    }

    private mutating func readChunkLine(
        _ scanner: LineScanner, _ input: inout InputBuffer, _ limits: HTTPLimits
    ) throws(HTTPError) -> Bool {
        var scanner = scanner
        let end = try scanner.lineEnd(in: input, from: 0)
        // One more than the line may be its CR.
        guard end ?? input.count - 1 <= limits.chunkLineBytesMax else { throw .chunkLineTooLong }
        guard let end else {
            state = .chunkLine(scanner)
            return false
        }
        let size = try Self.chunkSize(input.slice(0..<end))
        input.drop(end + 2)
        state = size == 0 ? .trailers(LineScanner(), bytes: 0, count: 0) : .chunkData(size)
        return true
    }

    /// `1*HEXDIG [";" extensions]` (RFC 9112 §7.1); the extensions are dropped.
    private static func chunkSize(_ line: ArraySlice<UInt8>) throws(HTTPError) -> Int {
        let digits = line.prefix { $0.hexValue != nil }
        guard (1...Framing.digitsMax).contains(digits.count) else { throw .badChunk }
        let extensions = line[digits.endIndex...]
        guard extensions.isEmpty || extensions.first == Byte.semicolon && extensions.count > 1 else {
            throw .badChunk
        }
        try FieldLine.check(extensions)
        return digits.reduce(0) { $0 << 4 | Int($1.hexValue ?? 0) }
    }

    /// Read as strictly as fields of a head, and dropped.
    private mutating func readTrailer(
        _ scanner: LineScanner, _ bytes: Int, _ count: Int, _ input: inout InputBuffer, _ limits: HTTPLimits
    ) throws(HTTPError) -> Bool {
        var scanner = scanner
        let end = try scanner.lineEnd(in: input, from: 0)
        guard bytes + (end ?? input.count) <= limits.trailerBytesMax else { throw .trailersTooLarge }
        guard let end else {
            state = .trailers(scanner, bytes: bytes, count: count)
            return false
        }
        if end == 0 {
            state = .finished
        } else {
            guard count < limits.fieldsMax else { throw .trailersTooLarge }
            _ = try FieldLine.parse(input.slice(0..<end))
            state = .trailers(LineScanner(), bytes: bytes + end + 2, count: count + 1)
        }
        input.drop(end + 2)
        return true
    }
}
