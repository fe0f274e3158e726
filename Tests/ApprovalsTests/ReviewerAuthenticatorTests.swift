import Crypto
import Primitives
import Testing

@testable import Approvals

struct `A person who signs in` {
    static let key = PrivateKey.generate(.p256)
    static let otherKey = PrivateKey.generate(.p256)
    static let edKey = PrivateKey.generate(.ed25519)
    static let rsaKey = PrivateKey.generate(.rsa2048)
    static let issuer: Text = "https://login.example.org"
    static let now = World.start

    static func authenticator(algorithms: Set<SignatureAlgorithm> = OIDCIssuer.algorithmsDefault) throws
        -> ReviewerAuthenticator
    {
        let keys = [("p256", key), ("ed", edKey), ("rsa", rsaKey)].map { id, key in
            JSON.object(
                JSONObject(
                    [.init(name: "kid", value: .string(id))] + (key.publicKey.jwk.object?.members ?? [])))
        }
        let set = try JSONWebKeySet(parsing: JSON.object(["keys": .array(keys)]).encoded)
        return ReviewerAuthenticator(
            persons: try World.persons(),
            issuers: [
                OIDCIssuer(
                    issuer: issuer, audience: "sallyport",
                    authorizedParties: ["sallyport-page", "sallyport-cli"],
                    groupsClaim: "groups", keys: set, algorithms: algorithms, maxAge: .seconds(3600))
            ])
    }

    typealias Change = @Sendable (inout [Text: JSON], inout [Text: JSON]) -> Void

    static func token(
        signedBy key: PrivateKey = key, _ algorithm: SignatureAlgorithm = .es256, keyID: String = "p256",
        changing change: Change = { _, _ in }
    ) throws -> Text {
        var header: [Text: JSON] = [
            "alg": .string(algorithm.rawValue), "kid": .string(keyID), "typ": .string("JWT"),
        ]
        var claims: [Text: JSON] = [
            "iss": .string(issuer), "sub": .string("bob-1"), "aud": .string("sallyport"),
            "azp": .string("sallyport-page"), "iat": .integer(now.seconds - 10),
            "exp": .integer(now.seconds + 300),
            "groups": .array([.string("on-call")]),
        ]
        change(&header, &claims)
        let input = encode(header) + "." + encode(claims)
        return input + "." + Text(Base64.encodeURL(try key.sign(input.bytes, with: algorithm)))
    }

    static func encode(_ members: [Text: JSON]) -> Text {
        Text(
            Base64.encodeURL(
                JSON.object(JSONObject(members.map { .init(name: $0.key, value: $0.value) })).encoded))
    }

    @Test func `with a token is the listed person, with the groups of file and claim`() throws {
        let reviewer = try Self.authenticator().reviewer(bearer: try Self.token(), at: Self.now)
        #expect(reviewer.person == "bob" && reviewer.groups == ["stewards", "on-call"])
        #expect(reviewer.credential == "oidc:https://login.example.org#bob-1")
    }

