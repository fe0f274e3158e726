internal import COpenSSL

/// JOSE writes an ECDSA signature as r‖s (RFC 7518 §3.4), OpenSSL as a DER sequence of two integers.
enum ECDSASignature {
    static let numberBytes = 32
    static let rawBytes = 64

    /// Nil unless there are exactly 64 bytes.
    static func der(fromRaw raw: [UInt8]) -> [UInt8]? {
        guard raw.count == rawBytes else { return nil }
        let body = integer(raw[..<numberBytes]) + integer(raw[numberBytes...])
        return [0x30, UInt8(body.count)] + body
    }

    private static func integer(_ number: ArraySlice<UInt8>) -> [UInt8] {
        let digits = number.drop { $0 == 0 }
        guard let first = digits.first else { return [0x02, 1, 0] }
        let sign: [UInt8] = first & 0x80 == 0 ? [] : [0]
        return [0x02, UInt8(sign.count + digits.count)] + sign + digits
    }

    /// Nil for anything but one DER sequence of two numbers that fit.
    static func raw(fromDER der: [UInt8]) -> [UInt8]? {
        let signature = unsafe der.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return unsafe d2i_ECDSA_SIG(nil, &start, buffer.count)
        }
        guard let signature = unsafe signature else {
            OpenSSLError.clear()
            return nil
        }
        defer { unsafe ECDSA_SIG_free(signature) }
        var raw = [UInt8](repeating: 0, count: rawBytes)
        let written = unsafe raw.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return unsafe BN_bn2binpad(ECDSA_SIG_get0_r(signature), start, Int32(numberBytes))
                == Int32(numberBytes)
                && BN_bn2binpad(ECDSA_SIG_get0_s(signature), start + numberBytes, Int32(numberBytes))
                    == Int32(numberBytes)
        }
        return written ? raw : nil
    }
}
