internal import Crypto
internal import HTTP
internal import Primitives
internal import Reactor

/// One HTTP request over one connection, for the tour: mutual TLS with a client of ours, or plain HTTP.
struct DemoClient: Sendable {
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]

        var json: JSON { (try? JSONParser.parse(body)) ?? .null }
        /// The last segment of an RFC 9457 problem type, wherever this answer carries one.
        var problem: Text {
            let document =
                json["result"]?["_meta"]?["sallyport.dev/problem"] ?? json["error"]?["data"] ?? json
            return document["type"]?.string?.split(on: 0x2F).last ?? ""
        }
    }

    struct Request: Sendable {
        var method: Text
        var target: Text
        var fields: [(Text, Text)] = []
        var body: [UInt8] = []
    }

    private static let timeout: Duration = .seconds(10)

    let port: Int
    /// Nil: plain HTTP.
    let tls: TLSClientContext?
    let loops: EventLoops

    /// Starts a request; the mailbox gets its answer, or closes when there is none.
    func start(_ request: Request) -> Mailbox<Answer> {
        let answer = Mailbox<Answer>(messagesMax: 1)
        let loop = loops.next()
        let (port, tls) = (port, tls)
        loop.execute {
            Connector.connect(to: .tcp(host: "127.0.0.1", port: port), on: loop, timeout: Self.timeout) {
                result in
                guard case .success(let socket) = result else {
                    answer.close()
                    return nil
                }
                let exchange = DemoExchange(socket, tls: tls, request, port: port, answer)
                loop.executeHere { exchange.begin() }
                return exchange
            }
        }
        return answer
    }

    /// Waits for the answer; never on a loop.
    ///
    /// Status 0: there was none.
    func send(_ request: Request) -> Answer {
        start(request).receiveAll()?.first ?? Answer(status: 0, body: [])
    }
}

private final class DemoExchange: ConnectionHandler {
    private let socket: Connection
    private let tls: TLSSession?
    private var http = HTTP1Client()
    private let request: DemoClient.Request
    private let port: Int
    private let mailbox: Mailbox<DemoClient.Answer>
    private var answer = DemoClient.Answer(status: 0, body: [])

    init(
        _ socket: Connection, tls: TLSClientContext?, _ request: DemoClient.Request, port: Int,
        _ mailbox: Mailbox<DemoClient.Answer>
    ) {
        (self.socket, self.request, self.port, self.mailbox) = (socket, request, port, mailbox)
        self.tls = tls.map { TLSSession(client: $0, serverName: "localhost", verifyPeer: nil) }
    }

    func begin() {
        guard let tls else { return post() }
        _ = tls.nextEvent()
        flush()
    }

    private func post() {
        guard let target = try? RequestTarget(request.target) else { return end() }
        let host = Text("localhost:\(port)")
        http.send(
            HTTPRequestHead(
                method: request.method, target: target, fields: HTTPFields([("host", host)] + request.fields),
                body: request.body.isEmpty ? .none : .exactly(request.body.count)))
        if !request.body.isEmpty { http.sendBody(request.body) }
        http.sendEnd()
        flush()
    }

    private func flush() {
        var bytes = http.takeOutput()
        if let tls {
            if !bytes.isEmpty { tls.send(bytes) }
            bytes = tls.takeOutput()
        }
        if !bytes.isEmpty { socket.write(bytes) }
        socket.flush()
    }

    func received(_ bytes: RawSpan) {
        guard let tls else {
            http.receive(bytes.copied)
            return read()
        }
        tls.receive(bytes)
        while true {
            switch tls.nextEvent() {
            case .needsInput:
                flush()
                return read()
            case .handshakeCompleted: post()
            case .plaintext(let plain): http.receive(plain)
            case .closed, .failed:
                read()
                return end()
            }
        }
    }

    private func read() {
        do throws(HTTPError) {
            while let event = try http.nextEvent() {
                switch event {
                case .response(let response): answer.status = response.status
                case .body(let bytes): answer.body += bytes
                case .end:
                    _ = mailbox.send(answer)
                    return end()
                case .request, .informational: break
                }
            }
        } catch {
            end()
        }
    }

    private func end() {
        mailbox.close()
        socket.close()
    }

    func receivedEnd() {
        http.receiveEnd()
        read()
        end()
    }

    func writabilityChanged(_ isWritable: Bool) {}
    func closed(_ error: ConnectionError?) { mailbox.close() }
}
