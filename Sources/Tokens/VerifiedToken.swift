public import Primitives

/// A capability that is genuine, for this proxy, bound to this peer, and in time.
///
/// Only `TokenVerifier` makes one.
///
/// It is not spent yet, and says nothing about a call until `authorizes` has returned.
public struct VerifiedToken: Sendable {
    public let issuer: Text
    /// `jti`.
    public let tokenID: Text
    /// On whose behalf.
    public let subject: Text
    /// The TLS peer.
    public let clientID: SPIFFEID
    /// The chain of `act`, outermost first; empty without one.
    public let actors: [Text]
    /// `txn`.
    public let transaction: Text?
    /// SHA-256 of the token's text.
    public let digest: Digest
    /// The `kid` of the key that signed it.
    public let keyID: Text
    public var action: Text { details.action }
    public var resource: Text { details.resource }
    public var issuedAt: Timestamp { lifetime.issuedAt }
    public var expiresAt: Timestamp { lifetime.expiresAt }
    /// Whether the arguments of the call must be read before `authorizes` can say yes.
    public var needsArguments: Bool { details.constraints != nil || details.argumentsDigest != nil }
    /// What a claim is made on.
    public var claimID: ClaimID { ClaimID(issuer: issuer, tokenID: tokenID) }

    let lifetime: TokenLifetime
    let details: ActionDetails

    /// The times once more, at the claim: after the last judged byte has come (contract §2).
    public func isTimely(at now: Timestamp, rules: TokenRules) throws(TokenError) {
        try lifetime.check(at: now, rules)
    }

    /// Returns when this token is for exactly that call.
    public func authorizes(_ action: ToolAction) throws(TokenError) {
        guard action.hasActionOfItsKind, action.action == details.action else { throw .wrongAction }
        try requireResource(of: action)
        try requireConstraints(on: action)
        try requireDigest(of: action)
    }

    private func requireResource(of action: ToolAction) throws(TokenError) {
        guard action.resource != details.resource else { return }
        guard action.kind == .http, isResourceOfAnyQuery, action.resource.beforeQuery == details.resource
        else {
            throw .wrongResource
        }
    }

    /// An identifier without a query leaves the query to constraints, if they name its arguments.
    private var isResourceOfAnyQuery: Bool {
        !details.resource.contains(0x3F) && details.constraints?.namesMembers(of: "query") == true
    }

    private func requireConstraints(on action: ToolAction) throws(TokenError) {
        guard let constraints = details.constraints else { return }
        guard let arguments = action.arguments else { throw .argumentsUnread }
        guard let arguments = arguments.object else { throw .constraint(path: "") }
        switch action.kind {
        case .mcp: try constraints.check(arguments)
        // A gRPC message has no arguments that could be named; only a digest binds it.
        case .grpc: throw .argumentsUnread
        case .http:
            // A query no constraint names is bound already, byte for byte, by the identifier.
            guard !constraints.names("query") else { return try constraints.check(arguments, query: "query") }
            try constraints.check(JSONObject(arguments.members.filter { $0.name != "query" }))
        }
    }

    private func requireDigest(of action: ToolAction) throws(TokenError) {
        guard let wanted = details.argumentsDigest else { return }
        let digest: Digest?
        do throws(CanonicalJSONError) {
            digest = try action.digest()
        } catch {
            throw .argumentsNotCanonical(error)
        }
        guard let digest else { throw .argumentsUnread }
        guard digest == wanted else { throw .argumentsDigest }
    }
}

extension Text {
    /// A request target up to its `?`.
    fileprivate var beforeQuery: Text { firstIndex(of: 0x3F).map(prefix) ?? self }
}
