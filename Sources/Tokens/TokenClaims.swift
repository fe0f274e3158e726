import Primitives

/// The claims of a capability token, each of its type (contract §2).
///
/// Claims that are not named there are ignored (RFC 7519 §4); nothing here is compared with anybody yet.
struct TokenClaims: Sendable {
    static let tokenIDBytes = 16...256
    static let actorsMax = 8

    let issuer, audience, subject, tokenID: Text
    let clientID: SPIFFEID
    /// Outermost first; empty without `act`.
    let actors: [Text]
    let transaction: Text?
    let certificate: Digest
    let lifetime: TokenLifetime
    let details: ActionDetails

    init(_ claims: JSONObject) throws(TokenError) {
        issuer = try Self.text("iss", of: claims)
        audience = try Self.audience(claims)
        subject = try Self.text("sub", of: claims)
        clientID = try Self.clientID(claims)
        actors = try Self.actors(claims)
        transaction = claims["txn"] == nil ? nil : try Self.text("txn", of: claims)
        lifetime = try TokenLifetime(claims)
        guard let id = claims["jti"]?.string, Self.tokenIDBytes.contains(id.count) else { throw .tokenID }
        tokenID = id
        certificate = try Self.certificate(claims)
        guard let entries = claims["authorization_details"] else { throw .claim("authorization_details") }
        do throws(DetailsError) {
            details = try ActionDetails(entries)
        } catch {
            throw .details(error)
        }
    }

    /// A non-empty string.
    static func text(_ name: Text, of claims: JSONObject) throws(TokenError) -> Text {
        guard let text = claims[name]?.string, !text.isEmpty else { throw .claim(name.string) }
        return text
    }

    /// A string, or an array of one string (RFC 7519 §4.1.3).
    private static func audience(_ claims: JSONObject) throws(TokenError) -> Text {
        guard let list = claims["aud"]?.array else { return try text("aud", of: claims) }
        guard list.count == 1, let audience = list[0].string, !audience.isEmpty else { throw .claim("aud") }
        return audience
    }

    private static func clientID(_ claims: JSONObject) throws(TokenError) -> SPIFFEID {
        let text = try text("client_id", of: claims)
        do throws(SPIFFEIDError) {
            return try SPIFFEID(text)
        } catch {
            throw .claim("client_id")
        }
    }

    /// RFC 8693 §4.1; members beside `sub` and `act` say more about an actor and decide nothing.
    private static func actors(_ claims: JSONObject) throws(TokenError) -> [Text] {
        var actors: [Text] = []
        var next = claims["act"]
        while let actor = next {
            guard actors.count < actorsMax, let subject = actor["sub"]?.string, !subject.isEmpty else {
                throw .claim("act")
            }
            actors.append(subject)
            next = actor["act"]
        }
        return actors
    }

    /// RFC 8705 §3.1.
    private static func certificate(_ claims: JSONObject) throws(TokenError) -> Digest {
        guard let confirmation = claims["cnf"]?.object, confirmation.count == 1 else { throw .confirmation }
        guard confirmation["jkt"] == nil else { throw .proofKeyUnsupported }
        guard let text = confirmation["x5t#S256"]?.string, let bytes = Base64.decodeURL(text.bytes),
            let digest = Digest(bytes)
        else { throw .confirmation }
        return digest
    }
}

/// When a token is good: whole seconds since 1970 (a fraction is refused, though RFC 7519 would allow it).
struct TokenLifetime: Sendable, Hashable {
    /// Up to the year 2255, so that no time saturates and differences are exact.
    private static let secondsRange: ClosedRange<Int64> = 0...9_000_000_000

    let issuedAt, expiresAt: Timestamp
    let notBefore: Timestamp?

    init(_ claims: JSONObject) throws(TokenError) {
        issuedAt = try Self.time("iat", of: claims)
        expiresAt = try Self.time("exp", of: claims)
        notBefore = claims["nbf"] == nil ? nil : try Self.time("nbf", of: claims)
        guard issuedAt < expiresAt else { throw .claim("exp") }
    }

    private static func time(_ name: Text, of claims: JSONObject) throws(TokenError) -> Timestamp {
        guard let seconds = claims[name]?.integer, secondsRange.contains(seconds) else {
            throw .claim(name.string)
        }
        return Timestamp(seconds: seconds)
    }

    func check(at now: Timestamp, _ rules: TokenRules) throws(TokenError) {
        guard expiresAt - issuedAt <= rules.maxLifetime else { throw .lifetimeTooLong }
        guard issuedAt <= now + rules.grantedSkew else { throw .issuedInFuture }
        guard now < expiresAt + rules.grantedSkew else { throw .expired }
        if let notBefore { guard notBefore <= now + rules.grantedSkew else { throw .notYetValid } }
    }
}
