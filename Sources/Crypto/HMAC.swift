internal import COpenSSL

/// HMAC with SHA-256 (RFC 2104), for the webhook's signature and for keyed fingerprints.
public enum HMACSHA256 {
    public static let byteCount = 32

    /// 32 bytes.
    ///
    /// Compare codes with `ConstantTime.equal`.
    public static func code(over message: [UInt8], key: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: byteCount)
        // HMAC pads a key with zeros, so one zero byte is the empty key, and OpenSSL always gets a pointer.
        let key = key.isEmpty ? [0] : key
        let done = unsafe key.withUnsafeBytes { key in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe output.withUnsafeMutableBufferPointer { output in
                    unsafe HMAC(
                        EVP_sha256(), key.baseAddress, Int32(key.count), message.baseAddress, message.count,
                        output.baseAddress, nil) != nil
                }
            }
        }
        precondition(done, "OpenSSL always has HMAC with SHA-256")
        return output
    }
}
