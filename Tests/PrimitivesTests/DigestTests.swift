import Primitives
import TestKit
import Testing

@Suite struct DigestTests {
    private static let bytes = [UInt8](0..<32)
    private static let hex: Text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    @Test func `a digest gives back its bytes`() throws {
        let digest = try #require(Digest(Self.bytes))
        #expect(digest.bytes == Self.bytes)
        #expect(digest.hex == Self.hex.string && digest.description == digest.hex)
        #expect(Digest(hex: Self.hex) == digest)
        #expect(digest.base64URL == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
        #expect(Digest.zero.bytes == [UInt8](repeating: 0, count: 32))
    }

    @Test(arguments: [0, 1, 31, 33, 64]) func `another count of bytes is no digest`(_ count: Int) {
        #expect(Digest([UInt8](repeating: 1, count: count)) == nil)
    }

    @Test func `a digest is written in lower-case hexadecimal only`() {
        let letters = Text(String(repeating: "ab", count: 32))
        #expect(Digest(hex: letters) != nil)
        for bad in [
            "", letters.prefix(63), letters.prefix(62), letters + "a", letters.dropLast(1) + "B",
            letters.dropLast(1) + "g", letters.dropLast(1) + " ",
        ] { #expect(Digest(hex: bad) == nil, "\(bad)") }
    }

    @Test func `digests that differ in one bit differ`() throws {
        let digest = try #require(Digest(Self.bytes))
        for bit in 0..<256 {
            var bytes = Self.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Digest(bytes) != digest)
        }
        #expect(Set([digest, try #require(Digest(Self.bytes)), .zero]).count == 2)
    }
}

@Suite struct HexTests {
    @Test func `every byte survives, in either case`() {
        let all = [UInt8](.min ... .max)
        let text = Text(Hex.encode(all))
        #expect(text.count == 512 && text == text.lowercased)
        #expect(Hex.decode(text.bytes) == all)
        let upper = text.bytes.map { $0.isASCIILetter ? $0 & ~0x20 : $0 }
        #expect(Hex.decode(upper) == all)
        #expect(Hex.encode([]).isEmpty && Hex.decode([]) == [])
    }

    @Test(arguments: ["0", "000", "0g", "g0", "0x", " 0", "0 ", "0\n", "-1", "٠٠"])
    func `anything else is refused`(_ text: String) {
        #expect(Hex.decode(Array(text.utf8)) == nil)
    }
}
