/// A SHA-256 value (32 bytes).
///
/// `Crypto` computes it; everyone else only compares and prints it.
public struct Digest: Hashable, Sendable {
    public static let byteCount = 32
    public static let zero = Digest(words: (0, 0, 0, 0))

    private let w0, w1, w2, w3: UInt64

    /// Big-endian: the first byte is the highest of the first word.
    public init(words: (UInt64, UInt64, UInt64, UInt64)) { (w0, w1, w2, w3) = words }

    public var words: (UInt64, UInt64, UInt64, UInt64) { (w0, w1, w2, w3) }

    /// Nil unless there are exactly 32 bytes.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for (index, byte) in bytes.enumerated() {
            switch index / 8 {
            case 0: words.0 = words.0 << 8 | UInt64(byte)
            case 1: words.1 = words.1 << 8 | UInt64(byte)
            case 2: words.2 = words.2 << 8 | UInt64(byte)
            default: words.3 = words.3 << 8 | UInt64(byte)
            }
        }
        self.init(words: words)
    }

    /// Lower-case hexadecimal only, 64 digits.
    public init?(hex: Text) { self.init(hex: hex.bytes.span) }

    /// Lower-case hexadecimal only, 64 digits.
    public init?(hex: Span<UInt8>) {
        guard hex.count == 2 * Self.byteCount, let w0 = Hex.word(hex, at: 0), let w1 = Hex.word(hex, at: 16),
            let w2 = Hex.word(hex, at: 32), let w3 = Hex.word(hex, at: 48)
        else { return nil }
        self.init(words: (w0, w1, w2, w3))
    }

    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for word in [w0, w1, w2, w3] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }

    public var hex: String { Hex.encode(bytes) }

    /// Writes `hex` behind `output`, without detours: the ledger does so once a line.
    public func appendHex(to output: inout [UInt8]) {
        output.append(addingCapacity: 2 * Self.byteCount) { (output: inout OutputSpan<UInt8>) in
            Hex.append(w0, to: &output)
            Hex.append(w1, to: &output)
            Hex.append(w2, to: &output)
            Hex.append(w3, to: &output)
        }
    }
    public var base64URL: String { Base64.encodeURL(bytes) }

    /// Takes the same time whatever the values are.
    public static func == (left: Digest, right: Digest) -> Bool {
        (left.w0 ^ right.w0) | (left.w1 ^ right.w1) | (left.w2 ^ right.w2) | (left.w3 ^ right.w3) == 0
    }
}

extension Digest: CustomStringConvertible {
    public var description: String { hex }
}

/// Base 16 (RFC 4648 §8).
public enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Lower case.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Sixteen lower-case digits.
    fileprivate static func append(_ word: UInt64, to output: inout OutputSpan<UInt8>) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let value = UInt8(truncatingIfNeeded: word >> shift) & 15
            output.append(value < 10 ? 0x30 + value : 0x57 + value)
        }
    }

    /// Of sixteen lower-case digits; nil when there is another character.
    fileprivate static func word(_ text: Span<UInt8>, at start: Int) -> UInt64? {
        var word: UInt64 = 0
        for index in start..<(start + 16) {
            let character = text[index]
            switch character {
            case 0x30...0x39: word = word << 4 | UInt64(character - 0x30)
            case 0x61...0x66: word = word << 4 | UInt64(character - 0x57)
            default: return nil
            }
        }
        return word
    }

    /// Either case; nil for an odd count or another character.
    public static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = text[index].hexValue, let low = text[index + 1].hexValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
