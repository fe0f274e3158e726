internal import Primitives

/// A segment's file is named by the number of its first record, in twenty digits.
enum SegmentName {
    private static let suffix: Text = ".jsonl"
    private static let digits = 20

    static func text(first: UInt64) -> Text {
        let number = String(first)
        return Text(String(repeating: "0", count: digits - number.utf8.count) + number) + suffix
    }

    /// Nil for any other name.
    static func first(of name: Text) -> UInt64? {
        guard name.count == digits + suffix.count, name.hasSuffix(suffix) else { return nil }
        let number = name.prefix(digits)
        guard number.bytes.allSatisfy(\.isASCIIDigit) else { return nil }
        guard let first = UInt64(number.string), 1...LineHeader.sequenceMax ~= first else { return nil }
        return first
    }
}
