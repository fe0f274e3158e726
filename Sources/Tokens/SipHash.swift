/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012; the reference's `outlen = 16`).
///
/// A keyed pseudorandom function that is made for short input: who does not know the key can neither foresee
/// nor steer what comes out. It takes whole words; `absorb(_:)` of bytes may come once, last, and `finish` ends.
struct SipHash {
    private var v0, v1, v2, v3: UInt64

    init(key: SipHashKey) {
        v0 = key.first ^ 0x736F_6D65_7073_6575
        v1 = key.second ^ 0x646F_7261_6E64_6F6D ^ 0xEE
        v2 = key.first ^ 0x6C79_6765_6E65_7261
        v3 = key.second ^ 0x7465_6462_7974_6573
    }

    /// Eight bytes of the message, least significant first.
    @inline(__always)
    mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// All of `bytes`, the last word filled up with zeros.
    ///
    /// Only what was told the length before may go on after this.
    mutating func absorb(padded bytes: [UInt8]) {
        let rest = absorb(wordsOf: bytes)
        if rest.count > 0 { absorb(rest.word) }
    }

    /// The end of a message of which `before` bytes went in already.
    consuming func finish(with bytes: [UInt8], after before: Int = 0) -> (first: UInt64, second: UInt64) {
        let rest = absorb(wordsOf: bytes)
        absorb(rest.word | UInt64(truncatingIfNeeded: before + bytes.count) << 56)
        v2 ^= 0xEE
        let first = output()
        v1 ^= 0xDD
        return (first, output())
    }

    /// The bytes after the last whole word, as one word.
    @inline(__always)
    private mutating func absorb(wordsOf bytes: [UInt8]) -> (word: UInt64, count: Int) {
        let span = bytes.span
        var start = 0
        while start + 8 <= span.count {
            absorb(word(span, at: start))
            start += 8
        }
        return (rest(span, from: start), span.count - start)
    }

    @inline(__always)
    private func rest(_ bytes: Span<UInt8>, from start: Int) -> UInt64 {
        let count = bytes.count - start
        // The word that ends with the last byte, without what was absorbed before.
        if count > 0, start > 0 { return word(bytes, at: bytes.count - 8) >> (64 - 8 * UInt64(count)) }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[$1]) << (8 * UInt64($1)) }
    }

    /// Written so that one check of the bounds is left, and one load.
    @inline(__always)
    private func word(_ bytes: Span<UInt8>, at start: Int) -> UInt64 {
        let eight = bytes.extracting(start..<start + 8)
        let low =
            UInt64(eight[0]) | UInt64(eight[1]) << 8 | UInt64(eight[2]) << 16 | UInt64(eight[3]) << 24
        let high =
            UInt64(eight[4]) | UInt64(eight[5]) << 8 | UInt64(eight[6]) << 16 | UInt64(eight[7]) << 24
        return low | high << 32
    }

    @inline(__always)
    private mutating func output() -> UInt64 {
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always)
    private mutating func round() {
        v0 &+= v1
        v1 = rotated(v1, 13) ^ v0
        v0 = rotated(v0, 32)
        v2 &+= v3
        v3 = rotated(v3, 16) ^ v2
        v0 &+= v3
        v3 = rotated(v3, 21) ^ v0
        v2 &+= v1
        v1 = rotated(v1, 17) ^ v2
        v2 = rotated(v2, 32)
    }

    @inline(__always)
    private func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}

/// 128 secret bits.
struct SipHashKey: Sendable {
    let first, second: UInt64
}
