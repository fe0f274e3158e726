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

    public init(path: Text, speaks: RouteProtocol) { (self.path, self.speaks) = (path, speaks) }

    /// `/mcp` covers `/mcp` and `/mcp/x`, not `/mcpx`; `/` covers everything.
    func covers(_ requestPath: Text) -> Bool {
        guard requestPath.hasPrefix(path) else { return false }
        return path.hasSuffix("/") || requestPath.count == path.count || requestPath.bytes[path.count] == 0x2F
    }
}

/// All routes of one tool; the longest prefix wins.
public struct Routes: Sendable {
    private let longestFirst: [Route]

    public init(_ routes: [Route]) { longestFirst = routes.sorted { $0.path.count > $1.path.count } }

    public func route(for path: Text) -> Route? { longestFirst.first { $0.covers(path) } }
}
