import Primitives

/// Writes heads.
///
/// Framing and `Connection` are ours; nothing that was received decides where a message ends.
enum MessageWriter {
    /// A whole head, of which the connection writes framing and `Connection`.
    static func response(
        _ response: HTTPResponse, _ length: BodyLength, _ connectionOption: Text?, to output: inout [UInt8]
    ) {
        statusLine(response, to: &output)
        fields(response.fields, to: &output)
        framing(length, to: &output)
        if let connectionOption { append("Connection", connectionOption, to: &output) }
        output.append(contentsOf: "\r\n".utf8)
    }

    /// A whole head.
    static func request(_ head: HTTPRequestHead, to output: inout [UInt8]) {
        requestLine(head, to: &output)
        fields(head.fields, droppingExpect: true, to: &output)
        framing(head.body, to: &output)
        output.append(contentsOf: "\r\n".utf8)
    }

    private static func requestLine(_ head: HTTPRequestHead, to output: inout [UInt8]) {
        precondition(
            !head.method.isEmpty && ByteSet.token.containsAll(head.method.bytes), "a method is a token")
        output.append(contentsOf: head.method.bytes)
        output.append(Byte.space)
        output.append(contentsOf: head.target.text.bytes)
        output.append(contentsOf: " HTTP/1.1\r\n".utf8)
    }

    private static func statusLine(_ response: HTTPResponse, to output: inout [UInt8]) {
        precondition((100...599).contains(response.status), "a status is from 100 to 599")
        output.append(contentsOf: "HTTP/1.1 \(response.status) ".utf8)
        append(value: response.reason, to: &output)
        output.append(contentsOf: "\r\n".utf8)
    }

    /// All but those whose meaning ends here: framing, hop-by-hop fields and, in requests, `Expect` (the
    /// answer to it is given on the connection it came from).
    private static func fields(_ fields: HTTPFields, droppingExpect: Bool = false, to output: inout [UInt8]) {
        for field in fields.fields where !HopByHop.isHopByHop(field.key) && field.key != "content-length" {
            if droppingExpect && field.key == "expect" { continue }
            append(field.name, field.value, to: &output)
        }
    }

    private static func framing(_ body: BodyLength, to output: inout [UInt8]) {
        switch body {
        case .none, .untilClose: break
        case .exactly(let count): append("Content-Length", Text(String(count)), to: &output)
        case .chunked: append("Transfer-Encoding", "chunked", to: &output)
        }
    }

    private static func append(_ name: Text, _ value: Text, to output: inout [UInt8]) {
        precondition(!name.isEmpty && ByteSet.token.containsAll(name.bytes), "a field name is a token")
        output.append(contentsOf: name.bytes)
        output.append(contentsOf: ": ".utf8)
        append(value: value, to: &output)
        output.append(contentsOf: "\r\n".utf8)
    }

    /// A control byte would end the field: it becomes a space (RFC 9110 §5.5).
    private static func append(value: Text, to output: inout [UInt8]) {
        let allowed = ByteSet.fieldValue
        if allowed.containsAll(value.bytes) {
            output.append(contentsOf: value.bytes)
        } else {
            output.append(contentsOf: value.bytes.map { allowed.contains($0) ? $0 : Byte.space })
        }
    }
}

/// Frames the body that is being sent.
enum BodyWriter: Sendable {
    /// The message has no body (`HEAD`, 204, 304): what is written is dropped.
    case discarding
    case exactly(remaining: Int)
    case chunked
    case untilClose

    init(_ length: BodyLength) {
        switch length {
        case .none: self = .exactly(remaining: 0)
        case .exactly(let count): self = .exactly(remaining: count)
        case .chunked: self = .chunked
        case .untilClose: self = .untilClose
        }
    }

    mutating func write(_ bytes: [UInt8], to output: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        switch self {
        case .discarding:
            break
        case .exactly(let remaining):
            precondition(bytes.count <= remaining, "a body is not longer than its head said")
            output.append(contentsOf: bytes)
            self = .exactly(remaining: remaining - bytes.count)
        case .chunked:
            output.append(contentsOf: String(bytes.count, radix: 16).utf8)
            output.append(contentsOf: "\r\n".utf8)
            output.append(contentsOf: bytes)
            output.append(contentsOf: "\r\n".utf8)
        case .untilClose:
            output.append(contentsOf: bytes)
        }
    }

    /// True when the body is as long as its head said.
    func end(to output: inout [UInt8]) -> Bool {
        switch self {
        case .discarding, .untilClose: return true
        case .exactly(let remaining): return remaining == 0
        case .chunked:
            output.append(contentsOf: "0\r\n\r\n".utf8)
            return true
        }
    }
}
