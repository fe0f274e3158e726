import Primitives
import Testing

@testable import Crypto

/// An authority and the times its certificates are good for.
enum TestAuthority {
    static let from = Timestamp(seconds: 1_800_000_000)
    static let now = Timestamp(seconds: 1_800_001_000)
    static let to = Timestamp(seconds: 1_800_086_400)

    static let root = CertificateAuthority.root(name: "root", uri: "spiffe://example.org", from: from, to: to)
    static let key = PrivateKey.generate(.p256)

    static func leaf(_ change: (inout CertificateAuthority.Leaf) -> Void = { _ in })
        -> CertificateAuthority.Leaf
    {
        var leaf = CertificateAuthority.Leaf(uriNames: ["spiffe://example.org/agent"], from: from, to: to)
        change(&leaf)
        return leaf
    }
}

@Suite struct CertificateTests {
    @Test func `says what it was issued with`() throws {
        let leaf = TestAuthority.leaf {
            $0.dnsNames = ["a.example.org", "b.example.org"]
            $0.keyUsage = [.digitalSignature, .keyAgreement]
            $0.extendedKeyUsages = [.clientAuth]
            $0.commonName = "agent, ü"
        }
        let certificate = try TestAuthority.root.issue(leaf, for: TestAuthority.key.publicKey)
        #expect(certificate.uriNames == ["spiffe://example.org/agent"])
        #expect(certificate.dnsNames == ["a.example.org", "b.example.org"])
        #expect(!certificate.hasOtherNames && !certificate.isCA)
        #expect(certificate.keyUsage == [.digitalSignature, .keyAgreement])
        #expect(certificate.extendedKeyUsages == [.clientAuth])
        #expect(certificate.notBefore == TestAuthority.from && certificate.notAfter == TestAuthority.to)
        #expect(certificate.keyKind == .p256)
        #expect(Text(certificate.subject) == "CN=agent\\, ü")
        #expect(certificate.publicKey.thumbprint == TestAuthority.key.publicKey.thumbprint)
        #expect(certificate.digest == SHA256.hash(certificate.der))
    }

    @Test func `what is absent is absent`() throws {
        let leaf = CertificateAuthority.Leaf(
            ipNames: ["127.0.0.1", "::1"], from: TestAuthority.from, to: TestAuthority.to, keyUsage: nil,
            extendedKeyUsages: nil)
        let certificate = try TestAuthority.root.issue(leaf, for: TestAuthority.key.publicKey)
        #expect(certificate.uriNames.isEmpty && certificate.dnsNames.isEmpty && certificate.hasOtherNames)
        #expect(certificate.keyUsage == nil && certificate.extendedKeyUsages == nil)
        #expect(certificate.subject.isEmpty)
    }

    @Test func `a usage of another purpose is not one for TLS`() throws {
        let leaf = TestAuthority.leaf { $0.extendedKeyUsages = [] }
        let certificate = try TestAuthority.root.issue(leaf, for: TestAuthority.key.publicKey)
        #expect(certificate.extendedKeyUsages == [])
    }

    @Test func `a name with a zero byte stays whole`() throws {
        let name = Text(Array("spiffe://example.org/a\0.evil".utf8))
        let leaf = TestAuthority.leaf { $0.uriNames = [name] }
        let certificate = try TestAuthority.root.issue(leaf, for: TestAuthority.key.publicKey)
        #expect(certificate.uriNames == [name])
    }

    @Test(arguments: ["", "localhost", "1.2.3", "1.2.3.4.5"])
    func `an address that is none is not issued`(_ address: String) {
        #expect(throws: CertificateError.badAddress(address)) {
            try TestAuthority.root.issue(
                TestAuthority.leaf { $0.ipNames = [address] }, for: TestAuthority.key.publicKey)
        }
    }

    @Test(arguments: [PrivateKey.Kind.p256, .ed25519, .rsa2048])
    func `reads back what it writes`(_ kind: PrivateKey.Kind) throws {
        let key = PrivateKey.generate(kind).publicKey
        let certificate = try TestAuthority.root.issue(TestAuthority.leaf(), for: key)
        #expect(try Certificate(der: certificate.der) == certificate)
        #expect(try Certificate.chain(pem: certificate.pem) == [certificate])
        #expect(certificate.keyKind == key.kind)
    }

    @Test func `trailing bytes and truncation are refused`() {
        let der = TestAuthority.root.certificate.der
        #expect(throws: CertificateError.malformed) { try Certificate(der: der + [0]) }
        #expect(throws: CertificateError.malformed) { try Certificate(der: Array(der.dropLast())) }
        #expect(throws: CertificateError.malformed) { try Certificate(der: []) }
        #expect(throws: CertificateError.tooLarge) {
            try Certificate(der: [UInt8](repeating: 0x30, count: Certificate.bytesMax + 1))
        }
    }

    @Test func `a length that is not in DER is refused`() {
        // The same certificate with its outer length in one byte more than needed.
        let der = TestAuthority.root.certificate.der
        #expect(der[1] == 0x82)
        #expect(throws: CertificateError.malformed) { try Certificate(der: [0x30, 0x83, 0x00] + der[2...]) }
    }

    @Test func `changed bytes never crash and never verify`() {
        var random = SeededBytes(seed: 11)
        let anchors = TrustAnchors([TestAuthority.root.certificate])
        guard let good = try? TestAuthority.root.issue(TestAuthority.leaf(), for: TestAuthority.key.publicKey)
        else {
            preconditionFailure("a leaf can be issued")
        }
        #expect(throws: Never.self) { try anchors.verify(good, intermediates: [], at: TestAuthority.now) }
        for round in 0..<3000 {
            let mutated = random.mutate(good.der)
            guard mutated != good.der, let certificate = try? Certificate(der: mutated) else { continue }
            #expect(throws: ChainError.self, "round \(round)") {
                try anchors.verify(certificate, intermediates: [], at: TestAuthority.now)
            }
        }
    }
}

@Suite struct CertificatePEMTests {
    private static let pem = TestAuthority.root.certificate.pem

    @Test func `reads several blocks with words between them`() throws {
        let text =
            "the root:\n\(Self.pem)\r\nand again\n" + Self.pem.replacingNewlines(with: "\r\n") + "# end"
        #expect(try Certificate.chain(pem: text).count == 2)
    }

    @Test func `another label is an error`() {
        let text = Self.pem + PrivateKey.generate(.p256).pem
        #expect(throws: CertificateError.notACertificate(label: "-----BEGIN PRIVATE KEY-----")) {
            try Certificate.chain(pem: text)
        }
    }

    @Test(arguments: [
        ("", CertificateError.noCertificate),
        ("words only", .noCertificate),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", .badPEM),
        ("-----BEGIN CERTIFICATE-----\nQ09SUlVQVA==\n-----END CERTIFICATE-----", .malformed),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", .badPEM),
        ("-----BEGIN CERTIFICATE-----\nQ09SUlVQVA", .badPEM),
        ("-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----", .badPEM),
        ("-----END CERTIFICATE-----", .badPEM),
        ("-----BEGIN CERTIFICATE---- -", .notACertificate(label: "-----BEGIN CERTIFICATE---- -")),
        (
            "-----BEGIN TRUSTED CERTIFICATE-----",
            .notACertificate(label: "-----BEGIN TRUSTED CERTIFICATE-----")
        ),
    ])
    func `bad text is refused`(_ text: String, _ error: CertificateError) {
        #expect(throws: error) { try Certificate.chain(pem: text) }
    }
}

extension String {
    fileprivate func replacingNewlines(with end: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false).joined(separator: end)
    }
}
