import Crypto
import Primitives

/// One connection of an agent or an approver, driven by hand.
final class Client {
    private let socket: ClientSocket
    private let tls: TLSSession?
    private var reader = AnswerReader()
    private var hasEnded = false
    /// The proxy ended its side by the rules of its protocol.
    private(set) var wasClosedInOrder = false
    private(set) var failure: String?

    /// In plain text without an identity or a context.
    init(port: Int, tls context: TLSClientContext? = nil, bufferBytes: Int32? = nil) {
        socket = ClientSocket(port: port, bufferBytes: bufferBytes)
        tls = context.map { TLSSession(client: $0, serverName: nil, verifyPeer: { _ in .accepted }) }
        guard let tls else { return }
        while socket.isOpen, !tls.isEstablished, failure == nil, !hasEnded {
            pumpTLS()
            flush()
            if !tls.isEstablished { read() }
        }
        flush()
    }

    var isEstablished: Bool { tls?.isEstablished ?? socket.isOpen }

    // MARK: Sending

    func send(_ bytes: [UInt8]) {
        guard let tls else {
            socket.send(bytes)
            return
        }
        tls.send(bytes)
        flush()
    }

    func send(_ text: Text) { send(text.bytes) }

    private func flush() {
        guard let bytes = tls?.takeOutput(), !bytes.isEmpty else { return }
        socket.send(bytes)
    }

    /// Bytes that were taken before the proxy stopped reading; what is in no buffer is not counted.
    func sendUntilStuck(_ piece: [UInt8], limit: Int, isStuck: () -> Bool) -> Int {
        var sent = 0
        var rest: ArraySlice<UInt8> = []
        while sent < limit {
            if rest.isEmpty {
                guard let tls else { return sent }
                tls.send(piece)
                rest = tls.takeOutput()[...]
            }
            let count = socket.sendWithoutWaiting(Array(rest))
            rest = rest.dropFirst(count)
            if rest.isEmpty {
                sent += piece.count
            } else if count == 0, isStuck() {
                unsent = Array(rest)
                return sent + piece.count
            }
        }
        return sent
    }

    private var unsent: [UInt8] = []

    /// Sends what `sendUntilStuck` could not.
    func sendRest() {
        socket.send(unsent)
        unsent = []
    }

    func endOutput() {
        tls?.sendClose()
        flush()
        socket.endOutput()
    }

    func close() { socket.close() }
    func reset() { socket.reset() }

    // MARK: Receiving

    /// The next response; nil when the connection ends, or nothing comes for long.
    func receive(toHead: Bool = false) -> Answer? {
        while true {
            if let answer = reader.next(hasEnded: hasEnded, toHead: toHead) { return answer }
            guard !hasEnded, failure == nil else { return nil }
            read()
        }
    }

    /// Waits until something has come, and leaves it to be read.
    func sawBytes() -> Bool {
        while reader.bufferedCount == 0, !hasEnded, failure == nil { read() }
        return reader.bufferedCount > 0
    }

    /// True when the proxy ends the connection, with nothing more to read.
    func sawEnd() -> Bool {
        while !hasEnded, failure == nil { read() }
        return hasEnded && reader.bufferedCount == 0
    }

    private func read() {
        guard let bytes = socket.receive() else {
            failure = failure ?? "nothing came, or the connection broke"
            return
        }
        if bytes.isEmpty { hasEnded = true }
        guard let tls else { return reader.receive(bytes) }
        tls.receive(bytes)
        pumpTLS()
        flush()
    }

    private func pumpTLS() {
        while let tls {
            switch tls.nextEvent() {
            case .needsInput: return
            case .handshakeCompleted: break
            case .plaintext(let bytes): reader.receive(bytes)
            case .closed: (hasEnded, wasClosedInOrder) = (true, true)
            case .failed(let error): failure = "\(error)"
            }
        }
    }

    // MARK: Requests

    /// Sends a request and reads its response.
    func call(
        _ method: Text, _ target: Text, _ fields: [(Text, Text)] = [], body: [UInt8] = [],
        host: Text = "localhost"
    ) -> Answer? {
        send(Client.request(method, target, fields, body: body, host: host))
        return receive(toHead: method == "HEAD")
    }

    static func request(
        _ method: Text, _ target: Text, _ fields: [(Text, Text)] = [], body: [UInt8] = [],
        host: Text = "localhost",
        length: Int? = nil
    ) -> [UInt8] {
        var text = method + " " + target + " HTTP/1.1\r\nHost: " + host
        for (name, value) in fields { text = text + "\r\n" + name + ": " + value }
        let count = length ?? body.count
        if count > 0 || method == "POST" { text = text + Text("\r\nContent-Length: \(count)") }
        return (text + "\r\n\r\n").bytes + body
    }
}
