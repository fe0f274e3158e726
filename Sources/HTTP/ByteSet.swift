/// A set of bytes, asked once for every byte of a head: four words, no array.
struct ByteSet: Sendable {
    private var word0: UInt64 = 0
    private var word1: UInt64 = 0
    private let hasObsText: Bool

    /// `obsText`: the bytes 0x80...0xFF belong to the set too (RFC 9110 §5.5).
    init(_ characters: String, obsText: Bool = false) {
        hasObsText = obsText
        for byte in characters.utf8 {
            precondition(byte < 0x80, "only ASCII is listed one by one")
            if byte < 64 { word0 |= 1 << UInt64(byte) } else { word1 |= 1 << UInt64(byte - 64) }
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        if byte < 64 { return word0 &>> UInt64(byte) & 1 != 0 }
        if byte < 128 { return word1 &>> UInt64(byte &- 64) & 1 != 0 }
        return hasObsText
    }

    func containsAll(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy { contains($0) }
    }
}

extension ByteSet {
    private static let digits = "0123456789"
    private static let capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    private static let letters = capitals + "abcdefghijklmnopqrstuvwxyz"
    private static let visible = String(decoding: UInt8(0x21)...0x7E, as: UTF8.self)

    /// RFC 9110 §5.6.2.
    static let token = ByteSet("!#$%&'*+-.^_`|~" + digits + letters)

    /// A method: a token without small letters, because a tool that ignores case would read `delete` as
    /// `DELETE`.
    static let method = ByteSet("!#$%&'*+-.^_`|~" + digits + capitals)

    /// What stands in a field value (RFC 9110 §5.5), a reason phrase and a chunk extension.
    static let fieldValue = ByteSet(visible + " \t", obsText: true)

    /// RFC 3986 §2.3.
    static let unreserved = ByteSet(letters + digits + "-._~")

    /// RFC 3986 §3.3 without `;`: some tools cut parameters off a segment and some do not.
    static let path = ByteSet(letters + digits + "-._~!$&'()*+,=:@/%")

    /// RFC 3986 §3.4 without `;` (a second separator to some tools), with what browsers leave
    /// unescaped.
    static let query = ByteSet(letters + digits + "-._~!$&'()*+,=:@/?%[]{}|^`")

    /// A host name or an IPv4 address as it may stand in `Host`.
    static let hostName = ByteSet(letters + digits + "-._")

    /// An IPv6 address between its brackets.
    static let ipv6 = ByteSet(digits + "abcdefABCDEF:.")
}

/// Single bytes with a name.
enum Byte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let percent: UInt8 = 0x25
    static let ampersand: UInt8 = 0x26
    static let plus: UInt8 = 0x2B
    static let comma: UInt8 = 0x2C
    static let dash: UInt8 = 0x2D
    static let slash: UInt8 = 0x2F
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let equals: UInt8 = 0x3D
    static let questionMark: UInt8 = 0x3F
    static let backslash: UInt8 = 0x5C
    static let leftBracket: UInt8 = 0x5B
    static let rightBracket: UInt8 = 0x5D
}
