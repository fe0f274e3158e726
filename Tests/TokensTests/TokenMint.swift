import Crypto
import Primitives

@testable import Tokens

/// JSON from a literal; the tests' own text is always JSON.
func json(_ text: String) -> JSON {
    guard let value = try? JSONParser.parse(Array(text.utf8)) else {
        preconditionFailure("not JSON: \(text)")
    }
    return value
}

/// An issuer, a peer, and tokens that are good until a test makes them otherwise.
struct TokenMint {
    static let now = Timestamp(seconds: 1_795_168_805)
    static let peer = "spiffe://example.org/agent/sales-bot"
    static let certificate = SHA256.hash("leaf")
    static let key = PrivateKey.generate(.p256)
    static let presenter = presenter(peer, certificate)
    static let rules = rules(for: key, algorithms: [.es256])
    static let verifier = TokenVerifier(rules)

    static func presenter(_ id: String, _ certificate: Digest) -> Presenter {
        guard let id = try? SPIFFEID(Text(id)) else { preconditionFailure("a SPIFFE ID is wanted") }
        return Presenter(id: id, certificate: certificate)
    }

    static func rules(for key: PrivateKey, algorithms: Set<SignatureAlgorithm>, member: String? = nil)
        -> TokenRules
    {
        var jwk = key.publicKey.jwk.object ?? JSONObject()
        jwk.append("kid", .string(Text("k1")))
        if let member { jwk.append("alg", .string(Text(member))) }
        let set = JSON.object(["keys": .array([.object(jwk)])])
        guard let keys = try? JSONWebKeySet(parsing: set.encoded) else {
            preconditionFailure("a key set is wanted")
        }
        return TokenRules(
            audience: "spiffe://example.org/tool/orders-db",
            issuers: [TokenIssuer(issuer: "https://broker.example.org", keys: keys, algorithms: algorithms)])
    }

    var header: [(String, String)] = [("typ", #""capability+jwt""#), ("alg", #""ES256""#), ("kid", #""k1""#)]
    var claims: [(String, String)] = [
        ("iss", #""https://broker.example.org""#),
        ("aud", #""spiffe://example.org/tool/orders-db""#),
        ("sub", #""alice@example.org""#),
        ("client_id", "\"\(peer)\""),
        ("act", #"{"sub":"\#(peer)","act":{"sub":"spiffe://example.org/agent/planner"}}"#),
        ("iat", "1795168800"),
        ("exp", "1795168815"),
        ("jti", #""01JD3V6M0S9Q8ZP2N4X7C5B1KT""#),
        ("txn", #""97053963""#),
        ("cnf", #"{"x5t#S256":"\#(certificate.base64URL)"}"#),
        ("authorization_details", details()),
    ]

    static func details(
        action: String = "tools/call", identifier: String = "query_orders", more: String = ""
    ) -> String {
        #"[{"type":"tool_action","actions":["\#(action)"],"identifier":"\#(identifier)"\#(more)}]"#
    }

    /// Nil takes the claim away.
    func claim(_ name: String, _ value: String?) -> TokenMint {
        var copy = self
        copy.claims = Self.replacing(claims, name, value)
        return copy
    }

    func header(_ name: String, _ value: String?) -> TokenMint {
        var copy = self
        copy.header = Self.replacing(header, name, value)
        return copy
    }

    private static func replacing(_ members: [(String, String)], _ name: String, _ value: String?) -> [(
        String, String
    )] {
        var members = members
        let place = members.firstIndex { $0.0 == name }
        if let place { members.remove(at: place) }
        if let value { members.insert((name, value), at: place ?? members.count) }
        return members
    }

    static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    var signingInput: String {
        Base64.encodeURL(Array(Self.object(header).utf8)) + "."
            + Base64.encodeURL(Array(Self.object(claims).utf8))
    }

    func signed(by key: PrivateKey = key, with algorithm: SignatureAlgorithm = .es256) throws -> Text {
        let signature = try key.sign(Array(signingInput.utf8), with: algorithm)
        return Text(signingInput + "." + Base64.encodeURL(signature))
    }

    /// The token of these claims, verified.
    func verified() throws -> VerifiedToken {
        try Self.verifier.verify(signed(), from: Self.presenter, at: Self.now)
    }
}
