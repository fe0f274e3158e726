import Primitives
import Testing

@Suite struct SPIFFEIDTests {
    @Test(
        arguments: [
            ("spiffe://example.org", "example.org", ""), ("spiffe://example.org/a", "example.org", "/a"),
            ("spiffe://a-b_c.1/x/Y-z_0.9", "a-b_c.1", "/x/Y-z_0.9"), ("spiffe://1.2.3.4/a", "1.2.3.4", "/a"),
            ("spiffe://example.org/...", "example.org", "/..."),
            ("spiffe://example.org/.a", "example.org", "/.a"),
            ("spiffe://-/a", "-", "/a"), ("spiffe://a..b/c", "a..b", "/c"),
        ] as [(Text, Text, Text)])
    func `an ID is its trust domain and its path`(_ text: Text, _ trustDomain: Text, _ path: Text) throws {
        let id = try SPIFFEID(text)
        #expect(id.text == text && id.trustDomain == trustDomain && id.path == path)
        #expect(id.description == text.string)
    }

    @Test(
        arguments: [
            ("", .wrongScheme), ("spiffe:/a/b", .wrongScheme), ("spiffe:example.org", .wrongScheme),
            ("SPIFFE://example.org/a", .wrongScheme), ("Spiffe://example.org/a", .wrongScheme),
            ("https://example.org/a", .wrongScheme), (" spiffe://example.org/a", .wrongScheme),
            ("example.org/a", .wrongScheme),
            ("spiffe://", .missingTrustDomain), ("spiffe:///", .missingTrustDomain),
            ("spiffe:///a", .missingTrustDomain),
            ("spiffe://Example.org/a", .badTrustDomainCharacter),
            ("spiffe://example.org:8443/a", .badTrustDomainCharacter),
            ("spiffe://user@example.org/a", .badTrustDomainCharacter),
            ("spiffe://exämple.org/a", .badTrustDomainCharacter),
            ("spiffe://example.org?a", .badTrustDomainCharacter),
            ("spiffe://example.org#a", .badTrustDomainCharacter),
            ("spiffe://ex%61mple.org/a", .badTrustDomainCharacter),
            ("spiffe://[::1]/a", .badTrustDomainCharacter),
            ("spiffe://example.org\n/a", .badTrustDomainCharacter),
            ("spiffe://example\u{212A}.org", .badTrustDomainCharacter),
            ("spiffe://example.org/", .emptySegment), ("spiffe://example.org//", .emptySegment),
            ("spiffe://example.org//a", .emptySegment), ("spiffe://example.org/a/", .emptySegment),
            ("spiffe://example.org/a//b", .emptySegment), ("spiffe://example.org/.", .dotSegment),
            ("spiffe://example.org/..", .dotSegment), ("spiffe://example.org/a/../b", .dotSegment),
            ("spiffe://example.org/a/.", .dotSegment), ("spiffe://example.org/a?b", .badPathCharacter),
            ("spiffe://example.org/a#b", .badPathCharacter), ("spiffe://example.org/%61", .badPathCharacter),
            ("spiffe://example.org/é", .badPathCharacter), ("spiffe://example.org/a b", .badPathCharacter),
            ("spiffe://example.org/a\u{0}", .badPathCharacter),
            ("spiffe://example.org/a\r\n", .badPathCharacter),
            ("spiffe://example.org/a*", .badPathCharacter), ("spiffe://example.org/a:b", .badPathCharacter),
            ("spiffe://example.org/a/\u{301}", .badPathCharacter),
        ] as [(Text, SPIFFEIDError)])
    func `anything else is refused with its reason`(_ text: Text, _ reason: SPIFFEIDError) {
        #expect(throws: reason) { try SPIFFEID(text) }
        #expect(!reason.description.isEmpty)
    }

    @Test func `an ID has at most 2048 bytes, a trust domain 255`() throws {
        func text(_ trustDomain: Int, _ total: Int) -> Text {
            let start = Text("spiffe://" + String(repeating: "a", count: trustDomain) + "/")
            return start + Text(String(repeating: "b", count: total - start.count))
        }
        #expect(try SPIFFEID(text(11, 2048)).text.count == 2048)
        #expect(throws: SPIFFEIDError.tooLong) { try SPIFFEID(text(11, 2049)) }
        #expect(try SPIFFEID(text(255, 300)).trustDomain.count == 255)
        #expect(throws: SPIFFEIDError.tooLong) { try SPIFFEID(text(256, 300)) }
    }

    @Test func `IDs are compared as bytes`() throws {
        let id = try SPIFFEID("spiffe://example.org/a")
        #expect(try id == SPIFFEID("spiffe://example.org/a"))
        #expect(try id != SPIFFEID("spiffe://example.org/A"))
        #expect(try id != SPIFFEID("spiffe://example.org/a/b"))
    }

    @Test func `a trust domain can be asked alone`() {
        for good in ["example.org", "a", "1", "-", "a_b"] as [Text] { #expect(SPIFFEID.isTrustDomain(good)) }
        for bad in ["", "Example.org", "a/b", "a:1", "spiffe://a", "a ", "ä"] as [Text] {
            #expect(!SPIFFEID.isTrustDomain(bad), "\(bad)")
        }
    }
}
