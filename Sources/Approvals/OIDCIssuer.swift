public import Crypto
public import Primitives

/// A login whose tokens are believed, and for what (contract §5).
public struct OIDCIssuer: Sendable {
    public static let algorithmsDefault: Set<SignatureAlgorithm> = [.rs256, .es256, .ps256, .ed25519]

    /// Compared byte for byte with `iss`; no two settings have the same.
    public var issuer: Text
    /// Must be in `aud`.
    public var audience: Text
    /// `azp` and `client_id`, as far as present, must be among these, and one must be present.
    public var authorizedParties: [Text]
    /// The claim that lists groups, an array of strings; nil when only `persons.yaml` gives groups.
    public var groupsClaim: Text?
    public var keys: JSONWebKeySet
    public var algorithms: Set<SignatureAlgorithm>
    /// Since `iat`.
    public var maxAge: Duration

    public init(
        issuer: Text, audience: Text, authorizedParties: [Text], groupsClaim: Text?, keys: JSONWebKeySet,
        algorithms: Set<SignatureAlgorithm> = OIDCIssuer.algorithmsDefault, maxAge: Duration = .seconds(3600)
    ) {
        (self.issuer, self.audience, self.authorizedParties) = (issuer, audience, authorizedParties)
        (self.groupsClaim, self.keys, self.algorithms, self.maxAge) = (groupsClaim, keys, algorithms, maxAge)
    }
}
