import Crypto
import Foundation
import Primitives
import Testing

/// x509-limbo: path validation as browsers and RFC 5280 want it.
@Suite(.enabled(if: Vectors.directory != nil)) struct CertificateVectorTests {
    /// Not ours: revocation lists, and a depth of the caller's choice.
    private static let otherFeatures: Set<Text> = ["has-crl", "max-chain-depth"]

    private static let refusedThoughGood: Set<Text> = [
        // A certificate counts as expired in the second of its notAfter.
        "rfc5280::validity::notafter-exact", "rfc5280::validity::notafter-fractional",
        // OpenSSL takes the first path it finds; when that one breaks a rule, it looks for no other.
        "cve::cve-2024-0567", "rfc5280::nc::nc-forbids-alternate-chain-ica",
        "rfc5280::nc::nc-forbids-same-chain-ica",
        // The leaf is the anchor; a path length in a leaf; a wildcard under name constraints.
        "rfc5280::ca-as-leaf", "pathlen::validation-ignores-pathlen-in-leaf",
        "webpki::nc::nc-permits-dns-san-pattern",
    ]

    /// None of these lets anybody in whom an anchor did not certify under a name it is allowed to.
    private static let acceptedThoughBad: Set<Text> = [
        // The common name is not read, so it need not agree.
        "webpki::cn::ipv4-hex-mismatch", "webpki::cn::ipv4-leading-zeros-mismatch",
        "webpki::cn::ipv6-uppercase-mismatch", "webpki::cn::ipv6-uncompressed-mismatch",
        "webpki::cn::ipv6-non-rfc5952-mismatch", "webpki::cn::punycode-not-in-san",
        "webpki::cn::utf8-vs-punycode-mismatch", "webpki::cn::not-in-san", "webpki::cn::case-mismatch",
        // Form, without effect on what is certified.
        "rfc5280::aki::cross-signed-root-missing-aki", "webpki::aki::root-with-aki-missing-keyidentifier",
        "webpki::aki::root-with-aki-authoritycertissuer",
        "webpki::aki::root-with-aki-authoritycertserialnumber",
        "webpki::aki::root-with-aki-all-fields", "webpki::aki::root-with-aki-ski-mismatch",
        "rfc5280::serial::too-long", "rfc5280::serial::zero", "rfc5280::pc::ica-noncritical-pc",
        "rfc5280::san::underscore-dns", "webpki::san::san-critical-with-nonempty-subject",
        "webpki::malformed-aia",
        // Name constraints are applied critical or not, and those in a leaf concern nobody.
        "rfc5280::nc::permitted-dns-match-noncritical", "rfc5280::nc::not-allowed-in-ee-noncritical",
        "rfc5280::nc::not-allowed-in-ee-critical", "rfc5280::nc::invalid-dnsname-leading-period",
        "rfc5280::nc::nc-permits-invalid-dns-san", "rfc5280::nc::nc-permits-invalid-email-san",
        "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
        "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences",
        // Rules for public authorities.
        "webpki::eku::ee-anyeku", "webpki::eku::ee-critical-eku", "webpki::eku::ee-without-eku",
        "webpki::eku::root-has-eku", "webpki::san::public-suffix-multi-label-wildcard-san",
        "webpki::san::public-suffix-private-namespace-wildcard-san",
        // An SVID that is a CA is refused by its own rules.
        "webpki::ee-basicconstraints-ca",
    ]

    @Test func `paths get the verdict of x509-limbo, but for what is written above`() throws {
        let path = "\(Vectors.directory ?? "")/limbo.json"
        let file = try JSONParser.parse(Array(try #require(FileManager.default.contents(atPath: path))))
        var (refused, accepted) = (Set<Text>(), Set<Text>())
        for test in try #require(file["testcases"]?.array) where Self.isOurs(test) {
            let id = try #require(test["id"]?.string)
            let isGood = test["expected_result"]?.string == "SUCCESS"
            switch (try Self.accepts(test), isGood) {
            case (true, false): accepted.insert(id)
            case (false, true): refused.insert(id)
            case (true, true), (false, false): break
            }
        }
        #expect(accepted.subtracting(Self.acceptedThoughBad).sorted() == [])
        #expect(refused.subtracting(Self.refusedThoughGood).sorted() == [])
    }

    private static func isOurs(_ test: JSON) -> Bool {
        let features = test["features"]?.array?.compactMap(\.string) ?? []
        return otherFeatures.isDisjoint(with: features)
    }

    private static func accepts(_ test: JSON) throws -> Bool {
        let time = test["validation_time"]?.string.flatMap { Timestamp(rfc3339: $0) }
        guard let leaf = certificates(test["peer_certificate"]).first else { return false }
        let isServer = test["validation_kind"]?.string == "SERVER"
        do {
            _ = try TrustAnchors(certificates(test["trusted_certs"])).path(
                from: leaf, intermediates: certificates(test["untrusted_intermediates"]),
                at: time ?? Timestamp(seconds: 1_735_689_600), purpose: isServer ? .tlsServer : .tlsClient,
                serverName: isServer ? test["expected_peer_name"]?["value"]?.string : nil)
            return true
        } catch {
            return false
        }
    }

    private static func certificates(_ json: JSON?) -> [Certificate] {
        (json?.array ?? json.map { [$0] } ?? []).compactMap(\.string).flatMap {
            (try? Certificate.chain(pem: $0.string)) ?? []
        }
    }
}
