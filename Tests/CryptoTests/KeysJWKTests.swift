import Crypto
import Primitives
import Testing

@Suite struct KeysJWKTests {
    static let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    static let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    static let point = #""kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)""#

    static func rsa(_ modulusBytes: Int, first: UInt8 = 0xC3, last: UInt8 = 1, e: String = "AQAB") -> String {
        let modulus = [first] + [UInt8](repeating: 0x5A, count: modulusBytes - 2) + [last]
        return #"{"kty":"RSA","n":"\#(Base64.encodeURL(modulus))","e":"\#(e)"}"#
    }

    static let refused: [(String, KeyError)] = [
        ("[]", .notAnObject),
        ("{}", .badMember("kty")),
        (#"{"kty":1}"#, .badMember("kty")),
        (#"{"kty":"ec"}"#, .unsupportedType),
        (#"{"kty":"oct","k":"AAAA"}"#, .privateMember("k")),
        (#"{"kty":"EC","crv":"P-384","x":"\#(x)","y":"\#(y)"}"#, .unsupportedType),
        (#"{"kty":"EC","x":"\#(x)","y":"\#(y)"}"#, .badMember("crv")),
        (#"{"kty":"EC","crv":"P-256","x":"\#(x)"}"#, .badMember("y")),
        (#"{"kty":"EC","crv":"P-256","x":"\#(x)=","y":"\#(y)"}"#, .badMember("x")),
        (#"{"kty":"EC","crv":"P-256","x":"\#(x)\n","y":"\#(y)"}"#, .badMember("x")),
        (#"{"kty":"EC","crv":"P-256","x":"\#(x)AA","y":"\#(y)"}"#, .badMember("x")),
        (#"{"kty":"EC","crv":"P-256","x":"\#(y)","y":"\#(x)"}"#, .notOnCurve),
        (#"{"kty":"EC","crv":"P-256","x":"\#(zeros)","y":"\#(zeros)"}"#, .notOnCurve),
        ("{\(point),\"d\":\"AAAA\"}", .privateMember("d")),
        (#"{"kty":"OKP","crv":"X25519","x":"\#(x)"}"#, .unsupportedType),
        (#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, .badMember("x")),
        (#"{"kty":"OKP","crv":"Ed25519","x":"\#(x)","d":""}"#, .privateMember("d")),
        (rsa(128), .rsaSize(bits: 1024)),
        (rsa(256, first: 0x43), .rsaSize(bits: 2047)),
        (rsa(1025), .rsaSize(bits: 8200)),
        (rsa(257, first: 0), .badMember("n")),
        (rsa(256, last: 2), .badMember("n")),
        (rsa(256, e: "AQ"), .rsaExponent),
        (rsa(256, e: "AQAA"), .rsaExponent),
        (rsa(256, e: "AAEAAQ"), .badMember("e")),
        (rsa(256, e: ""), .badMember("e")),
        (rsa(256, e: "AQAAAAAAAAAB"), .rsaExponent),
        ("{\(point),\"use\":\"enc\"}", .notForVerifying),
        ("{\(point),\"use\":1}", .badMember("use")),
        ("{\(point),\"key_ops\":[\"sign\"]}", .notForVerifying),
        ("{\(point),\"key_ops\":\"verify\"}", .badMember("key_ops")),
        ("{\(point),\"alg\":\"RS256\"}", .algorithmDoesNotFit),
        ("{\(point),\"kid\":7}", .badMember("kid")),
    ]
    static let zeros = Base64.encodeURL([UInt8](repeating: 0, count: 32))

    @Test(arguments: refused)
    func `a key that is not a good public key is refused`(_ text: String, _ error: KeyError) {
        #expect(throws: error) { try JSONWebKey(json(text)) }
    }

    @Test(arguments: [
        "", #","use":"sig""#, #","key_ops":["verify","sign"]"#, #","alg":"ES256","kid":"a""#, #","x5t":"b""#,
    ])
    func `a key with what belongs to it is taken`(_ more: String) throws {
        let key = try JSONWebKey(json("{\(Self.point)\(more)}"))
        #expect(key.key.kind == .p256)
    }

    @Test func `a set skips what it does not know and what is for encryption`() throws {
        let set = try JSONWebKeySet(
            parsing: Array(
                """
                {"keys":[{"kty":"new"},{"kty":"EC","crv":"P-521"},{\(Self.point),"use":"enc","kid":"e"},
                {\(Self.point),"kid":"s"}]}
                """.utf8))
        #expect(set.keys.count == 1)
        #expect(set.key("s") != nil)
        #expect(set.key("e") == nil)
        #expect(set.key(nil)?.keyID == "s")
    }

    @Test func `without a kid there must be only one key`() throws {
        let set = try JSONWebKeySet(
            parsing: Array(#"{"keys":[{\#(Self.point)},{\#(Self.point),"kid":"a"}]}"#.utf8))
        #expect(set.keys.count == 2)
        #expect(set.key(nil) == nil)
        #expect(set.key("a") != nil)
    }

    @Test(arguments: [
        ("", KeyError.notJSON(.unexpectedEnd)),
        ("[]", .notAnObject),
        ("{}", .noKeysMember),
        (#"{"keys":{}}"#, .noKeysMember),
        (#"{"keys":[]}"#, .noUsableKey),
        (#"{"keys":[{"kty":"new"}]}"#, .noUsableKey),
        (#"{"keys":[],"keys":[]}"#, .notJSON(.duplicateName(at: 11))),
        (#"{"keys":[{\#(point),"kid":"a"},{\#(point),"kid":"a"}]}"#, .duplicateKeyID("a")),
        (#"{"keys":[{\#(point)},{\#(point),"d":"AA"}]}"#, .privateMember("d")),
        (#"{"keys":[{\#(point)},{"kty":"oct","k":"AA"}]}"#, .privateMember("k")),
        (#"{"keys":[{\#(point)},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#, .badMember("x")),
        (#"{"keys":[7]}"#, .notAnObject),
    ])
    func `a set that is not what its author meant is refused`(_ text: String, _ error: KeyError) {
        #expect(throws: error) { try JSONWebKeySet(parsing: Array(text.utf8)) }
    }
}
