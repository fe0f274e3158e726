internal import Crypto
public import Primitives

/// Turns a credential into a person who may review (contract §5).
///
/// An agent never gets through: neither its own tokens, nor its certificate, nor a token in which it acts for
/// a person.
public struct ReviewerAuthenticator: Sendable {
    /// What clocks may differ by.
    public static let clockSkew: Duration = .seconds(5)
    private static let claimsDepthMax = 16
    /// ID tokens have `JWT` or nothing, access tokens `at+jwt` (RFC 9068).
    ///
    /// Everything else was made for another use: our `capability+jwt` and `delegation+jwt`, `dpop+jwt`,
    /// `logout+jwt` (RFC 8725 §3.11).
    private static let types: [Text] = ["jwt", "at+jwt"]

    private let persons: Persons
    private let issuers: [OIDCIssuer]

    public init(persons: Persons, issuers: [OIDCIssuer]) { (self.persons, self.issuers) = (persons, issuers) }

    /// The person of an OIDC token (OpenID Connect Core §3.1.3.7, RFC 9068 §4).
    ///
    /// Times are whole seconds.
    public func reviewer(bearer: Text, at now: Timestamp) throws(ReviewerError) -> Reviewer {
        let token = try Self.parse(bearer)
        let claims = try Self.claims(of: token)
        let issuer = try issuer(of: token, claims)
        try Self.checkAudience(of: claims, for: issuer)
        try Self.checkTimes(of: claims, for: issuer, at: now)
        let subject = try Self.personalSubject(of: claims, for: issuer)
        let groups = try Self.groups(in: claims, of: issuer)
        guard let person = persons.byOIDC(issuer: issuer.issuer, subject: subject) else {
            throw .unknownPerson
        }
        return Reviewer(
            person: person.name, groups: person.groups.union(groups),
            credential: "oidc:" + issuer.issuer + "#" + subject)
    }

    /// The person of a client certificate, by the SHA-256 of its DER.
    ///
    /// `hasSPIFFEName`: it has a `spiffe://` name.
    public func reviewer(certificate: Digest, hasSPIFFEName: Bool) throws(ReviewerError) -> Reviewer {
        guard !hasSPIFFEName else { throw .workload }
        guard let person = persons.byCertificate(certificate) else { throw .unknownPerson }
        return Reviewer(
            person: person.name, groups: person.groups, credential: Text("cert:" + certificate.hex))
    }

    private static func parse(_ bearer: Text) throws(ReviewerError) -> CompactJWS {
        let token: CompactJWS
        do throws(JWSError) { token = try CompactJWS(parsing: bearer) } catch { throw .notAToken("\(error)") }
        guard let type = token.type?.lowercased else { return token }
        let prefix: Text = "application/"
        guard types.contains(type.hasPrefix(prefix) ? type.dropFirst(prefix.count) : type) else {
            throw .wrongType
        }
        return token
    }

    private static func claims(of token: CompactJWS) throws(ReviewerError) -> JSONObject {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(token.payload, limits: .init(depthMax: claimsDepthMax))
        } catch { throw .notAToken("\(error)") }
        guard let claims = json.object else { throw .notAToken("the claims are not a JSON object") }
        return claims
    }

    /// The issuer the claims name, once its key has verified them.
    private func issuer(of token: CompactJWS, _ claims: JSONObject) throws(ReviewerError) -> OIDCIssuer {
        guard let name = claims["iss"]?.string, let issuer = issuers.first(where: { $0.issuer == name })
        else {
            throw .unknownIssuer
        }
        guard let key = issuer.keys.key(token.keyID) else { throw .unknownKey }
        guard token.isSigned(by: key, using: issuer.algorithms) else { throw .badSignature }
        return issuer
    }

    private static func checkAudience(of claims: JSONObject, for issuer: OIDCIssuer) throws(ReviewerError) {
        guard let claim = claims["aud"], let audiences = claim.string.map({ [$0] }) ?? claim.texts else {
            throw .badClaim("aud")
        }
        guard audiences.contains(issuer.audience) else { throw .wrongAudience }
        let parties = try parties(of: claims)
        guard !parties.isEmpty, parties.allSatisfy(issuer.authorizedParties.contains) else {
            throw .wrongAuthorizedParty
        }
    }

    private static func parties(of claims: JSONObject) throws(ReviewerError) -> [Text] {
        var parties: [Text] = []
        for name: Text in ["azp", "client_id"] {
            guard let claim = claims[name] else { continue }
            guard let party = claim.string else { throw .badClaim(name) }
            parties.append(party)
        }
        return parties
    }

    private static func checkTimes(
        of claims: JSONObject, for issuer: OIDCIssuer, at now: Timestamp
    ) throws(ReviewerError) {
        guard let expires = try moment("exp", in: claims) else { throw .badClaim("exp") }
        guard let issued = try moment("iat", in: claims) else { throw .badClaim("iat") }
        guard expires + clockSkew > now else { throw .expired }
        guard issued <= now + clockSkew else { throw .issuedInFuture }
        guard now - issued <= issuer.maxAge else { throw .tooOld }
        if let start = try moment("nbf", in: claims), start > now + clockSkew { throw .notYetValid }
    }

    private static func moment(_ name: Text, in claims: JSONObject) throws(ReviewerError) -> Timestamp? {
        guard let claim = claims[name] else { return nil }
        guard let seconds = claim.integer else { throw .badClaim(name) }
        return Timestamp(seconds: seconds)
    }

    private static func personalSubject(of claims: JSONObject, for issuer: OIDCIssuer) throws(ReviewerError)
        -> Text
    {
        guard let subject = claims["sub"]?.string, !subject.isEmpty else { throw .badClaim("sub") }
        // A client's own token (RFC 9068 §2.2) and a workload's are nobody's.
        let isClient = try parties(of: claims).contains(subject) || issuer.authorizedParties.contains(subject)
        guard !isClient, !subject.lowercased.hasPrefix("spiffe://") else { throw .workload }
        guard claims["act"] == nil else { throw .delegated }  // RFC 8693 §4.1
        guard claims["cnf"] == nil else { throw .keyBound }  // RFC 7800 §3, RFC 9449 §7.1
        return subject
    }

    private static func groups(in claims: JSONObject, of issuer: OIDCIssuer) throws(ReviewerError) -> Set<
        Text
    > {
        guard let name = issuer.groupsClaim, let claim = claims[name] else { return [] }
        guard let groups = claim.texts else { throw .badClaim(name) }
        return Set(groups)
    }
}
