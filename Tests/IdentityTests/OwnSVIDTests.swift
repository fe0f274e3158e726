import Crypto
import Primitives
import Testing

@testable import Identity

@Suite struct OwnSVIDTests {
    @Test func `comes from its two files`() throws {
        let middle = try Domains.home.intermediate(
            name: "middle", from: Domains.from, to: Domains.to - .seconds(10))
        let leaf = try Domains.issue(by: middle)
        let own = try OwnSVID(
            certificatePEM: leaf.pem + middle.certificate.pem, keyPEM: Domains.key.pem)
        #expect(own.id.text == "spiffe://example.org/agent/a")
        #expect(own.identity.chain == [leaf, middle.certificate])
        #expect(own.notAfter == Domains.to - .seconds(10))
    }

    @Test(arguments: ForbiddenLeaf.all)
    func `keeps the rules of a leaf`(_ forbidden: ForbiddenLeaf) throws {
        let pem = try Domains.issue(forbidden.change).pem
        switch forbidden.error {
        case .chain, .unknownTrustDomain:
            #expect(throws: Never.self) { try OwnSVID(certificatePEM: pem, keyPEM: Domains.key.pem) }
        default:
            #expect(throws: forbidden.error) { try OwnSVID(certificatePEM: pem, keyPEM: Domains.key.pem) }
        }
    }

    @Test func `bad files are told apart`() throws {
        let leaf = try Domains.issue()
        let key = Domains.key.pem
        #expect(throws: SVIDError.badCertificate(.noCertificate)) {
            try OwnSVID(certificatePEM: "", keyPEM: key)
        }
        #expect(throws: SVIDError.badCertificate(.notACertificate(label: "-----BEGIN PRIVATE KEY-----"))) {
            try OwnSVID(certificatePEM: key, keyPEM: key)
        }
        #expect(throws: SVIDError.badKey(.badPEM)) { try OwnSVID(certificatePEM: leaf.pem, keyPEM: leaf.pem) }
        #expect(throws: SVIDError.identity(.keyMismatch)) {
            try OwnSVID(certificatePEM: leaf.pem, keyPEM: PrivateKey.generate(.p256).pem)
        }
        #expect(throws: SVIDError.notAuthority(subject: "")) {
            try OwnSVID(certificatePEM: leaf.pem + leaf.pem, keyPEM: key)
        }
        let oneRole = try Domains.issue { $0.extendedKeyUsages = [.clientAuth] }
        #expect(throws: SVIDError.wrongExtendedKeyUsage) {
            try OwnSVID(certificatePEM: oneRole.pem, keyPEM: key)
        }
    }
}
