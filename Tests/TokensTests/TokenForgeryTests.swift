import Crypto
import Primitives
import Testing

@testable import Tokens

@Suite struct TokenForgeryTests {
    private func refuses(_ text: Text, _ error: TokenError, by rules: TokenRules = TokenMint.rules) {
        #expect(throws: error) {
            try TokenVerifier(rules).verify(text, from: TokenMint.presenter, at: TokenMint.now)
        }
    }

    @Test func `no signature is not a signature`() throws {
        let unsigned = TokenMint().header("alg", #""none""#).signingInput
        refuses(Text(unsigned + "."), .malformed(.notThreeParts))
        refuses(Text(unsigned + ".AA"), .algorithm)
        refuses(Text(TokenMint().signingInput + ".AA"), .signature)
    }

    @Test func `the public key is not a secret to sign with`() throws {
        let input = TokenMint().header("alg", #""HS256""#).signingInput
        let code = HMACSHA256.code(over: Array(input.utf8), key: TokenMint.key.publicKey.jwk.encoded)
        refuses(Text(input + "." + Base64.encodeURL(code)), .algorithm)
        let named = TokenMint().signingInput
        let other = HMACSHA256.code(over: Array(named.utf8), key: TokenMint.key.publicKey.jwk.encoded)
        refuses(Text(named + "." + Base64.encodeURL(other + other)), .signature)
    }

    @Test func `a signature by another key is refused`() throws {
        refuses(try TokenMint().signed(by: .generate(.p256)), .signature)
        refuses(try TokenMint().signed(by: .generate(.ed25519), with: .ed25519), .signature)
    }

    @Test func `a zero signature is refused`() {
        let zeros = Base64.encodeURL([UInt8](repeating: 0, count: 64))
        refuses(Text(TokenMint().signingInput + "." + zeros), .signature)
    }

    @Test func `an algorithm needs its own kind of key, whatever is allowed`() throws {
        let edwards = PrivateKey.generate(.ed25519)
        let rules = TokenMint.rules(for: edwards, algorithms: Set(SignatureAlgorithm.allCases))
        let genuine = try TokenMint().header("alg", #""Ed25519""#).signed(by: edwards, with: .ed25519)
        _ = try TokenVerifier(rules).verify(genuine, from: TokenMint.presenter, at: TokenMint.now)
        let older = try TokenMint().header("alg", #""EdDSA""#).signed(by: edwards, with: .ed25519)
        _ = try TokenVerifier(rules).verify(older, from: TokenMint.presenter, at: TokenMint.now)
        refuses(try TokenMint().signed(by: edwards, with: .ed25519), .signature, by: rules)
        refuses(
            try TokenMint().header("alg", #""RS256""#).signed(by: edwards, with: .ed25519), .signature,
            by: rules)
    }

    @Test func `the issuer's list and the key's own alg both decide`() throws {
        let key = PrivateKey.generate(.rsa2048)
        let text = try TokenMint().header("alg", #""RS256""#).signed(by: key, with: .rs256)
        let both = TokenMint.rules(for: key, algorithms: [.rs256, .ps256])
        _ = try TokenVerifier(both).verify(text, from: TokenMint.presenter, at: TokenMint.now)
        refuses(text, .algorithm, by: TokenMint.rules(for: key, algorithms: [.ps256]))
        refuses(text, .signature, by: TokenMint.rules(for: key, algorithms: [.rs256], member: "PS256"))
    }

    @Test func `another peer can not use a stolen token`() throws {
        let text = try TokenMint().signed()
        for (peer, error) in [
            (
                TokenMint.presenter("spiffe://example.org/agent/thief", TokenMint.certificate),
                TokenError.clientID
            ),
            (TokenMint.presenter("spiffe://example.com/agent/sales-bot", TokenMint.certificate), .clientID),
            (TokenMint.presenter(TokenMint.peer, SHA256.hash("other leaf")), .binding),
        ] {
            #expect(throws: error) { try TokenMint.verifier.verify(text, from: peer, at: TokenMint.now) }
        }
    }

    @Test func `no other spelling of a good token is taken`() throws {
        let good = try TokenMint().signed()
        let dot = try #require(good.firstIndex(of: 0x2E))
        for bad in [
            good + "=", good + "\n", " " + good, good.prefix(dot) + "=" + good.dropFirst(dot), good + ".",
        ] {
            #expect(throws: TokenError.self) {
                try TokenMint.verifier.verify(bad, from: TokenMint.presenter, at: TokenMint.now)
            }
        }
        refuses(Text([UInt8](repeating: 0x41, count: 9000)), .malformed(.tooLong))
    }

    @Test func `what is not JSON claims is refused`() throws {
        for payload in ["[]", "7", "\"x\"", "null"] {
            refuses(try raw(payload), .claim("iss"))
        }
        refuses(try raw("{}{}"), .payloadNotJSON(.trailingBytes(at: 2)))
        refuses(try raw(String(repeating: "[", count: 40)), .payloadNotJSON(.tooDeep(at: 32)))
    }

    private func raw(_ payload: String) throws -> Text {
        let input =
            Base64.encodeURL(Array(TokenMint.object(TokenMint().header).utf8)) + "."
            + Base64.encodeURL(Array(payload.utf8))
        return Text(input + "." + Base64.encodeURL(try TokenMint.key.sign(Array(input.utf8), with: .es256)))
    }

    @Test(arguments: [
        (Int64(0), TokenError?.some(.issuedInFuture)), (1_795_168_794, .issuedInFuture), (1_795_168_795, nil),
        (1_795_168_819, nil), (1_795_168_820, .expired), (9_100_000_000, .expired),
    ])
    func `a token is good from iat minus skew until exp plus skew`(_ second: Int64, _ error: TokenError?)
        throws
    {
        let text = try TokenMint().signed()
        let token = try TokenMint().verified()
        let now = Timestamp(seconds: second)
        if let error {
            #expect(throws: error) { try TokenMint.verifier.verify(text, from: TokenMint.presenter, at: now) }
            #expect(throws: error) { try token.isTimely(at: now, rules: TokenMint.rules) }
        } else {
            _ = try TokenMint.verifier.verify(text, from: TokenMint.presenter, at: now)
            try token.isTimely(at: now, rules: TokenMint.rules)
        }
    }

    @Test func `no setting grants more skew than the most there is, and none grants less than nothing`()
        throws
    {
        let text = try TokenMint().signed()
        for (skew, second, isGood) in [
            (Duration.seconds(3600), Int64(1_795_168_844), true), (.seconds(3600), 1_795_168_845, false),
            (.zero, 1_795_168_814, true), (.zero, 1_795_168_815, false), (.seconds(-9), 1_795_168_814, true),
        ] {
            var rules = TokenMint.rules
            rules.clockSkew = skew
            let verifier = TokenVerifier(rules)
            let token = try? verifier.verify(text, from: TokenMint.presenter, at: Timestamp(seconds: second))
            #expect((token != nil) == isGood, "\(skew) \(second)")
        }
    }

    @Test func `a good token with one byte changed is never taken`() throws {
        let good = try TokenMint().signed().bytes
        var random = SeededGenerator(seed: 20_261_121)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.={}\" \n".utf8)
        for round in 0..<6000 {
            var bytes = good
            for _ in 0...Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                case 2: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                default: bytes[place] = alphabet.randomElement(using: &random) ?? 0
                }
            }
            guard bytes != good else { continue }
            let token = try? TokenMint.verifier.verify(
                Text(bytes), from: TokenMint.presenter, at: TokenMint.now)
            #expect(token == nil, "round \(round)")
        }
    }

    /// With the issuer's own signature over them, so that what reads claims and details meets every kind of
    /// text.
    @Test
    func `mutated claims with a genuine signature never crash the reader, and never leave the closed shape`()
        throws
    {
        var mint = TokenMint()
        let more =
            #","constraints":{"a.b":{"constraint_type":"all","constraints":[{"constraint_type":"range","max":5}]}}"#
        mint = mint.claim("authorization_details", TokenMint.details(more: more))
        let good = Array(TokenMint.object(mint.claims).utf8)
        let alphabet = Array(#"{}[]",:0123456789.eE+-\ axtruefalsn"#.utf8)
        var random = SeededGenerator(seed: 42)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[place] = alphabet.randomElement(using: &random) ?? 0
                } else {
                    bytes.removeSubrange(
                        place..<min(bytes.count, place + Int.random(in: 1...9, using: &random)))
                }
            }
            let text = try raw(String(decoding: bytes, as: UTF8.self))
            guard
                let token = try? TokenMint.verifier.verify(text, from: TokenMint.presenter, at: TokenMint.now)
            else {
                continue
            }
            #expect(token.clientID == TokenMint.presenter.id)
            #expect(token.expiresAt - token.issuedAt <= .seconds(60))
        }
    }
}

/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
