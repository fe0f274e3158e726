public import Primitives

/// Field names that nobody may imitate.
///
/// CGI, WSGI and their heirs turn a name into a variable: `Content_Length`, `Content.Length` and
/// `Content-Length` become one. What was judged or written under the right name would be replaced by what
/// came under the other.
public enum ProtectedFields {
    private static let names: Set<Text> = [
        "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade",
        "http2-settings", "expect", "range", "authorization", "proxy-authorization", "dpop", "cookie",
        "forwarded", "via",
        "traceparent", "tracestate", "last-event-id", "x-real-ip",
    ]

    private static let prefixes: [Text] = [
        "content-", "client-cert", "x-forwarded-", "sallyport-", "mcp-", "grpc-", "x-client-cert",
        "x-ssl-client",
    ]

    /// Fields by which some tools let the caller replace method, target or host.
    private static let overrides: Set<Text> = [
        "x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-original-url",
        "x-original-uri", "x-original-host", "x-rewrite-url", "x-rewrite-uri", "x-host",
    ]

    /// True when a request that has a field of this name is refused: it imitates a protected field, or it
    /// overrides what was judged.
    ///
    /// A protected field under its own name is not refused; `key` is in lower case.
    public static func refuses(_ key: Text) -> Bool {
        isOverride(key) || isAlias(key)
    }

    /// The name that a tool may make of `key`: all that is neither letter nor digit becomes `-`.
    ///
    /// Whoever judges further fields refuses keys that are not such a field but fold into one.
    public static func folded(_ key: Text) -> Text {
        guard key.bytes.contains(where: isFolded) else { return key }
        return Text(key.bytes.map { isFolded($0) ? Byte.dash : $0 })
    }

    static func isOverride(_ key: Text) -> Bool {
        overrides.contains(folded(key))
    }

    static func isAlias(_ key: Text) -> Bool {
        guard key.bytes.contains(where: isFolded) else { return false }
        let name = folded(key)
        return names.contains(name) || prefixes.contains { name.hasPrefix($0) }
    }

    private static func isFolded(_ byte: UInt8) -> Bool {
        byte != Byte.dash && !byte.isASCIILetter && !byte.isASCIIDigit
    }
}
