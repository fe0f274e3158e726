internal import COpenSSL

/// A key that signs: the proxy's own SVID key, the broker's, the ledger's.
public final class PrivateKey: Sendable {
    public enum Kind: Sendable { case p256, ed25519, rsa2048 }

    let key: EVPKey
    public let publicKey: PublicKey

    private init(_ key: EVPKey) {
        self.key = key
        // The same EVP_PKEY: OpenSSL verifies with the public half of it.
        publicKey = PublicKey(key)
    }

    public static func generate(_ kind: Kind) -> PrivateKey {
        let pointer =
            switch kind {
            case .p256: unsafe sallyport_generate_p256()
            case .ed25519: unsafe sallyport_generate_ed25519()
            case .rsa2048: unsafe sallyport_generate_rsa2048()
            }
        guard let pointer = unsafe pointer else { preconditionFailure("OpenSSL can make a \(kind) key") }
        return PrivateKey(unsafe EVPKey(owning: pointer))
    }

    /// The first private key in the text: PKCS#8 or one of the traditional forms, without a passphrase;
    /// P-256, P-384, Ed25519, or RSA of 2048 to 8192 bits.
    public convenience init(pem: String) throws(KeyError) {
        let text = Array(pem.utf8)
        let pointer = unsafe text.withUnsafeBytes {
            unsafe sallyport_read_private_pem($0.baseAddress, Int32(clamping: $0.count))
        }
        guard let pointer = unsafe pointer else {
            OpenSSLError.clear()
            throw .badPEM
        }
        self.init(unsafe EVPKey(owning: pointer))
        try publicKey.requireSupported()
    }

    /// PKCS#8 (RFC 5958), not encrypted.
    public var pem: String {
        guard let bio = unsafe sallyport_write_private_pem(key.pointer) else {
            preconditionFailure("every key held here has a PKCS#8 form")
        }
        defer { unsafe BIO_free(bio) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe BIO_read(bio, $0.baseAddress, Int32($0.count))
            }
            guard count > 0 else { break }
            text += chunk[..<Int(count)]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A signature in JOSE's form: r‖s for ES256 (RFC 7518 §3.4), OpenSSL's own form otherwise.
    public func sign(_ message: [UInt8], with algorithm: SignatureAlgorithm) throws(KeyError) -> [UInt8] {
        guard algorithm.fits(publicKey.kind) else { throw .algorithmDoesNotFit }
        guard let signature = signature(over: message, with: algorithm) else {
            throw .signingFailed(OpenSSLError.take())
        }
        guard algorithm == .es256 else { return signature }
        guard let raw = ECDSASignature.raw(fromDER: signature) else {
            preconditionFailure("OpenSSL writes its own signatures in DER")
        }
        return raw
    }

    private func signature(over message: [UInt8], with algorithm: SignatureAlgorithm) -> [UInt8]? {
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        defer { unsafe EVP_MD_CTX_free(context) }
        var keyContext: OpaquePointer?
        let digest = unsafe algorithm == .ed25519 ? nil : EVP_sha256()
        guard unsafe EVP_DigestSignInit(context, &keyContext, digest, nil, key.pointer) == 1,
            let keyContext = unsafe keyContext, unsafe RSAPadding.set(algorithm, on: keyContext)
        else { return nil }
        return unsafe message.withUnsafeBufferPointer { message in
            var count = 0
            guard unsafe EVP_DigestSign(context, nil, &count, message.baseAddress, message.count) == 1 else {
                return nil
            }
            var output = [UInt8](repeating: 0, count: count)
            let done = unsafe output.withUnsafeMutableBufferPointer {
                unsafe EVP_DigestSign(context, $0.baseAddress, &count, message.baseAddress, message.count)
            }
            return done == 1 ? Array(output.prefix(count)) : nil
        }
    }
}
