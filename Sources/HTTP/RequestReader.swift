import Primitives

/// Makes a request of a whole head, or says what is wrong with it.
enum RequestReader {
    static func read(_ head: Head, _ limits: HTTPLimits) throws(HTTPError) -> HTTPRequest {
        let line = try requestLine(head.startLine, limits)
        let fields = try head.fields()
        try refuseImitations(fields)
        let options = try HopByHop.connectionOptions(fields)
        guard !fields.contains("upgrade"), !fields.contains("http2-settings") else { throw .upgradeRefused }
        let body = try Framing.length(fields, line.version)
        return HTTPRequest(
            method: line.method, target: line.target, fields: fields, version: line.version, body: body,
            host: try host(fields, line.target), keepAlive: Framing.keepsAlive(options, line.version),
            expectsContinue: try expectsContinue(fields, line.version, body))
    }

    private struct RequestLine {
        let method: Text
        let target: RequestTarget
        let version: HTTPVersion
    }

    /// `method SP request-target SP HTTP-version`, with exactly these two spaces (RFC 9112 §3).
    private static func requestLine(
        _ line: ArraySlice<UInt8>, _ limits: HTTPLimits
    ) throws(HTTPError) -> RequestLine {
        let parts = line.split(separator: Byte.space, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[1].isEmpty else { throw .badRequestLine }
        let method = Text(Array(parts[0]))
        let version = try HTTPVersion(parts[2])
        guard !method.isEmpty, method.count <= limits.methodBytesMax, ByteSet.method.containsAll(method.bytes)
        else {
            throw .badMethod
        }
        if method == "CONNECT" { throw .connectRefused }
        if method == "TRACE" { throw .traceRefused }
        guard parts[1].count <= limits.targetBytesMax else { throw .targetTooLong }
        return RequestLine(method: method, target: try RequestTarget(Text(Array(parts[1]))), version: version)
    }

    private static func refuseImitations(_ fields: HTTPFields) throws(HTTPError) {
        for field in fields.fields {
            if ProtectedFields.isOverride(field.key) { throw .overrideField(field.name) }
            if ProtectedFields.isAlias(field.key) { throw .protectedAlias(field.name) }
        }
    }

    /// RFC 9112 §3.2, and for HTTP/1.0 as well: a request that does not say whom it is for is for nobody.
    private static func host(_ fields: HTTPFields, _ target: RequestTarget) throws(HTTPError) -> Text {
        let hosts = fields.values("host")
        guard let first = hosts.first else { throw .missingHost }
        guard hosts.count == 1 else { throw .duplicateHost }
        guard let host = Authority.canonical(first) else { throw .badHost }
        if let authority = target.authority, authority != host { throw .hostDisagrees }
        return host
    }

    /// Whether `Expect: 100-continue` asks for an answer (RFC 9110 §10.1.1).
    ///
    /// HTTP/1.0 does not know it, and without a body there is nothing to wait with.
    private static func expectsContinue(
        _ fields: HTTPFields, _ version: HTTPVersion, _ body: BodyLength
    ) throws(HTTPError) -> Bool {
        let expectations = fields.values("expect")
        guard expectations.allSatisfy({ $0.equalsIgnoringCase("100-continue") }), expectations.count <= 1
        else {
            throw .expectationFailed
        }
        return !expectations.isEmpty && version == .http11 && body != .none && body != .exactly(0)
    }
}

extension HTTPVersion {
    /// `HTTP/1.1` or `HTTP/1.0`, in these letters.
    init(_ text: ArraySlice<UInt8>) throws(HTTPError) {
        let version = Text(Array(text))
        if version == "HTTP/1.1" {
            self = .http11
        } else if version == "HTTP/1.0" {
            self = .http10
        } else {
            throw Self.isOther(version) ? .unsupportedVersion : .badRequestLine
        }
    }

    private static func isOther(_ version: Text) -> Bool {
        let bytes = version.bytes
        return version.hasPrefix("HTTP/") && bytes.count == 8 && bytes[5].isASCIIDigit && bytes[6] == 0x2E
            && bytes[7].isASCIIDigit
    }
}
