import Crypto
import Primitives
import Testing

@testable import Identity

/// Two trust domains, their bundles and leaves of the first.
enum Domains {
    static let from = Timestamp(seconds: 1_800_000_000)
    static let now = Timestamp(seconds: 1_800_001_000)
    static let to = Timestamp(seconds: 1_800_086_400)

    static let home = CertificateAuthority.root(
        name: "home", uri: "spiffe://example.org", from: from, to: to + .seconds(1000))
    static let other = CertificateAuthority.root(
        name: "other", uri: "spiffe://other.org", from: from, to: to + .seconds(1000))
    static let bundles = TrustBundles(
        ["example.org": TrustAnchors([home.certificate]), "other.org": TrustAnchors([other.certificate])],
        generation: 7)
    static let key = PrivateKey.generate(.p256)

    static func leaf(_ change: (inout CertificateAuthority.Leaf) -> Void = { _ in })
        -> CertificateAuthority.Leaf
    {
        var leaf = CertificateAuthority.Leaf(uriNames: ["spiffe://example.org/agent/a"], from: from, to: to)
        change(&leaf)
        return leaf
    }

    static func issue(
        by authority: CertificateAuthority = home,
        _ change: (inout CertificateAuthority.Leaf) -> Void = { _ in }
    ) throws -> Certificate {
        try authority.issue(leaf(change), for: key.publicKey)
    }

    static func peer(
        _ chain: [Certificate], at time: Timestamp = now, _ role: X509SVID.Role = .client
    ) throws(SVIDError) -> Peer {
        try X509SVID.peer(chain: chain, bundles: bundles, at: time, role: role)
    }
}

/// A leaf that must be refused: what is wrong, and why it is refused.
struct ForbiddenLeaf: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let error: SVIDError
    let change: @Sendable (inout CertificateAuthority.Leaf) -> Void

    init(
        _ name: String, _ error: SVIDError,
        _ change: @escaping @Sendable (inout CertificateAuthority.Leaf) -> Void
    ) { (testDescription, self.error, self.change) = (name, error, change) }

    static let all: [ForbiddenLeaf] = [
        .init("no name at all", .noURIName) { $0.uriNames = [] },
        .init("a DNS name only", .noURIName) {
            $0.uriNames = []
            $0.dnsNames = ["agent.example.org"]
        },
        .init("two IDs", .severalURINames) { $0.uriNames.append("spiffe://example.org/agent/b") },
        .init("one ID twice", .severalURINames) { $0.uriNames.append($0.uriNames[0]) },
        .init("an ID and another URI", .severalURINames) { $0.uriNames.append("https://example.org/") },
        .init("another URI", .badID(.wrongScheme)) { $0.uriNames = ["https://example.org/agent"] },
        .init("an empty URI", .badID(.wrongScheme)) { $0.uriNames = [""] },
        .init("a scheme in capitals", .badID(.wrongScheme)) { $0.uriNames = ["SPIFFE://example.org/agent"] },
        .init("a domain in capitals", .badID(.badTrustDomainCharacter)) {
            $0.uriNames = ["spiffe://Example.org/agent"]
        },
        .init("a port", .badID(.badTrustDomainCharacter)) { $0.uriNames = ["spiffe://example.org:1/agent"] },
        .init("a query", .badID(.badPathCharacter)) { $0.uriNames = ["spiffe://example.org/agent?x"] },
        .init("a zero byte", .badID(.badPathCharacter)) {
            $0.uriNames = [Text(Array("spiffe://example.org/agent\0".utf8))]
        },
        .init("dots", .badID(.dotSegment)) { $0.uriNames = ["spiffe://example.org/../agent"] },
        .init("a slash at the end", .badID(.emptySegment)) { $0.uriNames = ["spiffe://example.org/agent/"] },
        .init("a lone slash", .badID(.emptySegment)) { $0.uriNames = ["spiffe://example.org/"] },
        .init("no path", .missingPath) { $0.uriNames = ["spiffe://example.org"] },
        .init("a CA", .isAuthority) {
            $0.isCA = true
            $0.commonName = "ca"
        },
        .init("a CA that may sign", .isAuthority) {
            $0.isCA = true
            $0.keyUsage = [.digitalSignature, .keyCertSign]
            $0.commonName = "ca"
        },
        .init("no key usage", .missingKeyUsage) { $0.keyUsage = nil },
        .init("keyCertSign", .maySignCertificates) { $0.keyUsage = [.digitalSignature, .keyCertSign] },
        .init("cRLSign", .maySignRevocationLists) { $0.keyUsage = [.digitalSignature, .cRLSign] },
        .init("no digitalSignature", .noDigitalSignature) {
            $0.keyUsage = [.keyEncipherment, .keyAgreement]
        },
        .init("for servers only", .wrongExtendedKeyUsage) { $0.extendedKeyUsages = [.serverAuth] },
        .init("for neither role", .wrongExtendedKeyUsage) { $0.extendedKeyUsages = [] },
        .init("expired", .chain(.expired)) { $0.to = Domains.now },
        .init("not yet valid", .chain(.notYetValid)) { $0.from = Domains.now + .seconds(1) },
        .init("another domain's ID", .chain(.unknownIssuer)) { $0.uriNames = ["spiffe://other.org/agent"] },
        .init("an unknown domain", .unknownTrustDomain("unknown.org")) {
            $0.uriNames = ["spiffe://unknown.org/agent"]
        },
    ]
}

