internal import COpenSSL
public import Primitives

/// Public keys as JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2).
extension PublicKey {
    /// Longer RSA exponents only make verification slow.
    public static let rsaExponentBytesMax = 8
    private static let privateMembers: [Text] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    /// EC on P-256, OKP Ed25519, or RSA of 2048 to 8192 bits; private members are refused.
    public convenience init(jwk: JSON) throws(KeyError) {
        guard let members = jwk.object else { throw .notAnObject }
        guard let type = members["kty"]?.string else { throw .badMember("kty") }
        for name in Self.privateMembers where members[name] != nil { throw .privateMember(name.string) }
        switch type {
        case "EC": self.init(try Self.ellipticKey(members))
        case "OKP": self.init(try Self.edwardsKey(members))
        case "RSA": self.init(try Self.rsaKey(members))
        default: throw .unsupportedType
        }
    }

    private static func bytes(of name: Text, in members: JSONObject) throws(KeyError) -> [UInt8] {
        guard let text = members[name]?.string, let bytes = Base64.decodeURL(text.bytes), !bytes.isEmpty
        else {
            throw .badMember(name.string)
        }
        return bytes
    }

    private static func ellipticKey(_ members: JSONObject) throws(KeyError) -> EVPKey {
        guard let curve = members["crv"]?.string else { throw .badMember("crv") }
        guard curve == "P-256" else { throw .unsupportedType }
        let x = try bytes(of: "x", in: members)
        let y = try bytes(of: "y", in: members)
        // RFC 7518 §6.2.1.2: the whole size of a coordinate, with its leading zeros.
        guard x.count == 32 else { throw .badMember("x") }
        guard y.count == 32 else { throw .badMember("y") }
        let point = [0x04] + x + y
        let pointer = unsafe point.withUnsafeBufferPointer {
            unsafe sallyport_p256_key($0.baseAddress, $0.count)
        }
        return try unsafe owned(pointer, else: .notOnCurve)
    }

    private static func edwardsKey(_ members: JSONObject) throws(KeyError) -> EVPKey {
        guard let curve = members["crv"]?.string else { throw .badMember("crv") }
        guard curve == "Ed25519" else { throw .unsupportedType }
        guard let key = edwardsKey(try bytes(of: "x", in: members)) else { throw .badMember("x") }
        return key
    }

    private static func rsaKey(_ members: JSONObject) throws(KeyError) -> EVPKey {
        let modulus = try bytes(of: "n", in: members)
        let exponent = try bytes(of: "e", in: members)
        // RFC 7518 §6.3.1.1, §2 (Base64urlUInt): the fewest bytes.
        guard let first = modulus.first, first != 0, modulus.last.map({ $0 & 1 }) == 1 else {
            throw .badMember("n")
        }
        guard exponent.first != 0 else { throw .badMember("e") }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard rsaBits.contains(bits) else { throw .rsaSize(bits: bits) }
        guard !WeakModulus.isWeak(modulus) else { throw .weakModulus }
        guard exponent.count <= rsaExponentBytesMax, let last = exponent.last, last & 1 == 1, exponent != [1]
        else {
            throw .rsaExponent
        }
        let pointer = unsafe modulus.withUnsafeBufferPointer { modulus in
            unsafe exponent.withUnsafeBufferPointer { exponent in
                unsafe sallyport_rsa_key(
                    modulus.baseAddress, Int32(modulus.count), exponent.baseAddress, Int32(exponent.count))
            }
        }
        return try unsafe owned(pointer, else: .badMember("n"))
    }

    private static func owned(_ pointer: OpaquePointer?, else error: KeyError) throws(KeyError) -> EVPKey {
        guard let pointer = unsafe pointer else {
            OpenSSLError.clear()
            throw error
        }
        return unsafe EVPKey(owning: pointer)
    }

    /// The members that make the key, in the order of their names; an empty object for a key JOSE has no name
    /// for.
    public var jwk: JSON {
        switch kind {
        case .p256: ellipticJWK(curve: "P-256", coordinateBytes: 32)
        case .p384: ellipticJWK(curve: "P-384", coordinateBytes: 48)
        case .ed25519: .object(["crv": "Ed25519", "kty": "OKP", "x": encoded(rawEd25519)])
        case .rsa:
            .object([
                "e": encoded(number(OSSL_PKEY_PARAM_RSA_E, count: 0)), "kty": "RSA",
                "n": encoded(number(OSSL_PKEY_PARAM_RSA_N, count: 0)),
            ])
        case .other: .object(JSONObject())
        }
    }

    /// RFC 7638: SHA-256 over the required members in canonical form.
    ///
    /// Of a key JOSE has no name for, SHA-256 over its SubjectPublicKeyInfo.
    public var thumbprint: Digest {
        if kind == .other { return SHA256.hash(subjectPublicKeyInfo) }
        return SHA256.hash(jwk.encoded)
    }

    private func ellipticJWK(curve: Text, coordinateBytes: Int) -> JSON {
        .object([
            "crv": .string(curve), "kty": "EC",
            "x": encoded(number(OSSL_PKEY_PARAM_EC_PUB_X, count: coordinateBytes)),
            "y": encoded(number(OSSL_PKEY_PARAM_EC_PUB_Y, count: coordinateBytes)),
        ])
    }

    private func encoded(_ bytes: [UInt8]) -> JSON { .string(Base64.encodeURL(bytes)) }

    private func number(_ name: String, count: Int) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: 8192)
        let written = unsafe output.withUnsafeMutableBufferPointer {
            unsafe sallyport_key_number(key.pointer, name, $0.baseAddress, $0.count, count)
        }
        precondition(written > 0, "OpenSSL tells the numbers of a key it has read")
        return Array(output.prefix(written))
    }

    private var subjectPublicKeyInfo: [UInt8] {
        let count = unsafe i2d_PUBKEY(key.pointer, nil)
        guard count > 0 else {
            OpenSSLError.clear()
            return []
        }
        var output = [UInt8](repeating: 0, count: Int(count))
        unsafe output.withUnsafeMutableBufferPointer { buffer in
            var start = buffer.baseAddress
            _ = unsafe i2d_PUBKEY(key.pointer, &start)
        }
        return output
    }
}
