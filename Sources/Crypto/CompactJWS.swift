public import Primitives

/// A JWS in compact form (RFC 7515 §3.1) that parses.
///
/// Nothing in it is believed yet.
///
/// One text has one reading: strict base64url, a strict JSON header, and none of the header parameters that
/// carry keys, change what is signed, or ask for extensions.
public struct CompactJWS: Sendable {
    /// Longer texts are refused unread (contract §2).
    public static let bytesMax = 8192

    public let header: JSONObject
    public let payload: [UInt8]
    /// The bytes that were signed: header and payload as they came, with the dot between.
    public let signingInput: [UInt8]
    public let signature: [UInt8]
    public let algorithm: Text
    public let keyID: Text?
    public let type: Text?

    private static let headerDepthMax = 8
    /// Keys from the token itself, critical extensions, compression, unencoded payloads, encryption.
    private static let refusedParameters: [Text] = [
        "crit", "jku", "x5u", "jwk", "x5c", "zip", "b64", "enc", "epk", "apu", "apv", "p2s", "p2c",
    ]

    public init(parsing text: Text) throws(JWSError) {
        guard text.count <= Self.bytesMax else { throw .tooLong }
        let parts = text.split(on: 0x2E)
        // A payload may be empty (RFC 7515 §3.1); a header or a signature may not.
        guard parts.count == 3, !parts[0].isEmpty, !parts[2].isEmpty else { throw .notThreeParts }
        guard let headerBytes = Base64.decodeURL(parts[0].bytes),
            let payload = Base64.decodeURL(parts[1].bytes),
            let signature = Base64.decodeURL(parts[2].bytes)
        else { throw .badBase64 }
        header = try Self.readHeader(headerBytes)
        guard let algorithm = try Self.text("alg", of: header) else { throw .badParameter("alg") }
        self.algorithm = algorithm
        keyID = try Self.text("kid", of: header)
        type = try Self.text("typ", of: header)
        self.payload = payload
        self.signature = signature
        signingInput = Array(text.bytes.prefix(parts[0].count + 1 + parts[1].count))
    }

    private static func readHeader(_ bytes: [UInt8]) throws(JWSError) -> JSONObject {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(bytes, limits: .init(depthMax: headerDepthMax))
        } catch {
            throw .headerNotJSON(error)
        }
        guard let header = json.object else { throw .headerNotObject }
        for name in refusedParameters where header[name] != nil { throw .refusedParameter(name.string) }
        return header
    }

    private static func text(_ name: Text, of header: JSONObject) throws(JWSError) -> Text? {
        guard let value = header[name] else { return nil }
        guard let text = value.string, !text.isEmpty else { throw .badParameter(name.string) }
        return text
    }

    /// Whether `key` made the signature, with the algorithm the header names, which must be among the allowed
    /// ones and fit the key's type and the JWK's own `alg` (RFC 8725 §3.1).
    public func isSigned(by key: JSONWebKey, using allowed: Set<SignatureAlgorithm>) -> Bool {
        guard let named = SignatureAlgorithm(joseName: algorithm), allowed.contains(named), key.allows(named)
        else {
            return false
        }
        return key.key.verifies(signature, over: signingInput, with: named)
    }
}

/// Why a text is not a JWS that is read here.
public enum JWSError: Error, Hashable, Sendable {
    case tooLong, notThreeParts, badBase64, headerNotObject
    case headerNotJSON(JSONError)
    /// `alg` is missing, or a parameter is not a non-empty string.
    case badParameter(String)
    case refusedParameter(String)
}

extension JWSError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong: "longer than \(CompactJWS.bytesMax) bytes"
        case .notThreeParts: "not three parts joined by dots"
        case .badBase64: "a part is not base64url without padding"
        case .headerNotObject: "the header is not a JSON object"
        case .headerNotJSON(let error): "the header is not JSON: \(error)"
        case .badParameter(let name): "the header parameter `\(name)` is missing or not a string"
        case .refusedParameter(let name): "the header parameter `\(name)` is not accepted"
        }
    }
}
