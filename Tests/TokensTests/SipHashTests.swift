import Primitives
import Testing

@testable import Tokens

@Suite struct SipHashTests {
    /// The reference's `vectors_sip128`: the key is 00 01 … 0f, the message 00 01 … of the length given.
    static let vectors: [(length: Int, output: String)] = [
        (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
        (2, "8177228da4a45dc7fca38bdef60affe4"), (3, "9c70b60c5267a94e5f33b6b02985ed51"),
        (4, "f88164c12d9c8faf7d0f6e7c7bcd5579"), (5, "1368875980776f8854527a07690e9627"),
        (6, "14eeca338b208613485ea0308fd7a15e"), (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
        (8, "3b62a9ba6258f5610f83e264f31497b4"), (9, "264499060ad9baabc47f8b02bb6d71ed"),
        (10, "00110dc378146956c95447d3f3d0fbba"), (11, "0151c568386b6677a2b4dc6f81e5dc18"),
        (12, "d626b266905ef35882634df68532c125"), (13, "9869e247e9c08b10d029934fc4b952f7"),
        (14, "31fcefac66d7de9c7ec7485fe4494902"), (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
        (16, "6ee2a4ca67b054bbfd3315bf85230577"), (17, "473d06e8738db89854c066c47ae47740"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
    ]

    static let key = SipHashKey(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908)

    static func hash(_ bytes: [UInt8]) -> (first: UInt64, second: UInt64) {
        SipHash(key: key).finish(with: bytes)
    }

    @Test(arguments: vectors)
    func `gives what the reference gives`(_ length: Int, _ output: String) {
        let (first, second) = Self.hash((0..<length).map { UInt8($0) })
        let bytes = [first, second].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
        #expect(bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == output)
    }

    @Test func `every byte and the length count`() {
        let message = Array("https://broker.example.org".utf8)
        var seen: Set<UInt64> = [Self.hash(message).first, Self.hash(message + [0]).first]
        for place in message.indices {
            var other = message
            other[place] ^= 0x80
            seen.insert(Self.hash(other).first)
        }
        #expect(seen.count == message.count + 2)
    }

    @Test func `a mark is the hash of the issuer's length, the issuer in whole words, and the id`() {
        for issuer in 0...17 {
            let id = ClaimID(issuer: Text(Array(repeating: 0x61, count: issuer)), tokenID: "token-1")
            let filled = id.issuer.bytes + Array(repeating: 0, count: (8 - issuer % 8) % 8)
            let expected = Self.hash([UInt8(issuer), 0, 0, 0, 0, 0, 0, 0] + filled + id.tokenID.bytes)
            let mark = ClaimMarker(key: Self.key).mark(of: id)
            #expect((mark.high, mark.low) == expected)
        }
    }

    @Test func `nothing slides between issuer and id`() {
        let marker = ClaimMarker()
        let text = Array("a\0\0\0\0\0\0\0\0\0b".utf8)
        let marks = (0...text.count).map { cut in
            marker.mark(of: ClaimID(issuer: Text(text[..<cut]), tokenID: Text(text[cut...])))
        }
        for (place, mark) in marks.enumerated() {
            #expect(!marks[..<place].contains(mark))
        }
    }

    @Test func `each marker has a key of its own`() {
        let id = ClaimID(issuer: "https://broker.example.org", tokenID: "token-1")
        #expect(ClaimMarker().mark(of: id) != ClaimMarker().mark(of: id))
    }
}
