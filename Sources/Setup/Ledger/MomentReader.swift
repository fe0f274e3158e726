public import Primitives

/// A moment as people write it: a time, a day, or how long ago.
public enum MomentReader {
    public static let forms = "`15m`, `2h`, `7d`, `2026-11-21` or `2026-11-21T05:10:00Z`"
    /// More digits than this are no span; with them nothing here overflows.
    private static let digitsMax = 6

    /// Nil when it is none of the `forms`.
    ///
    /// Days begin at midnight in UTC.
    public static func read(_ text: Text, at now: Timestamp) -> Timestamp? {
        span(text).map { now - $0 } ?? Timestamp(rfc3339: text)
            ?? (text.count == 10 ? Timestamp(rfc3339: text + "T00:00:00Z") : nil)
    }

    private static func span(_ text: Text) -> Duration? {
        let digits = text.bytes.prefix(while: \.isASCIIDigit)
        guard 1...digitsMax ~= digits.count, let seconds = seconds(in: text.dropFirst(digits.count)) else {
            return nil
        }
        return .seconds(digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) } * seconds)
    }

    private static func seconds(in unit: Text) -> Int64? {
        switch unit {
        case "s": 1
        case "m": 60
        case "h": 3_600
        case "d": 86_400
        default: nil
        }
    }
}
