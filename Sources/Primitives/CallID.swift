/// A 128-bit identifier of one call, approval or record, printed as a ULID (26 characters of Crockford base 32).
///
/// The first 48 bits are milliseconds, so that identifiers sort by age; the other 80 are random, so that nobody
/// can guess one.
public struct CallID: Hashable, Sendable {
    public let high, low: UInt64

    public init(at time: Timestamp, random: inout some RandomNumberGenerator) {
        let millis = UInt64(max(0, time.nanoseconds / 1_000_000)) & 0xFFFF_FFFF_FFFF
        high = millis << 16 | UInt64.random(in: 0...0xFFFF, using: &random)
        low = UInt64.random(in: .min ... .max, using: &random)
    }

    /// Upper case, exactly as printed; nil for anything else.
    public init?(_ text: Text) {
        guard text.count == 26, let first = text.bytes.first, 0x30...0x37 ~= first else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for character in text.bytes {
            guard let value = Self.alphabet.firstIndex(of: character) else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | UInt64(value)
        }
        (self.high, self.low) = (high, low)
    }

    public var text: Text {
        var characters = [UInt8](repeating: 0, count: 26)
        var (high, low) = (high, low)
        for index in characters.indices.reversed() {
            characters[index] = Self.alphabet[Int(low & 31)]
            low = low >> 5 | high << 59
            high >>= 5
        }
        return Text(characters)
    }

    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
}

extension CallID: CustomStringConvertible {
    public var description: String { text.string }
}
