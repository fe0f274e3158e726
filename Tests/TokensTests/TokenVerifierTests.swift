import Crypto
import Primitives
import Testing

@testable import Tokens

@Suite struct TokenVerifierTests {
    @Test func `a good token says what it is`() throws {
        let text = try TokenMint().signed()
        let token = try TokenMint.verifier.verify(text, from: TokenMint.presenter, at: TokenMint.now)
        #expect(token.issuer == "https://broker.example.org")
        #expect(token.tokenID == "01JD3V6M0S9Q8ZP2N4X7C5B1KT")
        #expect(token.subject == "alice@example.org")
        #expect(token.clientID.text == Text(TokenMint.peer))
        #expect(token.actors == [Text(TokenMint.peer), "spiffe://example.org/agent/planner"])
        #expect(token.transaction == "97053963")
        #expect(token.issuedAt == Timestamp(seconds: 1_795_168_800))
        #expect(token.expiresAt == Timestamp(seconds: 1_795_168_815))
        #expect(token.digest == SHA256.hash(text))
        #expect(token.action == "tools/call")
        #expect(token.resource == "query_orders")
        #expect(token.keyID == "k1")
        #expect(!token.needsArguments)
        #expect(token.claimID == ClaimID(issuer: token.issuer, tokenID: token.tokenID))
        #expect(TokenMint.rules.claimExpiry(of: token) == Timestamp(seconds: 1_795_168_825))
    }

