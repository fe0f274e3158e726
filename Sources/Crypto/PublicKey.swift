internal import COpenSSL
import Primitives
import Synchronization

/// A key that verifies.
///
/// It is decoded once, and may be used by all threads at once.
public final class PublicKey: Sendable {
    /// Bits of an RSA modulus that are accepted.
    public static let rsaBits = 2048...8192

    let key: EVPKey
    public let kind: KeyKind
    /// Contexts set up for this key, waiting for the next signature.
    private let idle = Mutex<[VerifyContext]>([])
    /// More threads than that at one moment make contexts of their own.
    private static let idleContextsMax = 8

    /// Any key OpenSSL knows, as one from a certificate; ask `kind` whether it is fit.
    init(_ key: EVPKey) {
        self.key = key
        kind = Self.kind(of: key)
    }

    /// A `PUBLIC KEY` block (RFC 7468 §13): P-256, P-384, Ed25519, or RSA of 2048 to 8192 bits.
    public convenience init(pem: String) throws(KeyError) {
        let text = Array(pem.utf8)
        let pointer = unsafe text.withUnsafeBytes {
            unsafe sallyport_read_public_pem($0.baseAddress, Int32(clamping: $0.count))
        }
        guard let pointer = unsafe pointer else {
            OpenSSLError.clear()
            throw .badPEM
        }
        self.init(unsafe EVPKey(owning: pointer))
        try requireSupported()
    }

    func requireSupported() throws(KeyError) {
        switch kind {
        case .p256, .p384, .ed25519: return
        case .rsa(let bits): guard Self.rsaBits.contains(bits) else { throw .rsaSize(bits: bits) }
        case .other: throw .unsupportedKey
        }
    }

    private static func kind(of key: EVPKey) -> KeyKind {
        switch unsafe EVP_PKEY_get_base_id(key.pointer) {
        case EVP_PKEY_ED25519: .ed25519
        case EVP_PKEY_RSA: .rsa(bits: Int(unsafe EVP_PKEY_get_bits(key.pointer)))
        case EVP_PKEY_EC: curve(of: key)
        default: .other
        }
    }

    /// Named curves only: explicit parameters may look like a curve without being it (CVE-2020-0601).
    private static func curve(of key: EVPKey) -> KeyKind {
        var explicit: Int32 = 0
        let known = unsafe EVP_PKEY_get_int_param(
            key.pointer, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit)
        guard known == 1, explicit == 0 else {
            OpenSSLError.clear()
            return .other
        }
        var name = [CChar](repeating: 0, count: 32)
        let named = unsafe name.withUnsafeMutableBufferPointer {
            unsafe EVP_PKEY_get_group_name(key.pointer, $0.baseAddress, $0.count, nil)
        }
        guard named == 1 else {
            OpenSSLError.clear()
            return .other
        }
        switch Text(name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }) {
        case "prime256v1": return .p256
        case "secp384r1": return .p384
        default: return .other
        }
    }

    /// Whether the signature, in JOSE's form, was made over `message` by the owner of this key.
    ///
    /// False for an algorithm that does not fit the key, for a signature of another length, and for any
    /// failure.
    public func verifies(
        _ signature: [UInt8], over message: [UInt8], with algorithm: SignatureAlgorithm
    ) -> Bool {
        guard algorithm.fits(kind) else { return false }
        switch algorithm {
        case .ed25519: return verifiesEd25519(signature, over: message)
        case .es256:
            guard let der = ECDSASignature.der(fromRaw: signature) else { return false }
            return verifies(der, ofDigest: SHA256.hash(message).bytes, with: algorithm)
        case .ps256, .rs256: return verifies(signature, ofDigest: SHA256.hash(message).bytes, with: algorithm)
        }
    }

    private func verifies(_ signature: [UInt8], ofDigest digest: [UInt8], with algorithm: SignatureAlgorithm)
        -> Bool
    {
        let waiting = idle.withLock { idle in
            idle.lastIndex { $0.algorithm == algorithm }.map { idle.remove(at: $0) }
        }
        guard let context = waiting ?? VerifyContext(key, algorithm) else { return false }
        guard context.verifies(signature, ofDigest: digest) else {
            // A context that has seen a bad signature is not used again.
            OpenSSLError.clear()
            return false
        }
        idle.withLock { if $0.count < Self.idleContextsMax { $0.append(context) } }
        return true
    }

    private func verifiesEd25519(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64, let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        let good =
            unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer) == 1
            && signature.withUnsafeBufferPointer { signature in
                unsafe message.withUnsafeBufferPointer { message in
                    unsafe EVP_DigestVerify(
                        context, signature.baseAddress, signature.count, message.baseAddress, message.count)
                        == 1
                }
            }
        if !good { OpenSSLError.clear() }
        return good
    }
}

/// An `EVP_PKEY_CTX` made ready for one key and algorithm: setting it up again costs as much as hashing a
/// token.
///
/// One thread at a time has it; the key's `Mutex` hands it over.
@safe final class VerifyContext: @unchecked Sendable {
    let algorithm: SignatureAlgorithm
    private let pointer: OpaquePointer

    init?(_ key: EVPKey, _ algorithm: SignatureAlgorithm) {
        guard let pointer = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
            OpenSSLError.clear()
            return nil
        }
        unsafe self.pointer = pointer
        self.algorithm = algorithm
        guard unsafe EVP_PKEY_verify_init(pointer) == 1, unsafe RSAPadding.set(algorithm, on: pointer) else {
            OpenSSLError.clear()
            return nil
        }
    }

    deinit { unsafe EVP_PKEY_CTX_free(pointer) }

    func verifies(_ signature: [UInt8], ofDigest digest: [UInt8]) -> Bool {
        unsafe signature.withUnsafeBufferPointer { signature in
            unsafe digest.withUnsafeBufferPointer { digest in
                unsafe EVP_PKEY_verify(
                    pointer, signature.baseAddress, signature.count, digest.baseAddress, digest.count) == 1
            }
        }
    }
}

/// The digest, and for RSA the padding, of an algorithm (RFC 7518 §3.3, §3.5).
enum RSAPadding {
    private static let pssSaltBytes: Int32 = 32

    static func set(_ algorithm: SignatureAlgorithm, on context: OpaquePointer) -> Bool {
        switch algorithm {
        case .ed25519: true
        case .es256: unsafe EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
        case .rs256:
            unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
                && EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
        case .ps256:
            unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
                && EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
                && EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, pssSaltBytes) == 1
        }
    }
}
