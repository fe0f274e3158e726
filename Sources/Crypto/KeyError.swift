public import Primitives

/// Why a key, a key set or a private key can not be used.
public enum KeyError: Error, Hashable, Sendable {
    /// Not a PEM block of the wanted kind, or encrypted.
    case badPEM
    /// A PEM key that is none of P-256, P-384, Ed25519 and RSA 2048…8192.
    case unsupportedKey
    case notJSON(JSONError)
    case notAnObject
    /// No `keys`, or not an array.
    case noKeysMember
    /// A set longer than `JSONWebKeySet.bytesMax`.
    case tooLarge
    case tooManyKeys
    /// A JWK member that is absent or not of its type and encoding.
    case badMember(String)
    /// A `kty` or `crv` that is not used here; a set skips such keys (RFC 7517 §5).
    case unsupportedType
    /// A private key or secret where a public key belongs.
    case privateMember(String)
    case notOnCurve
    case rsaSize(bits: Int)
    case rsaExponent
    /// A modulus of a library whose keys can be factored (CVE-2017-15361).
    case weakModulus
    /// `use` is not `sig`, or `key_ops` lacks `verify`; a set skips such keys.
    case notForVerifying
    /// The JWK's own `alg` does not fit its type.
    case algorithmDoesNotFit
    case duplicateKeyID(Text)
    case noUsableKey
    case signingFailed(OpenSSLError)
}

extension KeyError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badPEM: "not a PEM key without a passphrase"
        case .unsupportedKey: "the key is not P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits"
        case .notJSON(let error): "not JSON: \(error)"
        case .notAnObject: "a JSON object is wanted"
        case .noKeysMember: "`keys` must be an array of keys"
        case .tooLarge: "more than \(JSONWebKeySet.bytesMax) bytes"
        case .tooManyKeys: "more than \(JSONWebKeySet.keysMax) keys"
        case .badMember(let name): "`\(name)` is missing or malformed"
        case .unsupportedType: "this `kty` or `crv` is not supported"
        case .privateMember(let name): "`\(name)` belongs to a private key and must not be here"
        case .notOnCurve: "the point is not on the curve"
        case .rsaSize(let bits): "an RSA modulus of \(bits) bits is not between 2048 and 8192"
        case .rsaExponent: "the RSA exponent must be odd, at least 3 and at most 8 bytes"
        case .weakModulus: "the RSA modulus is one that can be factored (CVE-2017-15361)"
        case .notForVerifying: "`use` or `key_ops` says that the key is not for signatures"
        case .algorithmDoesNotFit: "`alg` does not fit the type of the key"
        case .duplicateKeyID(let id): "two keys have the `kid` `\(id)`"
        case .noUsableKey: "there is no key that verifies signatures"
        case .signingFailed(let error): "signing failed: \(error)"
        }
    }
}
