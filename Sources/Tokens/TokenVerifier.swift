import Crypto
public import Primitives

/// Decides whether a text is a capability this peer may present here, now (contract §2, RFC 8725).
///
/// Nothing is believed before the signature is checked: the payload is read, strictly, only to find out whose
/// signature it should be. What the capability permits is another question: `VerifiedToken.authorizes`.
public struct TokenVerifier: Sendable {
    private let rules: TokenRules
    private static let type: Text = "capability+jwt"
    private static let claimsDepthMax = 32

    public init(_ rules: TokenRules) { self.rules = rules }

    public func verify(_ text: Text, from presenter: Presenter, at now: Timestamp) throws(TokenError)
        -> VerifiedToken
    {
        let token = try Self.parse(text)
        guard token.type == Self.type else { throw .type }
        guard let keyID = token.keyID else { throw .keyID }
        let payload = try Self.payload(of: token)
        try authenticate(token, by: TokenClaims.text("iss", of: payload), keyID)
        let claims = try TokenClaims(payload)
        guard claims.audience == rules.audience else { throw .audience }
        try Self.requireBinding(of: claims, to: presenter)
        try claims.lifetime.check(at: now, rules)
        return VerifiedToken(
            issuer: claims.issuer, tokenID: claims.tokenID, subject: claims.subject,
            clientID: claims.clientID,
            actors: claims.actors, transaction: claims.transaction, digest: SHA256.hash(text), keyID: keyID,
            lifetime: claims.lifetime, details: claims.details)
    }

    private static func parse(_ text: Text) throws(TokenError) -> CompactJWS {
        do throws(JWSError) {
            return try CompactJWS(parsing: text)
        } catch {
            throw .malformed(error)
        }
    }

    private static func payload(of token: CompactJWS) throws(TokenError) -> JSONObject {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(token.payload, limits: .init(depthMax: claimsDepthMax))
        } catch {
            throw .payloadNotJSON(error)
        }
        guard let claims = json.object else { throw .claim("iss") }
        return claims
    }

    private func authenticate(_ token: CompactJWS, by name: Text, _ keyID: Text) throws(TokenError) {
        guard let issuer = rules.issuers.first(where: { $0.issuer == name }) else { throw .unknownIssuer }
        guard let algorithm = SignatureAlgorithm(joseName: token.algorithm),
            issuer.algorithms.contains(algorithm)
        else {
            throw .algorithm
        }
        guard let key = issuer.keys.key(keyID) else { throw .unknownKey }
        guard token.isSigned(by: key, using: issuer.algorithms) else { throw .signature }
    }

    private static func requireBinding(of claims: TokenClaims, to presenter: Presenter) throws(TokenError) {
        guard claims.clientID == presenter.id else { throw .clientID }
        if let actor = claims.actors.first { guard actor == presenter.id.text else { throw .clientID } }
        guard claims.certificate == presenter.certificate else { throw .binding }
    }
}
