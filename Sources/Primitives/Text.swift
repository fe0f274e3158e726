/// Protocol text: bytes that are compared as bytes.
///
/// Swift's `String` compares by canonical equivalence and sees CR LF as one character, so two different header
/// values, paths or token ids can be "equal". Nothing that decides may use it; everything that decides uses this.
/// A `String` is made from a `Text` only where people read it.
public struct Text: Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    public init(_ string: String) { bytes = Array(string.utf8) }

    public var isEmpty: Bool { bytes.isEmpty }
    public var count: Int { bytes.count }

    /// For people; invalid UTF-8 is repaired.
    ///
    /// Never compare the result.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    public func hasPrefix(_ prefix: Text) -> Bool {
        bytes.starts(with: prefix.bytes)
    }

    public func hasSuffix(_ suffix: Text) -> Bool {
        bytes.count >= suffix.count && bytes[(bytes.count - suffix.count)...].elementsEqual(suffix.bytes)
    }

    public func contains(_ byte: UInt8) -> Bool { bytes.contains(byte) }

    /// True when `part` occurs anywhere; the empty text occurs everywhere.
    public func contains(_ part: Text) -> Bool {
        guard !part.isEmpty else { return true }
        guard count >= part.count else { return false }
        return (0...(count - part.count)).contains { start in
            bytes[start..<(start + part.count)].elementsEqual(part.bytes)
        }
    }

    public func firstIndex(of byte: UInt8) -> Int? { bytes.firstIndex(of: byte) }

    /// The pieces between occurrences of `byte`; empty pieces are kept.
    public func split(on byte: UInt8) -> [Text] {
        bytes.split(separator: byte, omittingEmptySubsequences: false).map { Text($0) }
    }

    public func dropFirst(_ count: Int) -> Text { Text(bytes.dropFirst(count)) }
    public func dropLast(_ count: Int) -> Text { Text(bytes.dropLast(count)) }
    public func prefix(_ count: Int) -> Text { Text(bytes.prefix(count)) }

    /// ASCII letters in lower case; every other byte as it is.
    public var lowercased: Text {
        bytes.contains { 0x41...0x5A ~= $0 } ? Text(bytes.map(\.asciiLowercased)) : self
    }

    /// Equal but for the case of ASCII letters: how HTTP compares field names.
    public func equalsIgnoringCase(_ other: Text) -> Bool {
        count == other.count
            && zip(bytes, other.bytes).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }

    /// Without leading and trailing SP and HTAB.
    public var trimmed: Text {
        func blank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        guard let first = bytes.firstIndex(where: { !blank($0) }),
            let last = bytes.lastIndex(where: { !blank($0) })
        else { return "" }
        return first == 0 && last == count - 1 ? self : Text(bytes[first...last])
    }

    public static func + (left: Text, right: Text) -> Text { Text(left.bytes + right.bytes) }
}

extension Text: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}

extension Text: CustomStringConvertible {
    public var description: String { string }
}

extension Text: Comparable {
    /// Byte order, which for UTF-8 is code point order.
    public static func < (left: Text, right: Text) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension UInt8 {
    public var asciiLowercased: UInt8 { 0x41...0x5A ~= self ? self | 0x20 : self }
    public var isASCIIDigit: Bool { 0x30...0x39 ~= self }
    public var isASCIILetter: Bool { 0x61...0x7A ~= (self | 0x20) }

    /// The value of a hexadecimal digit of either case.
    public var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
