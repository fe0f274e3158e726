internal import Crypto
internal import HTTP
internal import Patterns
public import Primitives

/// What this build is.
public enum Version {
    public static let number = "0.1.0"

    /// With the versions of the C libraries it runs on.
    public static var json: JSON {
        .object([
            "name": "sallyport", "version": .string(number), "openssl": .string(OpenSSLLibrary.version),
            "nghttp2": .string(NGHTTP2Library.version), "pcre2": .string(PCRE2Library.version),
        ])
    }
}
