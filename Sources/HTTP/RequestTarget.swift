public import Primitives

/// A request target that is already canonical, so that everybody who reads it reads the same.
///
/// It is either kept byte for byte or refused, never rewritten. A path consists of RFC 3986 §3.3 characters
/// without `;`; it has no empty segment and no dot segment; its percent-encodings are in upper case, not
/// needless (no encoded letters, digits, `-`, `.`, `_`, `~`), valid UTF-8, not doubled (`%252F`) and none of
/// NUL, `/`, `\` and `;`. A query is not empty, its percent-encodings are whole, and neither NUL nor `;`
/// occurs in it; it is judged decoded (`queryItems`), so other encodings are as good there. A resource still
/// has several spellings where RFC 3986 calls them different (`@` and `%40`): compare `decodedPath` where
/// both must mean the same.
public struct RequestTarget: Sendable, Hashable {
    /// Path and query, exactly as received.
    public let text: Text
    /// Up to the `?`, exactly as received.
    public let path: Text
    /// After the `?`, exactly as received; nil when there is no `?`.
    public let query: Text?
    /// Of an absolute form, in lower case.
    public let authority: Text?

    /// Reads the origin form (`/a?b`) or the absolute form (`https://host/a?b`, RFC 9112 §3.2).
    public init(_ text: Text) throws(HTTPError) {
        let (authority, origin) = try Self.splitAuthority(text)
        guard origin.bytes.first == Byte.slash else { throw .targetForm }
        self.authority = authority
        self.text = origin
        if let mark = origin.firstIndex(of: Byte.questionMark) {
            path = origin.prefix(mark)
            query = origin.dropFirst(mark + 1)
        } else {
            path = origin
            query = nil
        }
        try PathRules.check(path)
        if let query { try Query.check(query) }
    }

    private static func splitAuthority(_ text: Text) throws(HTTPError) -> (Text?, Text) {
        let schemes: [Text] = ["http://", "https://"]
        guard text.bytes.first != Byte.slash else { return (nil, text) }
        guard let scheme = schemes.first(where: { text.hasPrefix($0) }) else { throw .targetForm }
        let rest = text.dropFirst(scheme.count)
        guard let slash = rest.firstIndex(of: Byte.slash) else { throw .targetForm }
        guard let authority = Authority.canonical(rest.prefix(slash)) else { throw .targetForm }
        return (authority, rest.dropFirst(slash))
    }

    /// The path with its percent-encodings decoded once.
    ///
    /// No decoded byte is a `/`: the segments are those of `path`.
    public var decodedPath: Text {
        guard path.contains(Byte.percent) else { return path }
        guard let decoded = PercentEncoding.decode(path.bytes[...]) else {
            preconditionFailure("the path was checked when it was read")
        }
        return Text(decoded)
    }

    /// The query split on `&` and decoded once: `%XX`, and `+` is a space; in order, repetitions kept.
    ///
    /// A piece without `=` has the empty value, empty pieces (`a&&b`) are nothing, and the value may hold
    /// further `=`.
    public func queryItems() throws(HTTPError) -> [(name: Text, value: Text)] {
        guard let query else { return [] }
        return try Query.items(of: query)
    }
}

/// What a canonical path is.
private enum PathRules {
    static func check(_ path: Text) throws(HTTPError) {
        try checkBytes(path)
        var decoded = path.bytes
        if path.contains(Byte.percent) {
            try checkEscapes(path.bytes)
            decoded = try decode(path.bytes)
        }
        try checkSegments(decoded)
    }

    private static func checkBytes(_ path: Text) throws(HTTPError) {
        let allowed = ByteSet.path
        guard let bad = path.bytes.first(where: { !allowed.contains($0) }) else { return }
        throw bad == Byte.semicolon ? .targetParameters : .targetByte
    }

    private static func checkEscapes(_ path: [UInt8]) throws(HTTPError) {
        for index in path.indices where path[index] == Byte.percent {
            guard index + 2 < path.count, let byte = PercentEncoding.byte(path[index + 1], path[index + 2]),
                !PercentEncoding.isLowerCase(path[index + 1], path[index + 2]),
                !ByteSet.unreserved.contains(byte)
            else { throw .targetEscape }
            switch byte {
            case 0, Byte.slash, Byte.backslash, Byte.semicolon: throw .targetEncodedSeparator
            default: continue
            }
        }
    }

    private static func decode(_ path: [UInt8]) throws(HTTPError) -> [UInt8] {
        guard let decoded = PercentEncoding.decode(path[...]) else { throw .targetEscape }
        guard PercentEncoding.isUTF8(decoded) else { throw .targetNotUTF8 }
        for index in decoded.indices where decoded[index] == Byte.percent && index + 2 < decoded.count {
            guard PercentEncoding.byte(decoded[index + 1], decoded[index + 2]) == nil else {
                throw .targetDoubleEncoding
            }
        }
        return decoded
    }

    /// `decoded` begins with a slash.
    ///
    /// The segment after the last slash may be empty.
    private static func checkSegments(_ decoded: [UInt8]) throws(HTTPError) {
        var start = 1
        while start < decoded.count {
            let end = decoded[start...].firstIndex(of: Byte.slash) ?? decoded.count
            if end == start { throw .targetEmptySegment }
            if end - start <= 2, decoded[start..<end].allSatisfy({ $0 == 0x2E }) { throw .targetDotSegment }
            start = end + 1
        }
    }
}
