public import Crypto
public import Identity
public import Issuance
public import Primitives
public import Tokens

/// A broker in memory: good capabilities, and any other token.
public struct TokenMint: Sendable {
    public static let defaultIssuer: Text = "https://broker.example.org"
    public static let defaultAudience: Text = "spiffe://example.org/tool/orders-db"

    public let audience: Text
    public let key: PrivateKey
    public let issuer: CapabilityIssuer

    /// A new key for every mint.
    public init(
        issuer: Text = defaultIssuer, audience: Text = defaultAudience, keyID: Text = "k1",
        algorithm: SignatureAlgorithm = .es256
    ) {
        self.audience = audience
        key = .generate(algorithm.keyKind)
        self.issuer = CapabilityIssuer(issuer: issuer, keyID: keyID, key: key, algorithm: algorithm)
    }

    // MARK: What a proxy that believes this mint is told

    public var keySet: JSONWebKeySet {
        guard let keys = try? JSONWebKeySet(parsing: issuer.keySet.encoded) else {
            preconditionFailure("an issuer's key set can be read")
        }
        return keys
    }

    public var tokenIssuer: TokenIssuer {
        TokenIssuer(issuer: issuer.issuer, keys: keySet, algorithms: [issuer.algorithm])
    }

    /// Rules that believe this mint alone.
    public var rules: TokenRules { TokenRules(audience: audience, issuers: [tokenIssuer]) }

    // MARK: Good tokens

    /// A grant of one action on one resource to the peer.
    public func grant(
        to peer: Peer, action: Text = "tools/call", resource: Text = "query_orders",
        subject: Text = "alice@example.org"
    ) -> CapabilityGrant {
        CapabilityGrant(
            audience: audience, subject: subject, client: peer.id, certificate: peer.leafDigest,
            action: action,
            resource: resource)
    }

    /// A token of its own `jti`, or of the one given.
    public func token(for grant: CapabilityGrant, at time: Timestamp, id: CallID? = nil) -> Text {
        var random = SystemRandomNumberGenerator()
        do {
            return try issuer.token(for: grant, id: id ?? CallID(at: time, random: &random), at: time)
        } catch {
            preconditionFailure("the issuer's key fits its algorithm: \(error)")
        }
    }

    /// A valid capability for the peer.
    public func token(
        to peer: Peer, action: Text = "tools/call", resource: Text = "query_orders", at time: Timestamp
    ) -> Text {
        token(for: grant(to: peer, action: action, resource: resource), at: time)
    }
}

extension TokenMint {
    /// A token with other members in its header or claims, properly signed: nil takes a member away.
    public func token(
        for grant: CapabilityGrant, at time: Timestamp, header: [Text: JSON?] = [:], claims: [Text: JSON?]
    ) -> Text {
        let (oldHeader, oldClaims) = Self.contents(of: token(for: grant, at: time))
        return sign(Self.replacing(oldHeader, header), Self.replacing(oldClaims, claims))
    }

    /// Signs any header over any claims.
    public func sign(_ header: JSON, _ claims: JSON) -> Text {
        do { return try issuer.sign(header, claims) } catch {
            preconditionFailure("the issuer's key fits its algorithm: \(error)")
        }
    }

    /// Header and claims of a token that this mint made.
    public static func contents(of token: Text) -> (header: JSON, claims: JSON) {
        guard let jws = try? CompactJWS(parsing: token), let claims = try? JSONParser.parse(jws.payload)
        else {
            preconditionFailure("a minted token can be read")
        }
        return (.object(jws.header), claims)
    }

    /// Members keep their places; new ones come last, in byte order.
    private static func replacing(_ old: JSON, _ changes: [Text: JSON?]) -> JSON {
        var members = JSONObject()
        for member in old.object?.members ?? [] {
            guard let change = changes[member.name] else {
                members.append(member.name, member.value)
                continue
            }
            if let change { members.append(member.name, change) }
        }
        for name in changes.keys.sorted() where old[name] == nil {
            if let added = changes[name] ?? nil { members.append(name, added) }
        }
        return .object(members)
    }
}

extension SignatureAlgorithm {
    /// The kind of key that makes such signatures.
    public var keyKind: PrivateKey.Kind {
        switch self {
        case .es256: .p256
        case .ed25519: .ed25519
        case .ps256, .rs256: .rsa2048
        }
    }
}
