public import Primitives

/// One public key of an issuer, with what its JWK says about its use (RFC 7517 §4).
public struct JSONWebKey: Sendable {
    public let keyID: Text?
    /// The JWK's own `alg`; when present, the key verifies nothing else.
    public let algorithm: Text?
    public let key: PublicKey

    /// Refuses private keys, keys of unknown type, and keys whose `use` or `key_ops` is not for signatures.
    public init(_ json: JSON) throws(KeyError) {
        guard let members = json.object else { throw .notAnObject }
        let key = try PublicKey(jwk: json)
        try Self.requireForVerifying(members)
        self.key = key
        keyID = try Self.text("kid", of: members)
        algorithm = try Self.text("alg", of: members)
        if let algorithm, let known = SignatureAlgorithm(joseName: algorithm) {
            guard known.fits(key.kind) else { throw .algorithmDoesNotFit }
        }
    }

    private static func text(_ name: Text, of members: JSONObject) throws(KeyError) -> Text? {
        guard let value = members[name] else { return nil }
        guard let text = value.string, !text.isEmpty else { throw .badMember(name.string) }
        return text
    }

    private static func requireForVerifying(_ members: JSONObject) throws(KeyError) {
        if let use = try text("use", of: members) {
            guard use == "sig" else { throw .notForVerifying }
        }
        if let operations = members["key_ops"] {
            guard let operations = operations.array else { throw .badMember("key_ops") }
            guard operations.contains(.string(Text("verify"))) else { throw .notForVerifying }
        }
    }

    /// Whether this key may verify signatures of that algorithm, by its kind and by its own `alg`.
    func allows(_ wanted: SignatureAlgorithm) -> Bool {
        guard wanted.fits(key.kind) else { return false }
        guard let algorithm else { return true }
        return SignatureAlgorithm(joseName: algorithm) == wanted
    }
}
