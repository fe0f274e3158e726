import Crypto
import Primitives
import Testing

@Suite struct JWSTests {
    static let key = PrivateKey.generate(.p256)

    static func compact(_ header: String, _ payload: String = "{}", signedBy key: PrivateKey = key) throws
        -> Text
    {
        let input = Base64.encodeURL(Array(header.utf8)) + "." + Base64.encodeURL(Array(payload.utf8))
        let signature = try key.sign(Array(input.utf8), with: .es256)
        return Text(input + "." + Base64.encodeURL(signature))
    }

    /// RFC 7515 A.3.
    @Test func `the ES256 example of the RFC verifies`() throws {
        let key = try JSONWebKey(json("{\(KeysJWKTests.point)}"))
        let token = try CompactJWS(
            parsing: """
                eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q
                """)
        #expect(token.algorithm == "ES256")
        #expect(token.keyID == nil)
        #expect(token.isSigned(by: key, using: [.es256]))
        #expect(!token.isSigned(by: key, using: [.rs256, .ps256, .ed25519]))
    }

    /// RFC 8037 A.4.
    @Test func `the Ed25519 example of the RFC verifies`() throws {
        let key = try JSONWebKey(
            json(#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#))
        let token = try CompactJWS(
            parsing: """
                eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg
                """)
        #expect(token.payload == Array("Example of Ed25519 signing".utf8))
        #expect(token.isSigned(by: key, using: [.ed25519]))
        #expect(!token.isSigned(by: key, using: [.es256]))
    }

    @Test(arguments: [
        (#"{"alg":"ES256","crit":["b64"]}"#, JWSError.refusedParameter("crit")),
        (#"{"alg":"ES256","b64":false}"#, .refusedParameter("b64")),
        (#"{"alg":"ES256","jku":"https://evil.example/"}"#, .refusedParameter("jku")),
        (#"{"alg":"ES256","x5u":"https://evil.example/"}"#, .refusedParameter("x5u")),
        (#"{"alg":"ES256","jwk":{}}"#, .refusedParameter("jwk")),
        (#"{"alg":"ES256","x5c":[]}"#, .refusedParameter("x5c")),
        (#"{"alg":"ES256","zip":"DEF"}"#, .refusedParameter("zip")),
        (#"{"alg":"ES256","alg":"none"}"#, .headerNotJSON(.duplicateName(at: 15))),
        (#"{"alg":"ES256","x":{"a":1,"a":1}}"#, .headerNotJSON(.duplicateName(at: 26))),
        (#"{"typ":"JWT"}"#, .badParameter("alg")),
        (#"{"alg":null}"#, .badParameter("alg")),
        (#"{"alg":""}"#, .badParameter("alg")),
        (#"{"alg":"ES256","kid":1}"#, .badParameter("kid")),
        (#"{"alg":"ES256","typ":["JWT"]}"#, .badParameter("typ")),
        (#"["ES256"]"#, .headerNotObject),
        (#"{"alg":"ES256"}{}"#, .headerNotJSON(.trailingBytes(at: 15))),
    ])
    func `a header that could mislead is refused`(_ header: String, _ error: JWSError) throws {
        let text = try Self.compact(header)
        #expect(throws: error) { try CompactJWS(parsing: text) }
    }

    static let good = (try? compact(#"{"alg":"ES256"}"#)) ?? ""

    @Test func `every other spelling of a good token is refused`() throws {
        let good = Self.good
        let key = try JSONWebKey(Self.key.publicKey.jwk)
        #expect(try CompactJWS(parsing: good).isSigned(by: key, using: [.es256]))
        let parts = good.split(on: 0x2E)
        let others: [Text] = [
            "", ".", "..", "a.b.c.d", good + ".", "." + good, good + "=", good + "\n", " " + good,
            good + "==",
            parts[0] + "." + parts[1], "." + parts[1] + "." + parts[2], parts[0] + "." + parts[1] + ".",
            parts[0] + "=." + parts[1] + "." + parts[2], parts[0] + "." + parts[1] + "\r\n." + parts[2],
            parts[0] + "+." + parts[1] + "." + parts[2],
            Text([0xEF, 0xBB, 0xBF]) + good,
        ]
        for other in others { #expect(throws: JWSError.self) { try CompactJWS(parsing: other) } }
        let otherPayloads = [parts[0] + "." + parts[1] + "A." + parts[2], parts[0] + ".." + parts[2]]
        for longer in [good + "A"] + otherPayloads {
            #expect(try !CompactJWS(parsing: longer).isSigned(by: key, using: [.es256]))
        }
        let long = Text([UInt8](repeating: 0x41, count: CompactJWS.bytesMax + 1))
        #expect(throws: JWSError.tooLong) { try CompactJWS(parsing: long) }
    }

    @Test func `the key's own alg and kind decide with the header`() throws {
        let edwards = PrivateKey.generate(.ed25519)
        let wrongKind = try JSONWebKey(edwards.publicKey.jwk)
        let token = try CompactJWS(parsing: Self.good)
        #expect(!token.isSigned(by: wrongKind, using: Set(SignatureAlgorithm.allCases)))
        var members = try #require(Self.key.publicKey.jwk.object)
        members.append("alg", .string(Text("ES384")))
        #expect(!token.isSigned(by: try JSONWebKey(.object(members)), using: [.es256]))
        #expect(!token.isSigned(by: try JSONWebKey(Self.key.publicKey.jwk), using: []))
    }

    @Test(arguments: ["none", "HS256", "es256", "ES256 ", "ES384", "Ed448", "eddsa"])
    func `no other algorithm has a name here`(_ name: String) {
        #expect(SignatureAlgorithm(joseName: Text(name)) == nil)
    }
}
