public import Primitives

/// The signature algorithms of JOSE in use here (RFC 7518 §3, RFC 9864 for `Ed25519`).
///
/// There is no `none` and no HMAC.
public enum SignatureAlgorithm: String, Sendable, CaseIterable, Hashable {
    /// ECDSA on P-256 with SHA-256; 64 bytes, r‖s.
    case es256 = "ES256"
    /// Ed25519; 64 bytes. `EdDSA` (RFC 8037) is its older name.
    case ed25519 = "Ed25519"
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    case ps256 = "PS256"
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"

    /// The exact name, or `EdDSA`.
    public init?(joseName name: Text) {
        if name == "EdDSA" {
            self = .ed25519
        } else {
            guard let algorithm = Self.allCases.first(where: { Text($0.rawValue) == name }) else {
                return nil
            }
            self = algorithm
        }
    }

    /// Whether a key of that kind makes such signatures.
    public func fits(_ kind: KeyKind) -> Bool {
        switch (self, kind) {
        case (.es256, .p256), (.ed25519, .ed25519): true
        case (.ps256, .rsa(let bits)), (.rs256, .rsa(let bits)): PublicKey.rsaBits.contains(bits)
        case (.es256, _), (.ed25519, _), (.ps256, _), (.rs256, _): false
        }
    }
}

/// What a key is.
public enum KeyKind: Sendable, Hashable {
    case p256, p384, ed25519
    /// The size of the modulus.
    case rsa(bits: Int)
    /// Anything else, a curve with explicit parameters included; it verifies nothing here.
    case other
}
