import Primitives

/// Where a body ends: one meaning or an error (RFC 9112 §6).
enum Framing {
    /// Content lengths and chunk sizes have at most that many digits.
    static let digitsMax = 15

    /// `exactly`, `chunked`, or `none` when the fields say nothing.
    static func length(_ fields: HTTPFields, _ version: HTTPVersion) throws(HTTPError) -> BodyLength {
        let codings = fields.values("transfer-encoding")
        let lengths = fields.values("content-length")
        guard codings.isEmpty else {
            guard lengths.isEmpty else { throw .transferEncodingWithContentLength }
            guard version == .http11 else { throw .transferEncodingInHTTP10 }
            guard codings.count == 1, codings[0].equalsIgnoringCase("chunked") else {
                throw .unsupportedTransferEncoding
            }
            return .chunked
        }
        guard let first = lengths.first else { return .none }
        guard lengths.count == 1, let length = contentLength(first) else { throw .badContentLength }
        return .exactly(length)
    }

    /// Digits only, at most 15.
    static func contentLength(_ value: Text) -> Int? {
        guard (1...digitsMax).contains(value.count), value.bytes.allSatisfy(\.isASCIIDigit) else {
            return nil
        }
        return value.bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// RFC 9112 §6.3, rules 1 to 4 and 8.
    static func responseLength(
        _ status: Int, to method: Text, _ fields: HTTPFields, _ version: HTTPVersion
    ) throws(HTTPError) -> BodyLength {
        let length = try length(fields, version)
        if status < 200 || status == 204 || status == 304 || method == "HEAD" { return .none }
        return length == .none ? .untilClose : length
    }

    /// RFC 9112 §9.3: `close` wins; HTTP/1.0 stays open only when asked to.
    static func keepsAlive(_ options: Set<Text>, _ version: HTTPVersion) -> Bool {
        !options.contains("close") && (version == .http11 || options.contains("keep-alive"))
    }
}