@Suite struct X509SVIDTests {
    @Test func `a peer is its ID, its certificate, its end and the bundles it was checked against`() throws {
        let leaf = try Domains.issue()
        let peer = try Domains.peer([leaf])
        #expect(
            peer
                == Peer(
                    id: try SPIFFEID("spiffe://example.org/agent/a"), leafDigest: SHA256.hash(leaf.der),
                    notAfter: Domains.to, trustGeneration: 7))
    }

    @Test(arguments: ForbiddenLeaf.all)
    func `a forbidden leaf is no peer`(_ forbidden: ForbiddenLeaf) throws {
        let leaf = try Domains.issue(forbidden.change)
        #expect(throws: forbidden.error) { try Domains.peer([leaf]) }
    }

    @Test func `nothing is no peer`() {
        #expect(throws: SVIDError.noCertificate) { try Domains.peer([]) }
    }

    @Test(arguments: [PrivateKey.Kind.p256, .ed25519, .rsa2048])
    func `every kind of key makes a peer`(_ kind: PrivateKey.Kind) throws {
        let key = PrivateKey.generate(kind).publicKey
        #expect(throws: Never.self) { try Domains.peer([try Domains.home.issue(Domains.leaf(), for: key)]) }
    }

    @Test func `names of other kinds may stand beside the ID`() throws {
        let leaf = try Domains.issue {
            $0.dnsNames = ["agent.example.org"]
            $0.ipNames = ["10.0.0.1"]
            $0.extendedKeyUsages = nil
        }
        #expect(throws: Never.self) { try Domains.peer([leaf]) }
        #expect(throws: Never.self) { try Domains.peer([leaf], .server) }
    }

    @Test func `each role asks for its own usage`() throws {
        let client = try Domains.issue { $0.extendedKeyUsages = [.clientAuth] }
        let server = try Domains.issue { $0.extendedKeyUsages = [.serverAuth] }
        #expect(throws: Never.self) { try Domains.peer([client], .client) }
        #expect(throws: Never.self) { try Domains.peer([server], .server) }
        #expect(throws: SVIDError.wrongExtendedKeyUsage) { try Domains.peer([client], .server) }
        #expect(throws: SVIDError.wrongExtendedKeyUsage) { try Domains.peer([server], .client) }
    }

    @Test func `one domain's authority cannot speak for another`() throws {
        let forged = try Domains.issue(by: Domains.other)
        #expect(throws: SVIDError.chain(.unknownIssuer)) { try Domains.peer([forged]) }
        #expect(throws: SVIDError.chain(.unknownIssuer)) {
            try Domains.peer([forged, Domains.other.certificate])
        }
        let federated = try Domains.issue(by: Domains.other) { $0.uriNames = ["spiffe://other.org/agent"] }
        #expect(try Domains.peer([federated]).id.trustDomain == "other.org")
    }

    @Test func `the connection ends with the first certificate of the path`() throws {
        let soon = Domains.now + .seconds(60)
        let middle = try Domains.home.intermediate(name: "middle", from: Domains.from, to: soon)
        let leaf = try Domains.issue(by: middle)
        #expect(try Domains.peer([leaf, middle.certificate]).notAfter == soon)
        #expect(throws: SVIDError.chain(.expired)) { try Domains.peer([leaf, middle.certificate], at: soon) }
        #expect(throws: SVIDError.chain(.unknownIssuer)) { try Domains.peer([leaf]) }
        #expect(throws: SVIDError.chain(.tooLong)) {
            try Domains.peer(
                [leaf] + [Certificate](repeating: middle.certificate, count: TrustAnchors.chainMax))
        }
    }

    @Test func `an intermediate for servers makes no clients`() throws {
        let key = PrivateKey.generate(.p256)
        let contents = Domains.leaf {
            $0.isCA = true
            $0.keyUsage = [.keyCertSign]
            $0.extendedKeyUsages = [.serverAuth]
            $0.commonName = "servers"
            $0.uriNames = []
        }
        let middle = CertificateAuthority(
            certificate: try Domains.home.issue(contents, for: key.publicKey), key: key)
        let chain = [try Domains.issue(by: middle), middle.certificate]
        #expect(throws: SVIDError.chain(.wrongPurpose)) { try Domains.peer(chain, .client) }
        #expect(throws: Never.self) { try Domains.peer(chain, .server) }
    }

    @Test func `a leaf cannot issue leaves`() throws {
        let agent = CertificateAuthority(
            certificate: try Domains.issue { $0.commonName = "agent" }, key: Domains.key)
        let below = try Domains.issue(by: agent) { $0.uriNames = ["spiffe://example.org/admin"] }
        #expect(throws: SVIDError.chain(.notAuthority)) { try Domains.peer([below, agent.certificate]) }
    }

    @Test func `a leaf that stands in the bundle is no peer`() throws {
        let leaf = try Domains.issue()
        let bundles = TrustBundles(["example.org": TrustAnchors([leaf])], generation: 1)
        #expect(throws: SVIDError.chain(.leafIsAnchor)) {
            try X509SVID.peer(chain: [leaf], bundles: bundles, at: Domains.now, role: .client)
        }
    }

    @Test func `a short RSA key is refused before anything else is believed`() throws {
        let weak = try #require(try Certificate.chain(pem: WeakSVID.pem).first)
        #expect(throws: SVIDError.weakKey) { try Domains.peer([weak]) }
    }

    @Test func `every reason has words and an alert`() {
        for forbidden in ForbiddenLeaf.all { #expect(!forbidden.error.description.isEmpty) }
        #expect(SVIDError.chain(.expired).alert == .certificateExpired)
        #expect(SVIDError.unknownTrustDomain("x").alert == .unknownCA)
        #expect(SVIDError.noURIName.alert == .badCertificate)
    }
}
