import Crypto
import Primitives
import Testing

@Suite struct SHA256HasherTests {
    private static let abc = Array("abc".utf8)

    /// FIPS 180-4's examples.
    @Test func `one context gives every digest as a new one would`() {
        var hasher = SHA256Hasher()
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        for _ in 0..<3 {
            #expect(hasher.hash([UInt8]().span).hex == empty)
            #expect(hasher.hash(Self.abc.span).hex == abc)
            #expect(hasher.hash(0x61, Self.abc.span.extracting(1..<3)).hex == abc)
        }
    }

    @Test func `parts are hashed as if they were one text`() {
        var hasher = SHA256Hasher()
        let (left, right) = (SHA256.hash(Self.abc), SHA256.hash([]))
        #expect(hasher.hash(1, left, right) == SHA256.hash([1] + left.bytes + right.bytes))
        var stream = SHA256Stream()
        for byte in Self.abc { stream.update([byte]) }
        #expect(stream.finish() == left)
    }

    @Test func `a digest is read from 64 lower-case digits and nothing else`() {
        let digest = SHA256.hash(Self.abc)
        let hex = Array(digest.hex.utf8)
        #expect(Digest(hex: hex.span) == digest)
        #expect(Digest(digest.bytes) == digest)
        for place in hex.indices {
            for other in Array("ABFG/:`g \0é".utf8) {
                var changed = hex
                changed[place] = other
                #expect(Digest(hex: changed.span) == nil)
            }
        }
        #expect(Digest(hex: hex.span.extracting(0..<63)) == nil)
        #expect(Digest(hex: (hex + [0x30]).span) == nil)
        var written: [UInt8] = [0x22]
        digest.appendHex(to: &written)
        #expect(written == [0x22] + hex)
    }
}
