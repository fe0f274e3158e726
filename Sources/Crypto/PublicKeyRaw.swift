internal import COpenSSL

/// Ed25519 public keys as their 32 bytes (RFC 8032 §5.1.5), which is how signed notes and JSON Web Keys say
/// them.
extension PublicKey {
    private static let ed25519Bytes = 32

    /// Nil unless there are exactly 32 bytes.
    ///
    /// Bytes that are no point of the curve make a key that verifies nothing.
    public convenience init?(ed25519 bytes: [UInt8]) {
        guard let key = Self.edwardsKey(bytes) else { return nil }
        self.init(key)
    }

    /// The 32 bytes of an Ed25519 key; nil for every other kind.
    public var ed25519: [UInt8]? { kind == .ed25519 ? rawEd25519 : nil }

    static func edwardsKey(_ bytes: [UInt8]) -> EVPKey? {
        guard bytes.count == ed25519Bytes else { return nil }
        let pointer = unsafe bytes.withUnsafeBufferPointer {
            unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, $0.baseAddress, $0.count)
        }
        guard let pointer = unsafe pointer else {
            OpenSSLError.clear()
            return nil
        }
        return unsafe EVPKey(owning: pointer)
    }

    /// Only for an Ed25519 key.
    var rawEd25519: [UInt8] {
        var output = [UInt8](repeating: 0, count: Self.ed25519Bytes)
        var count = output.count
        let done = unsafe output.withUnsafeMutableBufferPointer {
            unsafe EVP_PKEY_get_raw_public_key(key.pointer, $0.baseAddress, &count)
        }
        precondition(done == 1 && count == output.count, "an Ed25519 public key has 32 bytes")
        return output
    }
}
