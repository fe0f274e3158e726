import Crypto
import Primitives
import Testing

@Suite struct CertificateChainTests {
    private let root = TestAuthority.root
    private let anchors = TrustAnchors([TestAuthority.root.certificate])
    private let now = TestAuthority.now

    private func issue(
        by authority: CertificateAuthority? = nil,
        _ change: (inout CertificateAuthority.Leaf) -> Void = { _ in }
    ) throws -> Certificate {
        try (authority ?? root).issue(TestAuthority.leaf(change), for: TestAuthority.key.publicKey)
    }

    @Test func `a leaf leads to its root, directly and through intermediates`() throws {
        let upper = try root.intermediate(
            name: "upper", pathLength: 1, from: TestAuthority.from, to: TestAuthority.to)
        let lower = try upper.intermediate(name: "lower", from: TestAuthority.from, to: TestAuthority.to)
        let leaf = try issue(by: lower)
        #expect(try anchors.path(from: try issue(), intermediates: [], at: now).count == 2)
        let path = try anchors.path(
            from: leaf, intermediates: [upper.certificate, lower.certificate], at: now)
        #expect(path == [leaf, lower.certificate, upper.certificate, root.certificate])
        #expect(throws: ChainError.unknownIssuer) {
            try anchors.verify(leaf, intermediates: [lower.certificate], at: now)
        }
    }

    @Test func `an anchor need not be self-signed`() throws {
        let middle = try root.intermediate(name: "middle", from: TestAuthority.from, to: TestAuthority.to)
        let only = TrustAnchors([middle.certificate])
        let leaf = try issue(by: middle)
        #expect(try only.path(from: leaf, intermediates: [], at: now) == [leaf, middle.certificate])
        #expect(throws: ChainError.unknownIssuer) { try only.verify(try issue(), intermediates: [], at: now) }
    }

    @Test func `a root sent by the peer is no anchor`() throws {
        let other = CertificateAuthority.root(
            name: "root", uri: nil, from: TestAuthority.from, to: TestAuthority.to)
        let leaf = try issue(by: other)
        #expect(throws: ChainError.self) {
            try anchors.verify(leaf, intermediates: [other.certificate], at: now)
        }
        #expect(throws: ChainError.unknownIssuer) {
            try TrustAnchors([]).verify(leaf, intermediates: [other.certificate], at: now)
        }
    }

    @Test func `a leaf in the bundle is not trusted by being there`() throws {
        let leaf = try issue()
        #expect(throws: ChainError.leafIsAnchor) {
            try TrustAnchors([leaf]).verify(leaf, intermediates: [], at: now)
        }
        // Nor does it sign others.
        let asAuthority = CertificateAuthority(certificate: leaf, key: TestAuthority.key)
        #expect(throws: ChainError.self) {
            try TrustAnchors([leaf]).verify(
                try issue(by: asAuthority) { $0.commonName = "below" }, intermediates: [], at: now)
        }
    }

    @Test func `is in time from its first second to just before its last`() throws {
        let leaf = try issue {
            $0.from = TestAuthority.from + .seconds(100)
            $0.to = TestAuthority.from + .seconds(200)
        }
        func verify(after seconds: Int64, _ nanoseconds: Int64 = 0) throws {
            let time = TestAuthority.from + .seconds(seconds) + .nanoseconds(nanoseconds)
            try anchors.verify(leaf, intermediates: [], at: time)
        }
        #expect(throws: ChainError.notYetValid) { try verify(after: 99, 999_999_999) }
        #expect(throws: Never.self) { try verify(after: 100) }
        #expect(throws: Never.self) { try verify(after: 199, 999_999_999) }
        #expect(throws: ChainError.expired) { try verify(after: 200) }
    }

    @Test func `an expired intermediate or root ends the path`() throws {
        let middle = try root.intermediate(
            name: "middle", from: TestAuthority.from, to: TestAuthority.from + .seconds(10))
        let leaf = try issue(by: middle)
        #expect(throws: ChainError.expired) {
            try anchors.verify(leaf, intermediates: [middle.certificate], at: now)
        }
        #expect(throws: ChainError.expired) {
            try anchors.verify(try issue { $0.to = .distantFuture }, intermediates: [], at: TestAuthority.to)
        }
    }

    @Test func `path lengths and usages of issuers are kept`() throws {
        let upper = try root.intermediate(
            name: "upper", pathLength: 0, from: TestAuthority.from, to: TestAuthority.to)
        let lower = try upper.intermediate(name: "lower", from: TestAuthority.from, to: TestAuthority.to)
        let leaf = try issue(by: lower)
        #expect(throws: ChainError.pathLengthExceeded) {
            try anchors.verify(leaf, intermediates: [lower.certificate, upper.certificate], at: now)
        }
        let key = PrivateKey.generate(.p256)
        let cannotSign = CertificateAuthority(
            certificate: try root.issue(
                TestAuthority.leaf {
                    $0.isCA = true
                    $0.commonName = "no keyCertSign"
                }, for: key.publicKey), key: key)
        #expect(throws: ChainError.self) {
            try anchors.verify(
                try issue(by: cannotSign), intermediates: [cannotSign.certificate], at: now)
        }
        let noAuthority = CertificateAuthority(
            certificate: try root.issue(TestAuthority.leaf { $0.commonName = "no CA" }, for: key.publicKey),
            key: key)
        #expect(throws: ChainError.notAuthority) {
            try anchors.verify(try issue(by: noAuthority), intermediates: [noAuthority.certificate], at: now)
        }
    }

    @Test func `the purpose has to fit, if one is asked for`() throws {
        let server = try issue { $0.extendedKeyUsages = [.serverAuth] }
        #expect(throws: Never.self) { try anchors.verify(server, intermediates: [], at: now) }
        #expect(throws: Never.self) {
            try anchors.path(from: server, intermediates: [], at: now, purpose: .tlsServer)
        }
        #expect(throws: ChainError.wrongPurpose) {
            try anchors.path(from: server, intermediates: [], at: now, purpose: .tlsClient)
        }
    }

    @Test(
        arguments: [
            ("a.example.org", true), ("A.example.ORG", true), ("b.example.org", false),
            ("x.wild.example.org", true),
            ("x.y.wild.example.org", false), ("wild.example.org", false), ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::1", true), ("0:0:0:0:0:0:0:1", true), ("::2", false), ("", false),
            ("common.example.org", false),
            ("a.example.org\0", false), (".example.org", false),
        ] as [(Text, Bool)])
    func `a server is known by its alternative names`(_ name: Text, _ good: Bool) throws {
        let server = try issue {
            $0.dnsNames = ["a.example.org", "*.wild.example.org"]
            $0.ipNames = ["127.0.0.1", "::1"]
            $0.commonName = "common.example.org"
        }
        let verdict = Result { try anchors.path(from: server, intermediates: [], at: now, serverName: name) }
        switch verdict {
        case .success: #expect(good)
        case .failure(let error): #expect(!good && error as? ChainError == .wrongServerName)
        }
    }

    @Test func `key identifiers are required`() throws {
        #expect(throws: ChainError.missingKeyIdentifier) {
            try anchors.verify(try issue { $0.omitsKeyIdentifiers = true }, intermediates: [], at: now)
        }
    }

    @Test func `more certificates than a chain may have are not looked at`() throws {
        let many = [Certificate](repeating: root.certificate, count: TrustAnchors.chainMax)
        #expect(throws: ChainError.tooLong) { try anchors.verify(try issue(), intermediates: many, at: now) }
    }

    @Test(arguments: [
        (FixedCertificates.rsaOf1024Bits, ChainError.weakKey), (FixedCertificates.rsaOf2052Bits, .weakKey),
        (FixedCertificates.p521, .weakKey), (FixedCertificates.signedOverSHA1, .weakSignature),
    ])
    func `weak keys and digests are refused`(_ leaf: Certificate, _ error: ChainError) {
        #expect(throws: error) {
            try TrustAnchors([FixedCertificates.root]).verify(
                leaf, intermediates: [], at: FixedCertificates.now)
        }
    }

    @Test func `a curve of one's own making is refused`() {
        #expect(FixedCertificates.explicitCurve.keyKind == .other)
        #expect(throws: ChainError.self) {
            try TrustAnchors([FixedCertificates.root]).verify(
                FixedCertificates.explicitCurve, intermediates: [], at: FixedCertificates.now)
        }
    }

    @Test func `names outside an issuer's constraints are refused`() {
        let anchors = TrustAnchors([FixedCertificates.root])
        func path(_ leaf: Certificate, _ name: Text? = nil) throws {
            _ = try anchors.path(
                from: leaf, intermediates: [FixedCertificates.constrained], at: FixedCertificates.now,
                serverName: name)
        }
        #expect(throws: Never.self) { try path(FixedCertificates.inside) }
        #expect(throws: ChainError.nameConstraint) { try path(FixedCertificates.outside) }
        // A wildcard would cover what the constraints exclude.
        #expect(throws: ChainError.nameConstraint) {
            try path(FixedCertificates.wildcard, "secret.example.org")
        }
    }

    @Test func `threads share anchors`() async throws {
        let leaf = try issue()
        let (anchors, now) = (anchors, now)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<50).allSatisfy { _ in
                        (try? anchors.path(from: leaf, intermediates: [], at: now).count) == 2
                    }
                }
            }
            for await good in group { #expect(good) }
        }
    }
}
