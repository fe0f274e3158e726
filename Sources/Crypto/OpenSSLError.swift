internal import COpenSSL

/// What OpenSSL's error queue said, for people.
///
/// Nothing decides by it.
///
/// The queue belongs to the thread and stale entries confuse `SSL_get_error` of other connections, so every
/// failure ends in `take()` or `clear()`.
public struct OpenSSLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The packed code of the newest entry; 0 when the queue was empty.
    public let code: UInt
    public let description: String

    private static let descriptionBytesMax = 256

    /// Reads the newest entry and empties the queue.
    public static func take() -> OpenSSLError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0 else { return OpenSSLError(code: 0, description: "OpenSSL gave no reason") }
        var buffer = [CChar](repeating: 0, count: descriptionBytesMax)
        unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe ERR_error_string_n(code, $0.baseAddress, $0.count)
        }
        let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return OpenSSLError(code: code, description: String(decoding: text, as: UTF8.self))
    }

    /// Empties the queue after a failure that needs no words.
    static func clear() { ERR_clear_error() }
}

public enum OpenSSLLibrary {
    /// Of the library that is loaded: `3.0.22`.
    public static var version: String { unsafe String(cString: OpenSSL_version(OPENSSL_VERSION_STRING)) }
}
