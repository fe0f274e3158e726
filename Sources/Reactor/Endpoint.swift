public import Primitives

/// Where a stream socket listens or connects to.
public enum Endpoint: Sendable, Hashable {
    /// A name or an address without brackets.
    case tcp(host: Text, port: Int)
    /// An absolute path.
    case unix(path: Text)

    /// The longest path a Unix socket can have on Linux (`sun_path`).
    public static let unixPathBytesMax = 107
    /// The longest name of a host (RFC 1035 §2.3.4).
    public static let hostBytesMax = 253

    /// `http://host:port`, `http://host` (port 80) or `unix:///path`; no user, path, query or fragment.
    public init?(url: Text) {
        let scheme: Text = "http://"
        guard url.hasPrefix(scheme) else {
            self.init(unix: url)
            return
        }
        let rest = url.dropFirst(scheme.count)
        let authority = rest.hasSuffix("/") ? rest.dropLast(1) : rest
        self.init(authority: authority, defaultPort: 80, lowestPort: 1)
    }

    /// `host:port`, `[ipv6]:port` or `unix:///path`; port 0 lets the kernel choose.
    public init?(listen: Text) {
        if listen.hasPrefix("unix:") {
            self.init(unix: listen)
        } else {
            self.init(authority: listen, defaultPort: nil, lowestPort: 0)
        }
    }

    /// True when only this host can reach it: a Unix socket, `127.0.0.0/8`, `::1`.
    ///
    /// A name is never taken at its word.
    public var isLoopback: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): host == "::1" || Self.isIPv4Loopback(host)
        }
    }

    private static func isIPv4Loopback(_ host: Text) -> Bool {
        let parts = host.split(on: 0x2E).map { decimal($0, max: 255) }
        return parts.count == 4 && parts.allSatisfy { $0 != nil } && parts.first == 127
    }

    private init?(unix url: Text) {
        let scheme: Text = "unix://"
        guard url.hasPrefix(scheme) else { return nil }
        let path = url.dropFirst(scheme.count)
        guard path.count > 1, path.bytes.first == 0x2F, path.count <= Self.unixPathBytesMax,
            !path.contains(0), !path.hasSuffix("/")
        else { return nil }
        self = .unix(path: path)
    }

    private init?(authority: Text, defaultPort: Int?, lowestPort: Int) {
        let (host, rest): (Text, Text)
        if authority.bytes.first == 0x5B {
            guard let end = authority.firstIndex(of: 0x5D) else { return nil }
            host = authority.prefix(end).dropFirst(1)
            rest = authority.dropFirst(end + 1)
            guard host.contains(0x3A), host.bytes.allSatisfy(Self.isIPv6Character) else { return nil }
        } else {
            let end = authority.firstIndex(of: 0x3A) ?? authority.count
            host = authority.prefix(end)
            rest = authority.dropFirst(end)
            guard !host.isEmpty, host.count <= Self.hostBytesMax, host.bytes.allSatisfy(Self.isHostCharacter)
            else { return nil }
        }
        guard let port = rest.isEmpty ? defaultPort : Self.port(rest), port >= lowestPort else { return nil }
        self = .tcp(host: host, port: port)
    }

    private static func port(_ text: Text) -> Int? {
        guard text.bytes.first == 0x3A else { return nil }
        return decimal(text.dropFirst(1), max: 65_535)
    }

    private static func decimal(_ text: Text, max: Int) -> Int? {
        guard 1...5 ~= text.count, text.bytes.allSatisfy(\.isASCIIDigit) else { return nil }
        guard text.count == 1 || text.bytes.first != 0x30 else { return nil }
        let value = text.bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return value <= max ? value : nil
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2E || byte == 0x2D || byte == 0x5F
    }

    private static func isIPv6Character(_ byte: UInt8) -> Bool {
        byte.hexValue != nil || byte == 0x3A || byte == 0x2E
    }
}

extension Endpoint: CustomStringConvertible {
    /// As it is written to listen there.
    public var description: String { text.string }

    public var text: Text {
        switch self {
        case .unix(let path): "unix://" + path
        case .tcp(let host, let port):
            host.contains(0x3A) ? "[" + host + "]:" + Text("\(port)") : host + ":" + Text("\(port)")
        }
    }
}
