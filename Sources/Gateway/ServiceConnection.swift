public import Crypto
public import HTTP
public import Primitives
public import Reactor

/// A request to one of our own endpoints, read whole.
public struct ServiceRequest: Sendable {
    public let head: HTTPRequest
    public let body: [UInt8]
    /// The client's certificate where TLS asked for one and got it; its chain is not checked, it is looked up by digest.
    public let certificate: Certificate?

    public var method: Text { head.method }
    public var path: Text { head.target.path }
}

/// A whole answer of one of our own endpoints.
public struct ServiceResponse: Sendable {
    public var status: Int
    public var fields: [(Text, Text)]
    public var body: [UInt8]

    public init(status: Int, fields: [(Text, Text)], body: [UInt8]) {
        (self.status, self.fields, self.body) = (status, fields, body)
    }

    public static func json(_ status: Int, _ json: JSON, _ fields: [(Text, Text)] = []) -> ServiceResponse {
        ServiceResponse(
            status: status, fields: [("content-type", "application/json")] + fields,
            body: json.encoded + [0x0A])
    }

    public static func text(_ status: Int, _ text: String) -> ServiceResponse {
        ServiceResponse(
            status: status, fields: [("content-type", "text/plain; charset=utf-8")], body: Array(text.utf8))
    }

    /// RFC 9457.
    public static func problem(_ status: Int, _ slug: String, _ detail: String, _ fields: [(Text, Text)] = [])
        -> ServiceResponse
    {
        ServiceResponse(
            status: status, fields: [("content-type", "application/problem+json")] + fields,
            body: JSON.object([
                "type": .string("https://sallyport.dev/problems/\(slug)"),
                "title": .string(HTTPResponse.reason(of: status)), "status": .integer(Int64(status)),
                "detail": .string(detail),
            ]).encoded + [0x0A])
    }
}

/// Answers requests; `respond` is called once, on the request's loop.
public protocol ServiceEndpoint: AnyObject, Sendable {
    func handle(
        _ request: ServiceRequest, on loop: Loop, _ respond: @escaping @Sendable (ServiceResponse) -> Void)
}

/// A plain-HTTP listener for an endpoint: the demo's tool and issuer.
public struct ServiceListener: Sendable {
    private static let connectionsMax = 1_000

    private let listener: Listener
    public var port: Int { listener.port }

    public init(_ endpoint: any ServiceEndpoint, address: Text, on loops: EventLoops) throws(ReactorError) {
        listener = try Listener.bind(address, on: loops, backlog: 128, connectionsMax: Self.connectionsMax) {
            ServiceConnection($0, endpoint, tls: nil)
        }
    }

    public func close() { listener.close() }
}

/// One connection to one of our own endpoints: TLS where configured, small whole requests, one at a time.
final class ServiceConnection: ConnectionHandler {
    static let bodyBytesMax = 64 * 1024
    static let idleTimeout: Duration = .seconds(60)

    private let socket: Connection
    private let endpoint: any ServiceEndpoint
    private let tls: TLSSession?
    private var http = HTTP1Server()
    private var request: HTTPRequest?
    private var body: [UInt8] = []
    private var isAnswering = false
    private var isClosing = false
    private var timer: Timer?

    init(_ socket: Connection, _ endpoint: any ServiceEndpoint, tls context: TLSServerContext?) {
        (self.socket, self.endpoint) = (socket, endpoint)
        tls = context.map { TLSSession(server: $0) { _ in .accepted } }
        rearm()
    }

    func received(_ bytes: RawSpan) {
        guard !isClosing else { return }
        rearm()
        guard let tls else {
            http.receive(bytes.copied)
            return pump()
        }
        tls.receive(bytes)
        readTLS(tls)
    }

    private func readTLS(_ tls: TLSSession) {
        while true {
            switch tls.nextEvent() {
            case .needsInput: return pump()
            case .handshakeCompleted: break
            case .plaintext(let bytes): http.receive(bytes)
            case .closed: return receivedEnd()
            case .failed: return close()
            }
        }
    }

    func receivedEnd() {
        http.receiveEnd()
        pump()
        if !isAnswering { close() }
    }

    func writabilityChanged(_ isWritable: Bool) { if isWritable { pump() } }

    func closed(_ error: ConnectionError?) {
        isClosing = true
        timer?.cancel()
    }

    private func pump() {
        do throws(HTTPError) {
            while mayTake, let event = try http.nextEvent() { take(event) }
        } catch {
            if http.owesResponse {
                respond(.problem(error.status, "ambiguous-request", error.description))
            } else {
                close()
            }
        }
        flush()
        if http.wantsInput, socket.isWritable { socket.resumeReading() } else { socket.pauseReading() }
    }

    /// A client that asks and does not read must not fill our memory with answers.
    private var mayTake: Bool { !isAnswering && !isClosing && socket.isWritable }

    private func take(_ event: HTTPEvent) {
        switch event {
        case .request(let head):
            (request, body) = (head, [])
            http.sendContinue()
        case .body(let bytes):
            guard body.count + bytes.count <= Self.bodyBytesMax else {
                return respond(.problem(413, "body-too-large", "at most \(Self.bodyBytesMax) bytes"))
            }
            body += bytes
        case .end: hand()
        case .response, .informational: preconditionFailure("a client does not send responses")
        }
    }

    private func hand() {
        guard let head = request else { return }
        isAnswering = true
        let loop = socket.loop
        let bound = LoopBound(self, on: loop)
        let request = ServiceRequest(head: head, body: body, certificate: tls?.peerChain.first)
        endpoint.handle(request, on: loop) { response in bound.value.respond(response) }
    }

    private func respond(_ response: ServiceResponse) {
        isAnswering = false
        guard !isClosing else { return }
        let fields = [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] + response.fields
        http.send(
            HTTPResponse(status: response.status, fields: HTTPFields(fields)),
            body: .exactly(response.body.count))
        http.sendBody(response.body)
        http.sendEnd()
        flush()
        if !isClosing { socket.loop.executeHere { [weak self] in self?.pump() } }
    }

    private func flush() {
        guard !isClosing else { return }
        var bytes = http.takeOutput()
        if let tls {
            if !bytes.isEmpty { tls.send(bytes) }
            bytes = tls.takeOutput()
        }
        if !bytes.isEmpty { socket.write(bytes) }
        socket.flush()
        if http.shouldClose { close() }
    }

    private func close() {
        guard !isClosing else { return }
        isClosing = true
        timer?.cancel()
        if let tls {
            if tls.isEstablished { tls.sendClose() }
            let bytes = tls.takeOutput()
            if !bytes.isEmpty { socket.write(bytes) }
        }
        socket.close()
    }

    private func rearm() {
        timer?.cancel()
        timer = socket.loop.scheduleHere(after: Self.idleTimeout) { [weak self] in
            guard let self, !isAnswering else { return }
            close()
        }
    }
}
