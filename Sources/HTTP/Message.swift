public import Primitives

/// How the end of a body is known (RFC 9112 §6).
public enum BodyLength: Sendable, Hashable {
    /// There is no body, and nothing says how long it would be.
    case none
    /// `Content-Length`, in bytes; zero is a body too.
    case exactly(Int)
    /// `Transfer-Encoding: chunked`.
    case chunked
    /// Up to the end of the connection; responses only.
    case untilClose
}

public enum HTTPVersion: Sendable, Hashable {
    case http10
    case http11
}

/// A request's head as it was read: every rule of strict reading holds (`HTTP1Server` makes it).
public struct HTTPRequest: Sendable, Hashable {
    public let method: Text
    public let target: RequestTarget
    /// All of them, as received: framing, hop-by-hop and protected fields included.
    public let fields: HTTPFields
    public let version: HTTPVersion
    public let body: BodyLength
    /// The authority of `Host`, in lower case, with its port if it has one: `localhost:8443`.
    public let host: Text
    /// The sender will use the connection again.
    public let keepAlive: Bool
    /// The sender waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    public let expectsContinue: Bool

    public init(
        method: Text, target: RequestTarget, fields: HTTPFields = HTTPFields(),
        version: HTTPVersion = .http11,
        body: BodyLength = .none, host: Text, keepAlive: Bool = true, expectsContinue: Bool = false
    ) {
        self.method = method
        self.target = target
        self.fields = fields
        self.version = version
        self.body = body
        self.host = host
        self.keepAlive = keepAlive
        self.expectsContinue = expectsContinue
    }
}

/// A request's head as it is to be sent; framing and `Connection` are written by `HTTP1Client`.
public struct HTTPRequestHead: Sendable, Hashable {
    /// A token.
    public var method: Text
    public var target: RequestTarget
    /// With exactly one `Host`.
    ///
    /// Framing, hop-by-hop fields and `Expect` are left out when they are sent.
    public var fields: HTTPFields
    /// Not `untilClose`.
    public var body: BodyLength

    public init(method: Text, target: RequestTarget, fields: HTTPFields, body: BodyLength = .none) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }
}

/// A response's head.
public struct HTTPResponse: Sendable, Hashable {
    /// 100...599.
    public var status: Int
    public var reason: Text
    /// As received; framing and hop-by-hop fields are left out when they are sent.
    public var fields: HTTPFields
    /// What follows on the connection it was read from; `none` after `HEAD`, 204 and 304 whatever the fields
    /// say.
    public var body: BodyLength
    /// The sender will use the connection again.
    public var keepAlive: Bool

    /// Without a `reason` the usual phrase of RFC 9110 §15 is taken.
    public init(
        status: Int, reason: Text? = nil, fields: HTTPFields = HTTPFields(), body: BodyLength = .none,
        keepAlive: Bool = true
    ) {
        self.status = status
        self.reason = reason ?? Self.reason(of: status)
        self.fields = fields
        self.body = body
        self.keepAlive = keepAlive
    }

    /// The usual phrase; empty for a status that has none here.
    public static func reason(of status: Int) -> Text {
        reasons[status] ?? ""
    }

    private static let reasons: [Int: Text] = [
        100: "Continue", 102: "Processing", 103: "Early Hints", 200: "OK", 201: "Created", 202: "Accepted",
        204: "No Content", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout",
        409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
        413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
        417: "Expectation Failed", 421: "Misdirected Request", 422: "Unprocessable Content",
        429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
        501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        505: "HTTP Version Not Supported",
    ]
}

/// What an engine read, in the order it came.
///
/// Trailers are read strictly and dropped.
public enum HTTPEvent: Sendable, Hashable {
    case request(HTTPRequest)
    case response(HTTPResponse)
    /// A 1xx response other than 101; the response is still to come.
    case informational(HTTPResponse)
    /// A piece of the body, not empty.
    case body([UInt8])
    /// The message is whole.
    case end
}