    /// Claim, its JSON (nil: absent), and the reason.
    static let badClaims: [(String, String?, TokenError)] = [
        ("iss", nil, .claim("iss")), ("iss", "7", .claim("iss")), ("iss", #""""#, .claim("iss")),
        ("iss", #""https://broker.example.org/""#, .unknownIssuer),
        ("iss", #""https://BROKER.example.org""#, .unknownIssuer),
        ("aud", nil, .claim("aud")), ("aud", "[]", .claim("aud")), ("aud", #"["a","b"]"#, .claim("aud")),
        ("aud", #"["spiffe://example.org/tool/orders-db","x"]"#, .claim("aud")),
        ("aud", #""spiffe://example.org/tool/orders""#, .audience),
        ("aud", #""spiffe://example.org/tool/orders-db/""#, .audience),
        ("aud", "[[]]", .claim("aud")), ("aud", "null", .claim("aud")),
        ("sub", nil, .claim("sub")), ("sub", #""""#, .claim("sub")), ("sub", "{}", .claim("sub")),
        ("client_id", nil, .claim("client_id")), ("client_id", #""sales-bot""#, .claim("client_id")),
        ("client_id", #""spiffe://example.org/agent/../agent/sales-bot""#, .claim("client_id")),
        ("client_id", #""spiffe://example.org/agent/other""#, .clientID),
        ("act", #"{"sub":"spiffe://example.org/agent/other"}"#, .clientID),
        ("act", "{}", .claim("act")), ("act", "[]", .claim("act")), ("act", #"{"sub":7}"#, .claim("act")),
        ("act", "null", .claim("act")),
        ("act", #"{"sub":"\#(TokenMint.peer)","act":"x"}"#, .claim("act")),
        ("act", chain(of: 9), .claim("act")),
        ("iat", nil, .claim("iat")), ("iat", #""1795168800""#, .claim("iat")),
        ("iat", "1795168800.5", .claim("iat")),
        ("iat", "-1", .claim("iat")), ("iat", "1e30", .claim("iat")),
        ("iat", "9223372036854775807", .claim("iat")),
        ("iat", "1795168811", .issuedInFuture),
        ("iat", "1795168815", .claim("exp")), ("iat", "1795168816", .claim("exp")),
        ("exp", nil, .claim("exp")), ("exp", "true", .claim("exp")), ("exp", "99999999999", .claim("exp")),
        ("exp", "1795168861", .lifetimeTooLong), ("exp", "9000000000", .lifetimeTooLong),
        ("nbf", "1795168811", .notYetValid), ("nbf", "null", .claim("nbf")), ("nbf", #""0""#, .claim("nbf")),
        ("jti", nil, .tokenID), ("jti", #""""#, .tokenID), ("jti", #""123456789012345""#, .tokenID),
        ("jti", "7", .tokenID),
        ("jti", "\"" + String(repeating: "x", count: 257) + "\"", .tokenID),
        ("txn", #""""#, .claim("txn")), ("txn", "1", .claim("txn")),
        ("cnf", nil, .confirmation), ("cnf", "{}", .confirmation), ("cnf", "[]", .confirmation),
        ("cnf", #"{"x5t#S256":"\#(good)","jkt":"\#(good)"}"#, .confirmation),
        ("cnf", #"{"x5t#S256":"\#(good)","kid":"a"}"#, .confirmation),
        ("cnf", #"{"jkt":"\#(good)"}"#, .proofKeyUnsupported),
        ("cnf", #"{"jwk":{}}"#, .confirmation),
        ("cnf", #"{"x5t#S256":"\#(good)="}"#, .confirmation), ("cnf", #"{"x5t#S256":""}"#, .confirmation),
        ("cnf", #"{"x5t#S256":["\#(good)"]}"#, .confirmation),
        ("cnf", #"{"x5t#S256":"\#(SHA256.hash("other").base64URL)"}"#, .binding),
        ("authorization_details", nil, .claim("authorization_details")),
    ]
    static let good = TokenMint.certificate.base64URL

    static func chain(of depth: Int) -> String {
        (1..<depth).reduce(#"{"sub":"\#(TokenMint.peer)"}"#) { inner, _ in
            #"{"sub":"\#(TokenMint.peer)","act":\#(inner)}"#
        }
    }

    @Test(arguments: badClaims)
    func `a claim that is not right is refused`(_ name: String, _ value: String?, _ error: TokenError) throws
    {
        #expect(throws: error) { try TokenMint().claim(name, value).verified() }
        #expect(!error.isMismatch)
    }

    @Test(arguments: [
        ("aud", #"["spiffe://example.org/tool/orders-db"]"#), ("act", nil), ("act", chain(of: 8)),
        ("txn", nil),
        ("nbf", "1795168810"), ("iat", "1795168810"), ("iat", "1795168800.0"), ("exp", "1795168860"),
        ("scope", #""anything""#), ("jti", #""1234567890123456""#), ("iat", "17951688e2"),
    ])
    func `what may be otherwise is taken`(_ name: String, _ value: String?) throws {
        _ = try TokenMint().claim(name, value).verified()
    }

    @Test(arguments: [
        (TokenMint.details(more: #","locations":["x"]"#), DetailsError.unknownMember("locations")),
        (TokenMint.details(more: #","max_uses":1"#), .unknownMember("max_uses")),
        ("{}", .notOneEntry), ("[]", .notOneEntry), ("[7]", .notOneEntry),
        (
            "[\(TokenMint.details().dropFirst().dropLast()),\(TokenMint.details().dropFirst().dropLast())]",
            .notOneEntry
        ),
        (#"[{"actions":["tools/call"],"identifier":"q"}]"#, .wrongType),
        (#"[{"type":"attenuating_agent_token","actions":["tools/call"],"identifier":"q"}]"#, .wrongType),
        (#"[{"type":"tool_action","identifier":"q"}]"#, .actions),
        (#"[{"type":"tool_action","actions":[],"identifier":"q"}]"#, .actions),
        (#"[{"type":"tool_action","actions":["a","b"],"identifier":"q"}]"#, .actions),
        (#"[{"type":"tool_action","actions":"tools/call","identifier":"q"}]"#, .actions),
        (#"[{"type":"tool_action","actions":[""],"identifier":"q"}]"#, .actions),
        (#"[{"type":"tool_action","actions":["a"]}]"#, .identifier),
        (TokenMint.details(identifier: ""), .identifier),
        (#"[{"type":"tool_action","actions":["a"],"identifier":["q"]}]"#, .identifier),
        (TokenMint.details(more: #","constraints":{}"#), .emptyConstraints),
        (TokenMint.details(more: #","constraints":null"#), .emptyConstraints),
        (TokenMint.details(more: #","constraints":[]"#), .emptyConstraints),
        (TokenMint.details(more: #","args_digest":null"#), .argumentsDigest),
        (TokenMint.details(more: #","args_digest":"sha-256:""#), .argumentsDigest),
        (TokenMint.details(more: #","args_digest":"sha-512:\#(good)""#), .argumentsDigest),
        (TokenMint.details(more: #","args_digest":"\#(good)""#), .argumentsDigest),
        (TokenMint.details(more: #","args_digest":"sha-256:\#(good)=""#), .argumentsDigest),
    ])
    func `details that are not one closed entry are refused`(_ details: String, _ error: DetailsError) {
        #expect(throws: TokenError.details(error)) {
            try TokenMint().claim("authorization_details", details).verified()
        }
    }

    @Test(arguments: [
        ("typ", nil, TokenError.type), ("typ", #""JWT""#, .type),
        ("typ", #""application/capability+jwt""#, .type),
        ("typ", #""Capability+JWT""#, .type), ("typ", #""delegation+jwt""#, .type),
        ("kid", nil, .keyID), ("kid", #""k2""#, .unknownKey),
        ("kid", #""""#, .malformed(.badParameter("kid"))),
        ("alg", #""none""#, .algorithm), ("alg", #""HS256""#, .algorithm), ("alg", #""RS256""#, .algorithm),
        ("alg", #""Ed25519""#, .algorithm), ("alg", #""es256""#, .algorithm),
        ("alg", nil, .malformed(.badParameter("alg"))),
        ("crit", #"["exp"]"#, .malformed(.refusedParameter("crit"))),
        ("jwk", "{}", .malformed(.refusedParameter("jwk"))),
    ])
    func `a header that is not right is refused`(_ name: String, _ value: String?, _ error: TokenError) throws
    {
        let text = try TokenMint().header(name, value).signed()
        #expect(throws: error) {
            try TokenMint.verifier.verify(text, from: TokenMint.presenter, at: TokenMint.now)
        }
    }

    @Test func `a claim written twice is refused at any depth`() throws {
        for (name, value) in [
            ("exp", "1795168815"), ("extra", #"{"a":1,"a":1}"#), ("jti", #""0000000000000000""#),
        ] {
            var mint = TokenMint()
            mint.claims.append((name, value))
            let text = try mint.signed()
            #expect {
                try TokenMint.verifier.verify(text, from: TokenMint.presenter, at: TokenMint.now)
            } throws: {
                if case .payloadNotJSON(.duplicateName)? = $0 as? TokenError { true } else { false }
            }
        }
    }
}
