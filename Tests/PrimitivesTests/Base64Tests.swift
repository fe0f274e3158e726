import Primitives
import TestKit
import Testing

@Suite struct Base64Tests {
    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of RFC 4648 hold`(_ plain: String, _ coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == coded)
        #expect(Base64.decode(Array(coded.utf8)) == Array(plain.utf8))
        let url = Text(coded).bytes.filter { $0 != 0x3D }
        #expect(Base64.encodeURL(Array(plain.utf8)) == Text(url).string)
        #expect(Base64.decodeURL(url) == Array(plain.utf8))
    }

    @Test func `the two alphabets are kept apart`() {
        let bytes: [UInt8] = [0xFB, 0xFF, 0xFE]
        #expect(Base64.encode(bytes) == "+//+" && Base64.encodeURL(bytes) == "-__-")
        #expect(Base64.decode(Array("-__-".utf8)) == nil)
        #expect(Base64.decodeURL(Array("+//+".utf8)) == nil)
    }

    @Test(arguments: [
        // Padding missing, too much, in the middle, alone.
        "Zg", "Zg=", "Zg===", "Zm8", "Zm9v=", "Zm9v==", "Zm9v====", "=", "==", "====", "Z===", "Zg==Zg==",
        "Zm=v",
        // Unused bits that are not zero: a second text for the same bytes.
        "Zh==", "Zn==", "Zm9=", "Zm+=",
        // White space, line ends, other characters.
        "Zm9v\n", " Zm9v", "Zm 9v", "Zm9\u{0}", "Zm9v\r\n", "Zm9é", "Zm9*",
    ])
    func `base64 has one spelling or none`(_ text: String) { #expect(Base64.decode(Array(text.utf8)) == nil) }

    @Test(arguments: [
        "Zg==", "Zm8=", "=", "Z", "Zm9vY", "Zh", "Zn", "Zm9", "Zm-", "Zm9v\n", " Zg", "Zg ", "Zm9v.",
        "Zm\u{0}v", "Zmé",
    ])
    func `base64url has one spelling or none`(_ text: String) {
        #expect(Base64.decodeURL(Array(text.utf8)) == nil)
    }

    @Test(arguments: [UInt64(1), 2, 3]) func `random bytes survive, and no other text means them`(
        _ seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        for count in 0..<200 {
            let bytes = random.bytes(count)
            let standard = Array(Base64.encode(bytes).utf8)
            let url = Array(Base64.encodeURL(bytes).utf8)
            #expect(
                Base64.decode(standard) == bytes && Base64.decodeURL(url) == bytes,
                "seed \(seed), count \(count)")
            guard let place = url.indices.randomElement(using: &random) else { continue }
            var changed = url
            changed[place] = UInt8.random(in: .min ... .max, using: &random)
            #expect(changed == url || Base64.decodeURL(changed) != bytes, "seed \(seed), count \(count)")
        }
    }
}
