import Primitives
import Testing

@testable import Crypto

/// JSON from a literal; the tests' own text is always JSON.
func json(_ text: String) -> JSON {
    guard let value = try? JSONParser.parse(Array(text.utf8)) else {
        preconditionFailure("not JSON: \(text)")
    }
    return value
}

@Suite struct DigestTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func `hashes as FIPS 180 says`(_ input: String, _ hex: String) {
        #expect(SHA256.hash(Text(input)).hex == hex)
    }

    @Test func `pieces hash as the whole`() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        var stream = SHA256Stream()
        stream.update(Array(bytes[..<1]))
        stream.update([])
        stream.update(Array(bytes[1...]))
        #expect(stream.finish() == SHA256.hash(bytes))
    }

    /// RFC 4231 §4.2, §4.3.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        ([], "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ])
    func `codes as RFC 4231 says`(_ key: [UInt8], _ message: String, _ hex: String) {
        #expect(Hex.encode(HMACSHA256.code(over: Array(message.utf8), key: key)) == hex)
    }

    @Test func `equal means equal in every byte`() {
        #expect(ConstantTime.equal([], []))
        #expect(ConstantTime.equal([1, 2], [1, 2]))
        #expect(!ConstantTime.equal([1, 2], [1, 3]))
        #expect(!ConstantTime.equal([1, 2], [1, 2, 0]))
    }

    @Test func `random bytes come in the number asked for and are not the same twice`() {
        #expect(RandomBytes.bytes(0).isEmpty)
        #expect(RandomBytes.bytes(32).count == 32)
        #expect(RandomBytes.bytes(32) != RandomBytes.bytes(32))
    }
}

@Suite struct KeysTests {
    static let rsa = PrivateKey.generate(.rsa2048)
    static let pairs: [(PrivateKey, SignatureAlgorithm)] = [
        (.generate(.p256), .es256), (.generate(.ed25519), .ed25519), (rsa, .ps256), (rsa, .rs256),
    ]

    @Test(arguments: pairs.indices)
    func `a signature verifies, and nothing that differs from it does`(_ index: Int) throws {
        let (key, algorithm) = Self.pairs[index]
        let message = Array("message".utf8)
        let signature = try key.sign(message, with: algorithm)
        for _ in 0..<3 { #expect(key.publicKey.verifies(signature, over: message, with: algorithm)) }
        #expect(!key.publicKey.verifies(signature, over: Array("massage".utf8), with: algorithm))
        #expect(!key.publicKey.verifies(signature + [0], over: message, with: algorithm))
        #expect(!key.publicKey.verifies(signature.dropLast(), over: message, with: algorithm))
        #expect(!key.publicKey.verifies([], over: message, with: algorithm))
        for place in stride(from: 0, to: signature.count, by: 7) {
            var bad = signature
            bad[place] ^= 0x40
            #expect(!key.publicKey.verifies(bad, over: message, with: algorithm))
        }
        for other in SignatureAlgorithm.allCases where other != algorithm {
            #expect(!key.publicKey.verifies(signature, over: message, with: other))
        }
        #expect(key.publicKey.verifies(signature, over: message, with: algorithm), "after failures")
    }

    @Test func `a key does not sign with an algorithm that does not fit`() {
        #expect(throws: KeyError.algorithmDoesNotFit) {
            try PrivateKey.generate(.ed25519).sign([1], with: .es256)
        }
    }

    @Test func `an ES256 signature is 64 bytes even when r or s is short`() throws {
        let key = PrivateKey.generate(.p256)
        for round in 0..<600 {
            let message = Array("\(round)".utf8)
            let signature = try key.sign(message, with: .es256)
            #expect(signature.count == 64)
            #expect(key.publicKey.verifies(signature, over: message, with: .es256))
        }
    }

    @Test func `many threads verify with one key`() async throws {
        let (key, algorithm) = Self.pairs[0]
        let message = [UInt8](repeating: 7, count: 300)
        let good = try key.sign(message, with: algorithm)
        let bad = try key.sign([1], with: algorithm)
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<32 {
                group.addTask {
                    (0..<20).allSatisfy { round in
                        let isGood = (task + round).isMultiple(of: 2)
                        return key.publicKey.verifies(isGood ? good : bad, over: message, with: algorithm)
                            == isGood
                    }
                }
            }
            for await right in group { #expect(right) }
        }
    }

    @Test(arguments: pairs.indices)
    func `a private key survives PEM and a public one JWK`(_ index: Int) throws {
        let (key, algorithm) = Self.pairs[index]
        let copy = try PrivateKey(pem: key.pem)
        let signature = try copy.sign([1, 2, 3], with: algorithm)
        let published = try PublicKey(jwk: key.publicKey.jwk)
        #expect(published.kind == key.publicKey.kind)
        #expect(published.thumbprint == key.publicKey.thumbprint)
        #expect(published.verifies(signature, over: [1, 2, 3], with: algorithm))
        #expect(key.pem.utf8.starts(with: "-----BEGIN PRIVATE KEY-----".utf8))
    }

    @Test func `no file asks for a passphrase`() {
        let encrypted = """
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiN7EwRnkCbbgICCAAw
            -----END ENCRYPTED PRIVATE KEY-----
            """
        for text in [encrypted, "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            #expect(throws: KeyError.badPEM) { try PrivateKey(pem: text) }
            #expect(throws: KeyError.badPEM) { try PublicKey(pem: text) }
        }
    }

    /// RFC 7638 §3.1 and RFC 8037 A.3.
    @Test func `thumbprints are those of the RFCs`() throws {
        let rsa = try PublicKey(
            jwk: json(
                """
                {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}
                """))
        #expect(rsa.kind == .rsa(bits: 2048))
        #expect(rsa.thumbprint.base64URL == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        let edwards = try PublicKey(
            jwk: json(#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#))
        #expect(edwards.thumbprint.base64URL == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }
}
