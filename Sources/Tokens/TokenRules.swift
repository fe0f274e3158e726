public import Crypto
public import Primitives

/// An issuer that is believed, and what it may sign with.
public struct TokenIssuer: Sendable {
    /// Compared byte for byte with `iss`.
    public let issuer: Text
    public let keys: JSONWebKeySet
    public let algorithms: Set<SignatureAlgorithm>

    public init(issuer: Text, keys: JSONWebKeySet, algorithms: Set<SignatureAlgorithm> = [.es256]) {
        (self.issuer, self.keys, self.algorithms) = (issuer, keys, algorithms)
    }
}

/// What one proxy asks of a capability token (contract §2).
public struct TokenRules: Sendable {
    /// More skew than this is never granted, whatever `clockSkew` says.
    public static let clockSkewMax: Duration = .seconds(30)

    /// This proxy's own name; `aud` is exactly this.
    public var audience: Text
    /// No two of the same name; only the first would be asked.
    public var issuers: [TokenIssuer]
    /// The longest `exp - iat`.
    public var maxLifetime: Duration
    /// How far the issuer's clock may be from ours, either way.
    public var clockSkew: Duration

    public init(
        audience: Text, issuers: [TokenIssuer], maxLifetime: Duration = .seconds(60),
        clockSkew: Duration = .seconds(5)
    ) {
        (self.audience, self.issuers) = (audience, issuers)
        (self.maxLifetime, self.clockSkew) = (maxLifetime, clockSkew)
    }

    var grantedSkew: Duration { max(.zero, min(clockSkew, Self.clockSkewMax)) }

    /// How long a claim can matter: the longest lifetime and the skew on either side.
    public var claimWindow: Duration { maxLifetime + grantedSkew + grantedSkew }

    /// When the claim on a token may be forgotten: the token has been refused as expired for one skew by
    /// then.
    public func claimExpiry(of token: VerifiedToken) -> Timestamp {
        claimExpiry(ofTokenExpiring: token.expiresAt)
    }

    /// The same for a claim read back from the ledger.
    public func claimExpiry(ofTokenExpiring expiry: Timestamp) -> Timestamp {
        expiry + grantedSkew + grantedSkew
    }
}

/// The TLS peer that presents a token.
public struct Presenter: Sendable {
    public let id: SPIFFEID
    /// SHA-256 of the DER of its leaf certificate.
    public let certificate: Digest

    public init(id: SPIFFEID, certificate: Digest) { (self.id, self.certificate) = (id, certificate) }
}
