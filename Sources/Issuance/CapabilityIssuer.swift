public import Crypto
public import Primitives

/// Signs capability tokens (contract §2).
///
/// The demo's broker; the token endpoint is built around it.
public struct CapabilityIssuer: Sendable {
    /// `iss`, an exact string.
    public let issuer: Text
    public let keyID: Text
    public let algorithm: SignatureAlgorithm
    private let key: PrivateKey

    public init(issuer: Text, keyID: Text, key: PrivateKey, algorithm: SignatureAlgorithm = .es256) {
        (self.issuer, self.keyID, self.key, self.algorithm) = (issuer, keyID, key, algorithm)
    }

    /// The JWK Set (RFC 7517 §5) that proxies verify with.
    public var keySet: JSON {
        var jwk = key.publicKey.jwk.object ?? JSONObject()
        jwk.append("kid", .string(keyID))
        jwk.append("alg", .string(algorithm.rawValue))
        jwk.append("use", "sig")
        return .object(["keys": .array([.object(jwk)])])
    }

    /// One signed token.
    ///
    /// `tokenID` must be new for every token: it is what single use is about.
    public func token(for grant: CapabilityGrant, id tokenID: CallID, at time: Timestamp) throws(KeyError)
        -> Text
    {
        let header = JSON.object([
            "typ": "capability+jwt", "alg": .string(algorithm.rawValue), "kid": .string(keyID),
        ])
        return try sign(header, grant.claims(issuer: issuer, id: tokenID, at: time))
    }

    /// A JWS (RFC 7515 §3.1) over any header and claims.
    public func sign(_ header: JSON, _ claims: JSON) throws(KeyError) -> Text {
        let input = Base64.encodeURL(header.encoded) + "." + Base64.encodeURL(claims.encoded)
        let signature = try key.sign(Array(input.utf8), with: algorithm)
        return Text(input + "." + Base64.encodeURL(signature))
    }
}

/// One action on one resource, for one caller: what a capability grants.
public struct CapabilityGrant: Sendable {
    public var audience: Text
    public var subject: Text
    /// The presenter's SPIFFE ID.
    public var client: SPIFFEID
    /// SHA-256 of the presenter's certificate: `cnf.x5t#S256`.
    public var certificate: Digest
    public var action: Text
    public var resource: Text
    /// Closed-world constraints on arguments; nil: unconstrained.
    public var constraints: JSON?
    /// `sha-256:…` over the canonical call; nil: unbound.
    public var argumentsDigest: Text?
    public var lifetime: Duration
    public var transaction: Text?

    public init(
        audience: Text, subject: Text, client: SPIFFEID, certificate: Digest, action: Text, resource: Text,
        constraints: JSON? = nil, argumentsDigest: Text? = nil, lifetime: Duration = .seconds(30),
        transaction: Text? = nil
    ) {
        (self.audience, self.subject, self.client, self.certificate) = (
            audience, subject, client, certificate
        )
        (self.action, self.resource, self.constraints) = (action, resource, constraints)
        (self.argumentsDigest, self.lifetime, self.transaction) = (argumentsDigest, lifetime, transaction)
    }

    func claims(issuer: Text, id: CallID, at time: Timestamp) -> JSON {
        .object([
            "iss": .string(issuer), "aud": .string(audience), "sub": .string(subject),
            "client_id": .string(client.text), "iat": .integer(time.seconds),
            "exp": .integer((time + lifetime).seconds), "jti": .string(id.text),
            "txn": transaction.map { .string($0) },
            "cnf": .object(["x5t#S256": .string(certificate.base64URL)]),
            "authorization_details": .array([
                .object([
                    "type": "tool_action", "actions": .array([.string(action)]),
                    "identifier": .string(resource),
                    "constraints": constraints, "args_digest": argumentsDigest.map { .string($0) },
                ])
            ]),
        ])
    }
}
