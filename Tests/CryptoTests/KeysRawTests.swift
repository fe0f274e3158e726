import Crypto
import Primitives
import Testing

@Suite struct KeysRawTests {
    /// RFC 8032 §7.1, TEST 2.
    private static let raw = Hex.decode(
        Array("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c".utf8))
    private static let signature = Hex.decode(
        Array(
            """
            92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
            085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
            """.utf8))

    @Test func `an Ed25519 key of 32 bytes verifies and is told again`() throws {
        let raw = try #require(Self.raw)
        let key = try #require(PublicKey(ed25519: raw))
        #expect(key.kind == .ed25519 && key.ed25519 == raw)
        #expect(key.verifies(try #require(Self.signature), over: [0x72], with: .ed25519))
        #expect(!key.verifies(try #require(Self.signature), over: [0x73], with: .ed25519))
        #expect(try PublicKey(jwk: key.jwk).ed25519 == raw)
    }

    @Test(arguments: [0, 1, 31, 33, 64]) func `a key of another length is none`(_ count: Int) {
        #expect(PublicKey(ed25519: Array(repeating: 1, count: count)) == nil)
    }

    @Test(arguments: [PrivateKey.Kind.p256, .rsa2048]) func `a key of another kind has no such bytes`(
        _ kind: PrivateKey.Kind
    ) {
        #expect(PrivateKey.generate(kind).publicKey.ed25519 == nil)
        #expect(PrivateKey.generate(.ed25519).publicKey.ed25519?.count == 32)
    }
}
