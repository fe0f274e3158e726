internal import Crypto
internal import Primitives

/// What stands for an id in the tables: 128 bits of a keyed hash over the issuer and the `jti`.
///
/// Two ids with one mark would make the second look replayed, never fresh twice. Among ten million ids that
/// happens by chance once in 10²⁴, and nobody can bring it about, or aim ids at one place of a table, who does
/// not know the key.
struct ClaimMark: Equatable {
    let high, low: UInt64
}

/// Makes marks; one secret key a process, never written anywhere.
struct ClaimMarker: Sendable {
    private let key: SipHashKey

    init() {
        let bytes = RandomBytes.bytes(16)
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(key: SipHashKey(first: word(bytes[..<8]), second: word(bytes[8...])))
    }

    init(key: SipHashKey) { self.key = key }

    /// The hash of the issuer's length, the issuer filled up to whole words, and the `jti`.
    ///
    /// The length keeps (`ab`, `c`) and (`a`, `bc`) apart.
    func mark(of id: ClaimID) -> ClaimMark {
        let issuer = id.issuer.bytes
        var hash = SipHash(key: key)
        hash.absorb(UInt64(issuer.count))
        hash.absorb(padded: issuer)
        let (high, low) = hash.finish(with: id.tokenID.bytes, after: 8 + (issuer.count + 7) & ~7)
        return ClaimMark(high: high, low: low)
    }
}
