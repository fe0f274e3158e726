public import Primitives

/// How the tool behind a path reads its requests.
///
/// It comes from configuration, never from the request (contract §2).
public enum RouteProtocol: String, Sendable, Hashable, CaseIterable {
    case http, mcp
}

/// A path prefix on segment boundaries and the protocol spoken there (contract §8).
public struct Route: Sendable, Hashable {
    public let path: Text
    public let speaks: RouteProtocol

    /// - Parameter path: decoded, with or without a slash at its end, which makes no difference.
    public init(path: Text, speaks: RouteProtocol) {
        self.path = path.count > 1 && path.hasSuffix("/") ? path.dropLast(1) : path
        self.speaks = speaks
    }

    /// `/mcp` covers `/mcp` and `/mcp/x`, not `/mcpx`; `/` covers everything.
    func covers(_ requestPath: Text) -> Bool {
        guard requestPath.hasPrefix(path) else { return false }
        return path.hasSuffix("/") || requestPath.count == path.count || requestPath.bytes[path.count] == 0x2F
    }
}

/// All routes of one tool; the longest prefix wins.
///
/// Compared with the decoded path, as rules are: another spelling of a path is never another protocol.
public struct Routes: Sendable {
    private let longestFirst: [Route]

    public init(_ routes: [Route]) { longestFirst = routes.sorted { $0.path.count > $1.path.count } }

    public func route(for path: Text) -> Route? { longestFirst.first { $0.covers(path) } }
}
