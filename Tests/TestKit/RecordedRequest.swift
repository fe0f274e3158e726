public import Primitives

/// What came to a scripted tool as one request: its exact bytes.
public struct RecordedRequest: Sendable, Hashable {
    /// Which connection it came on; the first is 1.
    public let connection: Int
    public internal(set) var bytes: [UInt8] = []
    /// The head's length with its empty line; nil while it is not whole.
    public internal(set) var headCount: Int?
    public internal(set) var isComplete = false

    init(connection: Int) { self.connection = connection }

    /// Start line and fields without the empty line; all there is while the head is not whole.
    public var head: Text { Text(bytes.prefix(headCount.map { $0 - 4 } ?? bytes.count)) }

    /// After the head, as it came: chunked bodies with their framing.
    public var body: [UInt8] { headCount.map { Array(bytes.dropFirst($0)) } ?? [] }

    public var method: Text { startLine(0) }
    public var target: Text { startLine(1) }

    private func startLine(_ place: Int) -> Text {
        let parts = lines.first?.split(on: 0x20) ?? []
        return place < parts.count ? parts[place] : ""
    }

    private var lines: [Text] {
        head.split(on: 0x0A).map { $0.bytes.last == 0x0D ? $0.dropLast(1) : $0 }
    }

    /// The fields in their order, as they came but for white space around values.
    public var fields: [(name: Text, value: Text)] {
        lines.dropFirst().compactMap { line in
            line.firstIndex(of: 0x3A).map { (line.prefix($0), line.dropFirst($0 + 1).trimmed) }
        }
    }

    /// The values of every field of that name, whatever its case.
    public func values(_ name: Text) -> [Text] {
        fields.filter { $0.name.equalsIgnoringCase(name) }.map(\.value)
    }
}

/// Finds where requests end, trusting that they are well formed: it judges nothing.
struct RequestFramer {
    enum Event { case head, end }

    private enum Phase {
        case head
        case counted(Int)
        case chunkLine(start: Int)
        case trailers(lineStart: Int)
    }

    private var phase = Phase.head
    /// Of a chunk: what follows its bytes.
    private var isChunked = false
    private(set) var request: RecordedRequest

    init(connection: Int) { request = RecordedRequest(connection: connection) }

    /// Begins the next request of the same connection.
    mutating func begin() { self = RequestFramer(connection: request.connection) }

    /// Takes bytes up to the next event; nil when all are taken without one.
    mutating func take(_ input: inout ArraySlice<UInt8>) -> Event? {
        if case .counted(0) = phase { return counted() }
        while let byte = input.first {
            if case .counted(let rest) = phase {
                let piece = input.prefix(rest)
                request.bytes += piece
                input = input.dropFirst(piece.count)
                phase = .counted(rest - piece.count)
                if rest == piece.count, let event = counted() { return event }
                continue
            }
            request.bytes.append(byte)
            input = input.dropFirst()
            if byte == 0x0A, let event = lineEnded() { return event }
        }
        return nil
    }

    private mutating func lineEnded() -> Event? {
        switch phase {
        case .head:
            guard request.bytes.suffix(4).elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) else { return nil }
            request.headCount = request.bytes.count
            beginBody()
            return .head
        case .chunkLine(let start):
            let digits = request.bytes[start...].prefix { $0.hexValue != nil }
            let size = digits.reduce(0) { $0 << 4 | Int($1.hexValue ?? 0) }
            // With the line end after the chunk.
            phase = size == 0 ? .trailers(lineStart: request.bytes.count) : .counted(size + 2)
            return nil
        case .trailers(let start):
            guard request.bytes.count - start <= 2 else {
                phase = .trailers(lineStart: request.bytes.count)
                return nil
            }
            return end()
        case .counted: return nil
        }
    }

    private mutating func beginBody() {
        isChunked = !request.values("Transfer-Encoding").isEmpty
        let length = request.values("Content-Length").first.flatMap { Int($0.string) }
        phase = isChunked ? .chunkLine(start: request.bytes.count) : .counted(length ?? 0)
    }

    private mutating func counted() -> Event? {
        guard isChunked else { return end() }
        phase = .chunkLine(start: request.bytes.count)
        return nil
    }

    private mutating func end() -> Event {
        request.isComplete = true
        return .end
    }
}
