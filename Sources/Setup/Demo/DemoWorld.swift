internal import Crypto
internal import Identity
internal import Issuance
internal import Primitives
internal import Reactor

/// A throw-away trust domain in a directory of its own: certificates, keys, rules, people, configuration.
///
/// Everything the demo needs is a file that a person can look at, and the proxy reads them as it would read an
/// operator's.
struct DemoWorld: Sendable {
    static let trustDomain: Text = "demo.test"
    static let audience: Text = "spiffe://demo.test/tool/orders-db"
    static let agent: Text = "spiffe://demo.test/agent/sales-bot"
    static let rogue: Text = "spiffe://demo.test/agent/rogue"
    static let broker: Text = "https://broker.demo.test"
    static let login: Text = "https://login.demo.test"
    /// On whose behalf the agent acts; Carol can therefore never approve what it asks.
    static let subject: Text = "carol@demo.test"
    private static let lifetime: Duration = .seconds(24 * 3600)

    let directory: Text
    let authority: CertificateAuthority
    let capabilities: CapabilityIssuer
    let logins: CapabilityIssuer
    let agentIdentity: TLSIdentity
    let rogueIdentity: TLSIdentity

    /// Makes the directory and everything in it but `proxy.yaml`, which needs to know ports.
    init(in parent: Text, at time: Timestamp) throws {
        directory = try Files.makeTemporaryDirectory(in: parent, prefix: "sallyport-demo")
        let (from, to) = (time - .seconds(60), time + Self.lifetime)
        authority = .root(name: "Sallyport demo", uri: "spiffe://" + Self.trustDomain, from: from, to: to)
        capabilities = CapabilityIssuer(issuer: Self.broker, keyID: "demo-broker", key: .generate(.p256))
        logins = CapabilityIssuer(issuer: Self.login, keyID: "demo-login", key: .generate(.p256))
        agentIdentity = try Self.identity(Self.agent, by: authority, from, to)
        rogueIdentity = try Self.identity(Self.rogue, by: authority, from, to)
        let proxy = try Self.identity(Self.audience, by: authority, from, to)
        try write("ca.pem", authority.certificate.pem)
        try write(agentIdentity, as: "agent")
        try write(rogueIdentity, as: "rogue")
        try write(proxy, as: "proxy")
        try write("broker-jwks.json", String(decoding: capabilities.keySet.encoded, as: UTF8.self))
        try write("login-jwks.json", String(decoding: logins.keySet.encoded, as: UTF8.self))
        try write("policy.yaml", DemoFiles.policy)
        try write("persons.yaml", DemoFiles.persons)
    }

    private static func identity(
        _ id: Text, by authority: CertificateAuthority, _ from: Timestamp, _ to: Timestamp
    ) throws -> TLSIdentity {
        let key = PrivateKey.generate(.p256)
        let leaf = CertificateAuthority.Leaf(
            uriNames: [id], dnsNames: ["localhost"], ipNames: ["127.0.0.1"], from: from, to: to)
        return try TLSIdentity(chain: [try authority.issue(leaf, for: key.publicKey)], key: key)
    }

    private func write(_ identity: TLSIdentity, as name: Text) throws {
        try write(name + ".pem", identity.chain.map(\.pem).joined())
        try write(name + ".key", identity.key.pem)
    }

    func write(_ name: Text, _ content: String, mode: UInt32 = 0o600) throws {
        try Files.write(Array(content.utf8), to: directory + "/" + name, mode: mode)
    }

    func remove() { Files.removeTree(directory) }

    /// A fresh capability of the agent's: one action on one resource, half a minute long.
    func token(
        _ action: Text, _ resource: Text, argumentsDigest: Text? = nil, at time: Timestamp
    ) throws(KeyError) -> Text {
        guard let client = try? SPIFFEID(Self.agent) else {
            preconditionFailure("the demo's agent has a SPIFFE ID")
        }
        var random = SystemRandomNumberGenerator()
        let grant = CapabilityGrant(
            audience: Self.audience, subject: Self.subject, client: client,
            certificate: agentIdentity.chain[0].digest, action: action, resource: resource,
            argumentsDigest: argumentsDigest)
        return try capabilities.token(for: grant, id: CallID(at: time, random: &random), at: time)
    }

    /// What a login would give an approver: an OIDC token (OpenID Connect Core §2).
    func loginToken(for person: Text, at time: Timestamp) throws(KeyError) -> Text {
        try logins.sign(
            .object(["typ": "JWT", "alg": "ES256", "kid": .string(logins.keyID)]),
            .object([
                "iss": .string(Self.login), "aud": "sallyport", "azp": "sallyport-page",
                "sub": .string(person),
                "iat": .integer(time.seconds), "exp": .integer(time.seconds + 3_600),
            ]))
    }
}
