public import Primitives

/// One HTTP/1.x connection from an agent, without its socket: bytes and answers in, events and bytes out.
///
///     head ── request ──→ body ── end ──→ awaitingResponse ── answered ──→ head (the next request)
///                          └─ answered first ─→ discarding ── rest dropped ──┘
///     any ── error · a request or response that closes · too much to drop ──→ finished
///
/// One request at a time: what the agent sends ahead waits in a bounded buffer (`wantsInput`) until the
/// response before it is whole. An error is thrown once; it may then be answered with `send` when
/// `owesResponse` says so, and the connection closes. What is sent after a response was cut off that way is
/// dropped. The driver calls `nextEvent` until it is nil after every `receive`, `receiveEnd` and `sendEnd`,
/// writes `takeOutput`, and closes when `shouldClose`.
public struct HTTP1Server: ~Copyable {
    private enum Reading {
        case head(HeadReader)
        case body(BodyReader)
        /// The response is out; `Int` bytes of the rest of the request were dropped.
        case discarding(BodyReader, Int)
        case awaitingResponse
        case finished
    }

    private let limits: HTTPLimits
    private var input = InputBuffer()
    private var output: [UInt8] = []
    private var reading: Reading
    private var exchange: Exchange?
    private var isDraining = false
    /// The agent has closed its side.
    ///
    /// What it sent whole is still answered.
    public private(set) var peerHasEnded = false

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        reading = .head(.request(limits))
    }
}

// What comes in.
extension HTTP1Server {
    /// Bytes as they came; dropped once nothing is read any more.
    public mutating func receive(_ bytes: [UInt8]) {
        if case .finished = reading { return }
        input.append(bytes)
    }

    /// The agent closed its side.
    public mutating func receiveEnd() {
        peerHasEnded = true
    }

    /// False: stop reading from the socket until an event was taken or a response finished.
    public var wantsInput: Bool {
        !peerHasEnded && input.count <= max(limits.bufferedBytesMax, limits.headBytesMax)
    }

    /// Nil: more input is needed, or the response to the previous request is not finished.
    public mutating func nextEvent() throws(HTTPError) -> HTTPEvent? {
        do throws(HTTPError) {
            return try readEvent()
        } catch {
            stopReading()
            throw error
        }
    }

    private mutating func readEvent() throws(HTTPError) -> HTTPEvent? {
        if case .discarding(let reader, let dropped) = reading { discard(reader, dropped) }
        switch reading {
        case .head(let reader): return try readHead(reader)
        case .body(let reader): return try readBody(reader)
        case .discarding, .awaitingResponse, .finished: return nil
        }
    }

    private mutating func readHead(_ reader: HeadReader) throws(HTTPError) -> HTTPEvent? {
        guard !input.isEmpty else { return nil }
        // Found before the line is whole: a TLS hello, an empty line, HTTP/0.9 from something that is no
        // client.
        guard ByteSet.token.contains(input[0]) else { throw .badRequestLine }
        var reader = reader
        guard let head = try reader.next(from: &input) else {
            reading = .head(reader)
            if peerHasEnded { throw .truncated }
            return nil
        }
        let request = try RequestReader.read(head, limits)
        exchange = Exchange(request)
        reading = .body(BodyReader(request.body))
        return .request(request)
    }

    private mutating func readBody(_ reader: BodyReader) throws(HTTPError) -> HTTPEvent? {
        var reader = reader
        let content = try reader.next(from: &input, limits)
        reading = .body(reader)
        if !content.isEmpty { return .body(content) }
        if reader.isFinished {
            reading = .awaitingResponse
            return .end
        }
        if peerHasEnded { throw .truncated }
        return nil
    }

    /// Reads over the rest of a request that was answered before it was whole; ends in `head`, `discarding`
    /// or `finished`.
    private mutating func discard(_ reader: BodyReader, _ dropped: Int) {
        var reader = reader
        let content: [UInt8]
        do throws(HTTPError) {
            content = try reader.next(from: &input, limits)
        } catch {
            return finish()
        }
        let dropped = dropped + content.count
        if reader.isFinished && !isDraining {
            reading = .head(.request(limits))
        } else if reader.isFinished || peerHasEnded || dropped + reader.remaining > limits.discardedBytesMax {
            finish()
        } else {
            reading = .discarding(reader, dropped)
        }
    }

    private mutating func finish() {
        reading = .finished
        input.removeAll()
    }

    /// After an error: a response that has begun cannot be finished honestly, one that has not begun may be
    /// an error response.
    private mutating func stopReading() {
        finish()
        let hasBegun = exchange?.writer != nil
        exchange = hasBegun ? nil : Exchange(closingAfter: exchange?.method, exchange?.version)
    }
}

