import Crypto
import Primitives

/// `jws` and `signature`.
enum SignatureVerbs {
    /// `{"jwk":{…},"jws":"…"}`: a JWS in compact form, or as JSON text (RFC 7515 §7.2) with one signature.
    static func jws(_ input: JSON) -> Text? {
        guard let jwk = input["jwk"], let text = input["jws"]?.string,
            let key = try? JSONWebKey(jwk), let compact = compact(text),
            let jws = try? CompactJWS(parsing: compact)
        else { return nil }
        // A key that is named is the key of that name.
        if let wanted = jws.keyID, let known = key.keyID, wanted != known { return nil }
        return jws.isSigned(by: key, using: Set(SignatureAlgorithm.allCases)) ? "valid" : nil
    }

    private static func compact(_ text: Text) -> Text? {
        guard text.trimmed.bytes.first == 0x7B else { return text }
        guard let jws = try? JSONParser.parse(text.bytes).object else { return nil }
        guard let signatures = jws["signatures"] else { return compact(jws, payload: jws["payload"]) }
        // §7.2.2: a flattened text has no `signatures`, a general one no signature of its own.
        guard let all = signatures.array, all.count == 1, let only = all[0].object,
            jws["signature"] == nil, jws["protected"] == nil, jws["header"] == nil
        else { return nil }
        return compact(only, payload: jws["payload"])
    }

    /// Everything that matters is in the protected header: an unprotected one is refused.
    private static func compact(_ parts: JSONObject, payload: JSON?) -> Text? {
        guard parts["header"] == nil, let header = parts["protected"]?.string, let payload = payload?.string,
            let signature = parts["signature"]?.string
        else { return nil }
        return header + "." + payload + "." + signature
    }

    /// `{"jwk":{…},"alg":"ES256","message":"<hex>","signature":"<hex>"}`; the signature as JOSE has it.
    static func signature(_ input: JSON) -> Text? {
        guard let jwk = input["jwk"], let name = input["alg"]?.string,
            let algorithm = SignatureAlgorithm(joseName: name),
            let message = hex(input["message"]), let signature = hex(input["signature"]),
            let key = try? JSONWebKey(jwk)
        else { return nil }
        if let own = key.algorithm, SignatureAlgorithm(joseName: own) != algorithm { return nil }
        return key.key.verifies(signature, over: message, with: algorithm) ? "valid" : nil
    }

    private static func hex(_ value: JSON?) -> [UInt8]? { value?.string.flatMap { Hex.decode($0.bytes) } }
}
