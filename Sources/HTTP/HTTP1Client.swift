import Primitives

/// One HTTP/1.1 connection to a tool, without its socket: one request at a time.
///
///     idle ── send ──→ head ── response ──→ body ── end ──→ idle (`isReusable`) or closed
///                       └── 1xx ──→ head
///
/// The tool is read as strictly as the agent. A response may begin, and even end, before the request is sent
/// whole; the connection is then not used again. An error is thrown once, and the connection is of no further
/// use.
public struct HTTP1Client: ~Copyable {
    private enum Reading {
        case idle
        case head(HeadReader)
        case body(BodyReader, keepAlive: Bool)
        case closed
    }

    private let limits: HTTPLimits
    private var input = InputBuffer()
    private var output: [UInt8] = []
    private var reading = Reading.idle
    private var method: Text = ""
    /// Nil when no request is being sent.
    private var writer: BodyWriter?
    private var informationalCount = 0
    /// The tool has closed its side.
    public private(set) var peerHasEnded = false

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }
}

// What goes out.
extension HTTP1Client {
    /// The head of a request, in origin form; `head.body` says what `sendBody` and `sendEnd` will bring.
    ///
    /// Needs `isReusable`.
    public mutating func send(_ head: HTTPRequestHead) {
        precondition(isReusable, "a connection carries one request at a time")
        precondition(head.fields.values("host").count == 1, "a request has one host")
        precondition(head.body != .untilClose, "a request does not end with its connection")
        MessageWriter.request(head, to: &output)
        method = head.method
        writer = BodyWriter(head.body)
        informationalCount = 0
        reading = .head(.response(limits))
    }

    /// A piece of the request's body; more than its head said is a programming error.
    public mutating func sendBody(_ bytes: [UInt8]) {
        guard var writer else { preconditionFailure("the head of a request comes before its body") }
        self.writer = nil
        writer.write(bytes, to: &output)
        self.writer = writer
    }

    /// The request is whole; shorter than its head said is a programming error (close the connection
    /// instead).
    public mutating func sendEnd() {
        guard let writer else { preconditionFailure("the head of a request comes before its end") }
        precondition(writer.end(to: &output), "a body is not shorter than its head said")
        self.writer = nil
    }

    /// The bytes to write, once.
    public mutating func takeOutput() -> [UInt8] {
        let taken = output
        output = []
        return taken
    }
}

// What comes in.
extension HTTP1Client {
    /// Bytes as they came; dropped once nothing is read any more.
    public mutating func receive(_ bytes: [UInt8]) {
        if case .closed = reading { return }
        input.append(bytes)
    }

    /// The tool closed its side.
    public mutating func receiveEnd() {
        peerHasEnded = true
    }

    /// False: stop reading from the socket until an event was taken.
    public var wantsInput: Bool {
        !peerHasEnded && input.count <= max(limits.bufferedBytesMax, limits.headBytesMax)
    }

    /// Nil: more input is needed, or no request is under way.
    public mutating func nextEvent() throws(HTTPError) -> HTTPEvent? {
        do throws(HTTPError) {
            return try readEvent()
        } catch {
            reading = .closed
            input.removeAll()
            throw error
        }
    }

    /// True: `send` may be called.
    ///
    /// The tool has not closed, has said nothing unasked, and the last exchange is over on both sides.
    public var isReusable: Bool {
        guard case .idle = reading else { return false }
        return writer == nil && input.isEmpty && !peerHasEnded
    }

    private mutating func readEvent() throws(HTTPError) -> HTTPEvent? {
        switch reading {
        case .head(let reader): return try readHead(reader)
        case .body(let reader, let keepAlive): return try readBody(reader, keepAlive)
        case .idle:
            guard input.isEmpty else { throw .unsolicitedResponse }
            return nil
        case .closed: return nil
        }
    }

    private mutating func readHead(_ reader: HeadReader) throws(HTTPError) -> HTTPEvent? {
        var reader = reader
        guard let head = try reader.next(from: &input) else {
            reading = .head(reader)
            if peerHasEnded { throw input.isEmpty ? .closedBeforeResponse : .truncated }
            return nil
        }
        let response = try ResponseReader.read(head, to: method)
        guard response.status >= 200 else { return try informational(response) }
        reading = .body(BodyReader(response.body), keepAlive: response.keepAlive)
        return .response(response)
    }

    private mutating func informational(_ response: HTTPResponse) throws(HTTPError) -> HTTPEvent {
        informationalCount += 1
        guard informationalCount <= limits.informationalMax else { throw .tooManyInformational }
        reading = .head(.response(limits))
        return .informational(response)
    }

    private mutating func readBody(_ reader: BodyReader, _ keepAlive: Bool) throws(HTTPError) -> HTTPEvent? {
        var reader = reader
        let content = try reader.next(from: &input, limits)
        if content.isEmpty && peerHasEnded { try reader.receiveEnd() }
        reading = .body(reader, keepAlive: keepAlive)
        if !content.isEmpty { return .body(content) }
        guard reader.isFinished else { return nil }
        reading = keepAlive ? .idle : .closed
        if !keepAlive { input.removeAll() }
        return .end
    }
}
