internal import COpenSSL
public import Primitives

/// SHA-256 (FIPS 180-4) of bytes at hand.
public enum SHA256 {
    public static func hash(_ bytes: [UInt8]) -> Digest {
        var stream = SHA256Stream()
        stream.update(bytes)
        return stream.finish()
    }

    public static func hash(_ text: Text) -> Digest { hash(text.bytes) }
}

/// SHA-256 of bytes that come in pieces.
@safe public struct SHA256Stream: ~Copyable {
    private let context: OpaquePointer

    public init() {
        guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
        else {
            preconditionFailure("OpenSSL always has SHA-256 and memory for its state")
        }
        unsafe self.context = context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: [UInt8]) {
        let done = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        precondition(done == 1, "SHA-256 takes any bytes")
    }

    public consuming func finish() -> Digest {
        var output = [UInt8](repeating: 0, count: Digest.byteCount)
        let done = unsafe output.withUnsafeMutableBufferPointer {
            unsafe EVP_DigestFinal_ex(context, $0.baseAddress, nil)
        }
        guard done == 1, let digest = Digest(output) else {
            preconditionFailure("a SHA-256 value has 32 bytes")
        }
        return digest
    }
}