// What goes out.
extension HTTP1Server {
    /// `100 Continue`, if the agent waits for it; otherwise nothing.
    public mutating func sendContinue() {
        guard let exchange, exchange.owesContinue, exchange.writer == nil else { return }
        self.exchange?.owesContinue = false
        output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
    }

    /// A 1xx response other than 101, before the response; dropped when it comes later, and for HTTP/1.0
    /// agents.
    public mutating func sendInformational(_ response: HTTPResponse) {
        precondition(
            (100...199).contains(response.status) && response.status != 101, "1xx but 101 is informational")
        guard let exchange, exchange.writer == nil, exchange.version == .http11 else { return }
        if response.status == 100 { self.exchange?.owesContinue = false }
        MessageWriter.response(response, .none, nil, to: &output)
    }

    /// The head of the response; `body` says what `sendBody` and `sendEnd` will bring.
    ///
    /// It is framed anew: `Content-Length` or chunked, to HTTP/1.0 agents up to the close. After `HEAD`, and
    /// with 204 and 304, no body is sent whatever is given. After an error, or while a request's head is
    /// incomplete (408), the connection closes behind it. `method` is only for the reader: the engine knows
    /// what it answers.
    public mutating func send(_ response: HTTPResponse, body: BodyLength, to method: Text? = nil) {
        precondition((200...599).contains(response.status), "a response is final")
        guard var exchange = exchange ?? unaskedExchange() else { return finish() }
        precondition(exchange.writer == nil, "a request has one response")
        let framing = ResponseFraming(response, body, to: exchange.method, exchange.version)
        exchange.closes = exchange.closes || isDraining || framing.closes || cannotDiscard(exchange)
        exchange.writer = framing.writer
        MessageWriter.response(response, framing.announced, exchange.connectionOption, to: &output)
        self.exchange = exchange
    }

    /// A piece of the response's body; more than its head said is a programming error.
    public mutating func sendBody(_ bytes: [UInt8]) {
        guard var writer = exchange?.writer else { return expectAbandoned() }
        exchange?.writer = nil
        writer.write(bytes, to: &output)
        exchange?.writer = writer
    }

    /// The response is whole.
    ///
    /// If it is shorter than its head said, the connection closes so that the agent notices.
    public mutating func sendEnd() {
        guard let exchange, let writer = exchange.writer else { return expectAbandoned() }
        let isWhole = writer.end(to: &output)
        self.exchange = nil
        guard isWhole, !exchange.closes, !isDraining else { return finish() }
        switch reading {
        case .awaitingResponse: reading = .head(.request(limits))
        case .body(let reader): discard(reader, 0)
        case .head, .discarding, .finished: preconditionFailure("a response belongs to one request")
        }
    }

    /// Nothing is written any more once an error ended the response.
    private func expectAbandoned() {
        guard case .finished = reading else {
            preconditionFailure("the head of a response comes before its body")
        }
    }

    /// The response cannot be finished: nothing more is written, and the connection closes without the mark
    /// of its end.
    public mutating func abandonResponse() {
        exchange = nil
        finish()
    }

    /// The bytes to write, once.
    public mutating func takeOutput() -> [UInt8] {
        let taken = output
        output = []
        return taken
    }

    /// Nil when a response is out already: a second one would be taken for the answer to the next request.
    private mutating func unaskedExchange() -> Exchange? {
        guard case .head = reading else { return nil }
        finish()
        return Exchange(closingAfter: nil, nil)
    }

    /// True when the rest of the request is not worth reading, or may never come because nobody said `100
    /// Continue`.
    private func cannotDiscard(_ exchange: Exchange) -> Bool {
        guard case .body(let reader) = reading, !reader.isFinished else { return false }
        return exchange.owesContinue || reader.remaining - input.count > limits.discardedBytesMax
    }
}

// What the driver asks.
extension HTTP1Server {
    /// Drain: the request in flight is answered with `Connection: close`; without one the connection may
    /// close now.
    public mutating func closeAfterResponse() {
        isDraining = true
    }

    /// True: close once the output is written.
    public var shouldClose: Bool {
        guard exchange == nil else { return false }
        switch reading {
        case .finished: return true
        case .head: return input.isEmpty && (peerHasEnded || isDraining)
        case .discarding: return isDraining
        case .body, .awaitingResponse: return false
        }
    }

    /// Between requests, with nothing received and nothing to write.
    public var isIdle: Bool {
        guard case .head = reading else { return false }
        return input.isEmpty && output.isEmpty && exchange == nil
    }

    /// A request was begun and its body is not whole.
    public var isReadingBody: Bool {
        guard case .body(let reader) = reading else { return false }
        return !reader.isFinished
    }

    /// A request, or an error that was thrown, awaits the head of its response.
    public var owesResponse: Bool {
        guard let exchange else { return false }
        return exchange.writer == nil
    }
}
