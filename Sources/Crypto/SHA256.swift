internal import COpenSSL
public import Primitives

/// SHA-256 (FIPS 180-4) of bytes at hand.
public enum SHA256 {
    public static func hash(_ bytes: [UInt8]) -> Digest { hash(bytes.span) }

    public static func hash(_ bytes: Span<UInt8>) -> Digest {
        var hasher = SHA256Hasher()
        return hasher.hash(bytes)
    }

    public static func hash(_ text: Text) -> Digest { hash(text.bytes) }
}

/// SHA-256 of many things, one after the other, with one context for all of them.
///
/// That halves the cost of a short text, which is mostly that of making a context.
@safe public struct SHA256Hasher: ~Copyable {
    private let context: OpaquePointer

    public init() {
        guard let context = unsafe EVP_MD_CTX_new() else {
            preconditionFailure("OpenSSL has memory for the state of SHA-256")
        }
        unsafe self.context = context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    public mutating func hash(_ bytes: Span<UInt8>) -> Digest {
        begin()
        update(bytes)
        return end()
    }

    /// Of one byte, and then the others.
    public mutating func hash(_ first: UInt8, _ bytes: Span<UInt8>) -> Digest {
        begin()
        update(first)
        update(bytes)
        return end()
    }

    /// Of one byte, and then the bytes of two digests.
    public mutating func hash(_ first: UInt8, _ left: Digest, _ right: Digest) -> Digest {
        begin()
        update(first)
        update(left)
        update(right)
        return end()
    }

    fileprivate mutating func begin() {
        let done = unsafe EVP_DigestInit_ex2(context, Algorithm.sha256, nil)
        precondition(done == 1, "OpenSSL always has SHA-256")
    }

    fileprivate mutating func update(_ bytes: Span<UInt8>) {
        let done = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        precondition(done == 1, "SHA-256 takes any bytes")
    }

    private mutating func update(_ byte: UInt8) {
        let done = unsafe withUnsafeBytes(of: byte) { unsafe EVP_DigestUpdate(context, $0.baseAddress, 1) }
        precondition(done == 1, "SHA-256 takes any byte")
    }

    private mutating func update(_ digest: Digest) {
        let words = digest.words
        let bigEndian = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
        let done = unsafe withUnsafeBytes(of: bigEndian) {
            unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
        }
        precondition(done == 1, "SHA-256 takes any digest")
    }

    fileprivate mutating func end() -> Digest {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let done = unsafe withUnsafeMutableBytes(of: &words) {
            unsafe EVP_DigestFinal_ex(context, $0.assumingMemoryBound(to: UInt8.self).baseAddress, nil)
        }
        precondition(done == 1, "a SHA-256 value has 32 bytes")
        return Digest(
            words: (
                UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), UInt64(bigEndian: words.2),
                UInt64(bigEndian: words.3)
            ))
    }
}

/// SHA-256 of bytes that come in pieces.
public struct SHA256Stream: ~Copyable {
    private var hasher = SHA256Hasher()

    public init() { hasher.begin() }

    public mutating func update(_ bytes: [UInt8]) { hasher.update(bytes.span) }

    public consuming func finish() -> Digest { hasher.end() }
}

private enum Algorithm {
    /// Looked up once: OpenSSL would otherwise search its providers at each digest.
    ///
    /// Never written after it was made, so any thread may read it.
    nonisolated(unsafe) static let sha256: OpaquePointer = {
        guard let found = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("OpenSSL always has SHA-256")
        }
        return unsafe found
    }()
}
