import HTTP
public import Primitives

/// What a scripted tool does about one request.
public struct UpstreamAnswer: Sendable {
    public enum Step: Sendable {
        case write([UInt8])
        /// That many bytes of `x`, as fast as the other side takes them and no faster.
        case fill(Int)
        case wait(Gate)
        /// Ends in order, after what was written.
        case close
        /// Ends with a reset; what was not sent is lost.
        case reset
        case stopReading
        case startReading
    }

    public enum Beginning: Sendable {
        /// As soon as the head is whole.
        case head
        /// When the whole request is there.
        case request
    }

    public var beginning: Beginning
    public var steps: [Step]

    public init(_ steps: [Step], beginning: Beginning = .request) {
        (self.steps, self.beginning) = (steps, beginning)
    }

    // MARK: Whole answers

    /// A response with its `Content-Length`.
    public static func respond(
        _ status: Int = 200, fields: [(Text, Text)] = [], body: [UInt8] = []
    ) -> UpstreamAnswer {
        UpstreamAnswer([.write(head(status, fields + [("Content-Length", Text(String(body.count)))]) + body)])
    }

    /// A response with a JSON body.
    public static func json(_ text: String, status: Int = 200) -> UpstreamAnswer {
        respond(status, fields: [("Content-Type", "application/json")], body: Array(text.utf8))
    }

    /// A response in these chunks.
    public static func chunked(_ chunks: [[UInt8]], status: Int = 200) -> UpstreamAnswer {
        var bytes = head(status, [("Transfer-Encoding", "chunked")])
        for chunk in chunks where !chunk.isEmpty {
            bytes += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)
        }
        return UpstreamAnswer([.write(bytes + Array("0\r\n\r\n".utf8))])
    }

    /// A body of that many bytes, sent as it is taken.
    public static func stream(_ count: Int) -> UpstreamAnswer {
        UpstreamAnswer([.write(head(200, [("Content-Length", Text(String(count)))])), .fill(count)])
    }

    /// These bytes, whatever they are.
    public static func raw(_ bytes: [UInt8]) -> UpstreamAnswer { UpstreamAnswer([.write(bytes)]) }
    public static func raw(_ text: String) -> UpstreamAnswer { raw(Array(text.utf8)) }

    // MARK: Failures

    /// A head that promises `count` bytes, only some of them, and the end.
    public static func partial(_ body: [UInt8], of count: Int) -> UpstreamAnswer {
        UpstreamAnswer([.write(head(200, [("Content-Length", Text(String(count)))]) + body), .close])
    }

    /// Takes the request and closes without a word.
    public static let closeAfterRequest = UpstreamAnswer([.close])
    /// Takes the request and resets the connection.
    public static let resetAfterRequest = UpstreamAnswer([.reset])
    /// Takes the request and says nothing.
    public static let silence = UpstreamAnswer([])

    // MARK: Changes

    /// The same, once the gate is open.
    public func held(by gate: Gate) -> UpstreamAnswer {
        UpstreamAnswer([.wait(gate)] + steps, beginning: beginning)
    }
    /// The same, before the request's body is there.
    public func early() -> UpstreamAnswer { UpstreamAnswer(steps, beginning: .head) }
    /// The same, and then the connection closes.
    public func thenClose() -> UpstreamAnswer { UpstreamAnswer(steps + [.close], beginning: beginning) }

    /// Status line and fields, with the empty line.
    public static func head(_ status: Int, _ fields: [(Text, Text)]) -> [UInt8] {
        var bytes = Array("HTTP/1.1 \(status) ".utf8) + HTTPResponse.reason(of: status).bytes
        for (name, value) in fields {
            bytes += Array("\r\n".utf8) + name.bytes + Array(": ".utf8) + value.bytes
        }
        return bytes + Array("\r\n\r\n".utf8)
    }
}
