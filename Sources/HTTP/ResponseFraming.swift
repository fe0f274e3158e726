import Primitives

/// How a response is framed for whom it goes to (RFC 9112 §6.3 seen from the sender).
struct ResponseFraming {
    let announced: BodyLength
    let writer: BodyWriter
    /// Only the end of the connection ends the body.
    var closes: Bool { if case .untilClose = writer { true } else { false } }

    init(_ response: HTTPResponse, _ body: BodyLength, to method: Text, _ version: HTTPVersion) {
        if response.status == 204 {
            announced = .none
            writer = .discarding
        } else if method == "HEAD" || response.status == 304 {
            announced = Self.described(response, body)
            writer = .discarding
        } else {
            announced = Self.framed(body, version)
            writer = BodyWriter(announced)
        }
    }

    private static func framed(_ body: BodyLength, _ version: HTTPVersion) -> BodyLength {
        switch body {
        case .none: .exactly(0)
        case .exactly(let count): .exactly(count)
        case .chunked, .untilClose: version == .http11 ? .chunked : .untilClose
        }
    }

    /// The length the body would have: what the caller says, else what the tool said (RFC 9110 §8.6).
    private static func described(_ response: HTTPResponse, _ body: BodyLength) -> BodyLength {
        switch body {
        case .exactly(let count): return .exactly(count)
        case .chunked, .untilClose: return .none
        case .none:
            let lengths = response.fields.values("content-length")
            guard lengths.count == 1, let length = Framing.contentLength(lengths[0]) else { return .none }
            return .exactly(length)
        }
    }
}