    @Test func `may use each of the four algorithms`() throws {
        let authenticator = try Self.authenticator()
        for (key, id, algorithm) in [
            (Self.edKey, "ed", .ed25519), (Self.rsaKey, "rsa", .rs256), (Self.rsaKey, "rsa", .ps256),
        ] as [(PrivateKey, String, SignatureAlgorithm)] {
            let token = try Self.token(signedBy: key, algorithm, keyID: id)
            #expect(try authenticator.reviewer(bearer: token, at: Self.now).person == "bob")
        }
        let onlyES256 = try Self.authenticator(algorithms: [.es256])
        #expect(throws: ReviewerError.badSignature) {
            try onlyES256.reviewer(
                bearer: try Self.token(signedBy: Self.edKey, .ed25519, keyID: "ed"), at: Self.now)
        }
    }

    static let good: [(String, Change)] = [
        ("no typ", { header, _ in header["typ"] = nil }),
        ("an access token", { header, _ in header["typ"] = .string("at+jwt") }),
        ("with its media type", { header, _ in header["typ"] = .string("application/at+JWT") }),
        (
            "client_id instead of azp",
            { _, claims in
                claims["azp"] = nil
                claims["client_id"] = .string("sallyport-cli")
            }
        ),
        ("both, both listed", { _, claims in claims["client_id"] = .string("sallyport-cli") }),
        (
            "one audience of several",
            { _, claims in claims["aud"] = .array([.string("account"), .string("sallyport")]) }
        ),
        ("no groups", { _, claims in claims["groups"] = nil }),
        ("expired within the skew", { _, claims in claims["exp"] = .integer(now.seconds - 4) }),
        ("issued within the skew", { _, claims in claims["iat"] = .integer(now.seconds + 5) }),
        ("as old as may be", { _, claims in claims["iat"] = .integer(now.seconds - 3600) }),
        ("nbf within the skew", { _, claims in claims["nbf"] = .integer(now.seconds + 5) }),
    ]

    @Test(arguments: good)
    func `may also come so`(_ name: String, _ change: Change) throws {
        let token = try Self.token(changing: change)
        #expect(try Self.authenticator().reviewer(bearer: token, at: Self.now).person == "bob", "\(name)")
    }

    static let bad: [(String, ReviewerError, Change)] = [
        ("capability", .wrongType, { header, _ in header["typ"] = .string("capability+jwt") }),
        (
            "capability, other case", .wrongType,
            { header, _ in header["typ"] = .string("Application/Capability+JWT") }
        ),
        ("delegation", .wrongType, { header, _ in header["typ"] = .string("delegation+jwt") }),
        ("proof", .wrongType, { header, _ in header["typ"] = .string("dpop+jwt") }),
        ("logout", .wrongType, { header, _ in header["typ"] = .string("logout+jwt") }),
        ("no issuer", .unknownIssuer, { _, claims in claims["iss"] = nil }),
        (
            "other issuer", .unknownIssuer,
            { _, claims in claims["iss"] = .string("https://login.example.org/") }
        ),
        ("unknown key", .unknownKey, { header, _ in header["kid"] = .string("p384") }),
        ("no key id of several keys", .unknownKey, { header, _ in header["kid"] = nil }),
        ("key of another kind", .badSignature, { header, _ in header["kid"] = .string("ed") }),
        ("alg none", .badSignature, { header, _ in header["alg"] = .string("none") }),
        ("alg HS256", .badSignature, { header, _ in header["alg"] = .string("HS256") }),
        ("no audience", .badClaim("aud"), { _, claims in claims["aud"] = nil }),
        ("audience of numbers", .badClaim("aud"), { _, claims in claims["aud"] = .array([.integer(1)]) }),
        ("other audience", .wrongAudience, { _, claims in claims["aud"] = .string("Sallyport") }),
        ("no authorized party", .wrongAuthorizedParty, { _, claims in claims["azp"] = nil }),
        (
            "other authorized party", .wrongAuthorizedParty,
            { _, claims in claims["azp"] = .string("agent-app") }
        ),
        (
            "one of two not listed", .wrongAuthorizedParty,
            { _, claims in claims["client_id"] = .string("agent-app") }
        ),
        ("azp not a string", .badClaim("azp"), { _, claims in claims["azp"] = .null }),
        ("no expiry", .badClaim("exp"), { _, claims in claims["exp"] = nil }),
        ("expiry as text", .badClaim("exp"), { _, claims in claims["exp"] = .string("9999999999") }),
        ("no iat", .badClaim("iat"), { _, claims in claims["iat"] = nil }),
        ("expired", .expired, { _, claims in claims["exp"] = .integer(now.seconds - 5) }),
        ("future", .issuedInFuture, { _, claims in claims["iat"] = .integer(now.seconds + 6) }),
        ("too old", .tooOld, { _, claims in claims["iat"] = .integer(now.seconds - 3601) }),
        ("not yet", .notYetValid, { _, claims in claims["nbf"] = .integer(now.seconds + 6) }),
        ("nbf as text", .badClaim("nbf"), { _, claims in claims["nbf"] = .string("0") }),
        ("no subject", .badClaim("sub"), { _, claims in claims["sub"] = nil }),
        ("empty subject", .badClaim("sub"), { _, claims in claims["sub"] = .string("") }),
        ("the client itself", .workload, { _, claims in claims["sub"] = .string("sallyport-page") }),
        ("another client", .workload, { _, claims in claims["sub"] = .string("sallyport-cli") }),
        (
            "an agent", .workload,
            { _, claims in claims["sub"] = .string("spiffe://example.org/agent/sales-bot") }
        ),
        (
            "an agent for a person", .delegated,
            { _, claims in claims["act"] = .object(["sub": .string("agent")]) }
        ),
        ("bound to a key", .keyBound, { _, claims in claims["cnf"] = .object(["jkt": .string("x")]) }),
        ("groups as text", .badClaim("groups"), { _, claims in claims["groups"] = .string("data-stewards") }),
        ("unknown", .unknownPerson, { _, claims in claims["sub"] = .string("zoe-1") }),
        ("known by name only", .unknownPerson, { _, claims in claims["sub"] = .string("bob") }),
    ]

    @Test(arguments: bad)
    func `is refused with a token that says`(_ name: String, _ error: ReviewerError, _ change: Change) throws
    {
        let token = try Self.token(changing: change)
        #expect(throws: error, "\(name)") { try Self.authenticator().reviewer(bearer: token, at: Self.now) }
    }

    @Test func `is refused with another key's signature, or none`() throws {
        let authenticator = try Self.authenticator()
        let forged = try Self.token(signedBy: Self.otherKey)
        #expect(throws: ReviewerError.badSignature) {
            try authenticator.reviewer(bearer: forged, at: Self.now)
        }
        let token = try Self.token()
        let unsigned = token.prefix((token.bytes.lastIndex(of: 0x2E) ?? 0) + 1)
        for text in [unsigned, "", "..", "a.b.c", token + "\n", token + "=", " " + token] {
            #expect(throws: ReviewerError.self) { try authenticator.reviewer(bearer: text, at: Self.now) }
        }
    }

    @Test func `is never made out of a mutated token`() throws {
        let authenticator = try Self.authenticator()
        let token = try Self.token()
        var random = SeededGenerator(seed: 42)
        for round in 0..<400 {
            var bytes = token.bytes
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            guard bytes != token.bytes else { continue }
            #expect(throws: ReviewerError.self, "seed 42, round \(round)") {
                try authenticator.reviewer(bearer: Text(bytes), at: Self.now)
            }
        }
    }

    @Test func `may show a listed certificate, never one with a SPIFFE name`() throws {
        let authenticator = try Self.authenticator()
        let digest = try #require(Digest(hex: Text(String(repeating: "0", count: 62) + "b0")))
        let reviewer = try authenticator.reviewer(certificate: digest, hasSPIFFEName: false)
        #expect(reviewer.person == "bob" && reviewer.groups == ["stewards"])
        #expect(reviewer.credential == Text("cert:" + digest.hex))
        #expect(throws: ReviewerError.workload) {
            try authenticator.reviewer(certificate: digest, hasSPIFFEName: true)
        }
        #expect(throws: ReviewerError.unknownPerson) {
            try authenticator.reviewer(certificate: .zero, hasSPIFFEName: false)
        }
    }
}
