import Crypto
import Foundation
import Primitives
import Testing

@testable import Identity

/// The test files of go-spiffe, outside this repository: the directory in `SALLYPORT_VECTORS`.
enum GoSPIFFE {
    static let directory = ProcessInfo.processInfo.environment["SALLYPORT_VECTORS"].map {
        "\($0)/go-spiffe/svid/x509svid/testdata"
    }
}

@Suite(.enabled(if: GoSPIFFE.directory != nil)) struct GoSPIFFEVectorTests {
    private static func text(_ name: String) throws -> String {
        let bytes = try #require(FileManager.default.contents(atPath: "\(GoSPIFFE.directory ?? "")/\(name)"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The blocks of a file whose label has this word in it.
    private static func blocks(_ word: String, in text: String) -> String {
        var isInside = false
        return text.split(separator: "\n").filter { line in
            if line.hasPrefix("-----BEGIN") { isInside = line.contains(word) }
            return isInside
        }.joined(separator: "\n")
    }

    @Test(arguments: ["good-key-and-cert.pem", "good-cert-and-key.pem"])
    func `good files with both make an SVID`(_ name: String) throws {
        let text = try Self.text(name)
        let own = try OwnSVID(
            certificatePEM: Self.blocks("CERTIFICATE", in: text), keyPEM: Self.blocks("PRIVATE KEY", in: text)
        )
        #expect(own.id.text == "spiffe://example.org/workload-1")
        #expect(throws: SVIDError.self) { try OwnSVID(certificatePEM: text, keyPEM: text) }
    }

    @Test(arguments: [
        ("good-leaf-and-intermediate.pem", "key-pkcs8-ecdsa.pem"),
        ("good-leaf-only.pem", "key-pkcs8-rsa.pem"),
    ])
    func `good files make an SVID`(_ certificate: String, _ key: String) throws {
        let own = try OwnSVID(certificatePEM: try Self.text(certificate), keyPEM: try Self.text(key))
        #expect(own.id.text == "spiffe://example.org/workload-1")
    }

    @Test(arguments: [
        ("wrong-leaf-ca-true.pem", SVIDError.isAuthority), ("wrong-leaf-cert-sign.pem", .maySignCertificates),
        ("wrong-leaf-crl-sign.pem", .maySignRevocationLists), ("wrong-leaf-empty-id.pem", .noURIName),
        ("wrong-leaf-no-digital-signature.pem", .maySignCertificates),
        ("corrupt-cert.pem", .badCertificate(.malformed)), ("not-pem", .badCertificate(.noCertificate)),
    ])
    func `wrong leaves are refused`(_ certificate: String, _ error: SVIDError) throws {
        let (text, key) = (try Self.text(certificate), try Self.text("key-pkcs8-rsa.pem"))
        #expect(throws: error) { try OwnSVID(certificatePEM: text, keyPEM: key) }
    }

    @Test(arguments: ["wrong-intermediate-no-ca.pem", "wrong-intermediate-no-key-cert-sign.pem"])
    func `wrong intermediates are refused`(_ certificate: String) throws {
        let (text, key) = (try Self.text(certificate), try Self.text("key-pkcs8-rsa.pem"))
        let error = #expect(throws: SVIDError.self) { try OwnSVID(certificatePEM: text, keyPEM: key) }
        guard case .notAuthority = error else {
            Issue.record("refused as \(String(describing: error))")
            return
        }
    }

    @Test func `a corrupt key is refused`() throws {
        let (text, key) = (try Self.text("good-leaf-only.pem"), try Self.text("corrupt-key.pem"))
        #expect(throws: SVIDError.badKey(.badPEM)) { try OwnSVID(certificatePEM: text, keyPEM: key) }
    }
}
