import Crypto
import Foundation
import Primitives
import Testing

/// Vectors of others, outside this repository: the directory in `SALLYPORT_VECTORS`.
///
/// Without it these tests are skipped.
enum Vectors {
    static let directory = ProcessInfo.processInfo.environment["SALLYPORT_VECTORS"]

    /// A file of Project Wycheproof.
    static func wycheproof(_ name: String) throws -> [JSON] {
        let path = "\(directory ?? "")/wycheproof/testvectors_v1/\(name)"
        let bytes = try #require(FileManager.default.contents(atPath: path))
        return try #require(try JSONParser.parse(Array(bytes))["testGroups"]?.array)
    }
}

@Suite(.enabled(if: Vectors.directory != nil)) struct KeysVectorTests {
    private static func hex(_ json: JSON, _ name: Text) throws -> [UInt8] {
        try #require(json[name]?.string.flatMap { Hex.decode($0.bytes) })
    }

    @Test(arguments: [
        ("ecdsa_secp256r1_sha256_p1363_test.json", SignatureAlgorithm.es256, 173),
        ("ed25519_test.json", .ed25519, 88),
        ("rsa_signature_2048_sha256_test.json", .rs256, 9),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", .ps256, 63),
    ])
    func `signatures get the verdict of Wycheproof`(
        _ file: String, _ algorithm: SignatureAlgorithm, _ good: Int
    ) throws {
        var accepted = 0
        for group in try Vectors.wycheproof(file) {
            let key = try PublicKey(pem: try #require(group["publicKeyPem"]?.string).string)
            for test in try #require(group["tests"]?.array) {
                let verdict = key.verifies(
                    try Self.hex(test, "sig"), over: try Self.hex(test, "msg"), with: algorithm)
                let wanted = test["result"]?.string
                if wanted == "acceptable" { continue }
                #expect(verdict == (wanted == "valid"), "\(file) \(test["tcId"]?.integer ?? 0)")
                if verdict { accepted += 1 }
            }
        }
        #expect(accepted == good)
    }

    @Test func `the same keys come from PEM and from JWK`() throws {
        for file in ["ecdsa_secp256r1_sha256_p1363_test.json", "ed25519_test.json"] {
            for group in try Vectors.wycheproof(file) {
                let fromPEM = try PublicKey(pem: try #require(group["publicKeyPem"]?.string).string)
                guard let jwk = group["publicKeyJwk"] else { continue }
                #expect(try PublicKey(jwk: jwk).thumbprint == fromPEM.thumbprint)
            }
        }
    }

    @Test func `signed tokens get the verdict of Wycheproof`() throws {
        var accepted = 0
        for group in try Vectors.wycheproof("json_web_signature_test.json") {
            guard let jwk = group["public"] ?? group["private"] else { continue }
            let key = try? JSONWebKey(jwk)
            for test in try #require(group["tests"]?.array) {
                let text = try #require(test["jws"]?.string)
                let token = try? CompactJWS(parsing: text)
                let good =
                    if let key, let token {
                        token.isSigned(by: key, using: Set(SignatureAlgorithm.allCases))
                    } else { false }
                let label = "tcId \(test["tcId"]?.integer ?? 0): \(test["comment"]?.string?.string ?? "")"
                if test["result"]?.string != "valid" {
                    #expect(!good, "\(label)")
                } else if let token, SignatureAlgorithm(joseName: token.algorithm) != nil {
                    #expect(good, "\(label)")
                }
                if good { accepted += 1 }
            }
        }
        #expect(accepted > 0)
    }

    @Test func `key sets that are weak or misleading verify nothing`() throws {
        for group in try Vectors.wycheproof("json_web_key_test.json") {
            guard let set = group["public"] ?? group["private"] else { continue }
            let keys = try? JSONWebKeySet(parsing: set.encoded)
            for test in try #require(group["tests"]?.array) where test["result"]?.string == "invalid" {
                guard let keys, let token = test["jws"]?.string.flatMap({ try? CompactJWS(parsing: $0) })
                else { continue }
                let key = keys.key(token.keyID)
                let good =
                    key.map { token.isSigned(by: $0, using: Set(SignatureAlgorithm.allCases)) } ?? false
                #expect(!good, "tcId \(test["tcId"]?.integer ?? 0): \(test["comment"]?.string?.string ?? "")")
            }
        }
    }
}
