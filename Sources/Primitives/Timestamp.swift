/// A moment on the one timeline that decides: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Times are arguments everywhere; only `Reactor` makes them from a clock.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    public static let distantPast = Timestamp(nanoseconds: .min)
    public static let distantFuture = Timestamp(nanoseconds: .max)

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    /// Whole seconds since the epoch; beyond about ±292 years the nearest end is taken.
    public init(seconds: Int64) {
        let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        nanoseconds = overflow ? (seconds < 0 ? .min : .max) : value
    }

    /// Whole seconds, rounded towards the past.
    public var seconds: Int64 {
        nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : -((-(nanoseconds + 1)) / 1_000_000_000) - 1
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates at the ends of the timeline.
    public static func + (moment: Timestamp, span: Duration) -> Timestamp {
        let (value, overflow) = moment.nanoseconds.addingReportingOverflow(span.nanosecondsClamped)
        return Timestamp(nanoseconds: overflow ? (span < .zero ? .min : .max) : value)
    }
    public static func - (moment: Timestamp, span: Duration) -> Timestamp { moment + (.zero - span) }

    public static func - (left: Timestamp, right: Timestamp) -> Duration {
        let (value, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return .nanoseconds(overflow ? (left < right ? .min : .max) : value)
    }
}

extension Duration {
    /// Nanoseconds, at the nearest end of `Int64` when out of its range.
    public var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// For metrics and people.
    public var inSeconds: Double { Double(nanosecondsClamped) / 1e9 }
}

/// What the clock says in one loop turn.
///
/// `time` is the wall clock at start plus the boot-time clock, so it never steps and goes on through suspend;
/// `drift` is how far the wall clock has since moved away from it (contract §2: more than the skew → calls are refused).
public struct Now: Hashable, Sendable {
    public let time: Timestamp
    public let drift: Duration

    public init(_ time: Timestamp, drift: Duration = .zero) {
        self.time = time
        self.drift = drift
    }
}

extension Timestamp {
    /// RFC 3339 in UTC with microseconds: `2026-11-21T01:02:03.000004Z`.
    public var rfc3339: String {
        let date = CivilDate(daysSinceEpoch: Int(seconds.dividedRoundingDown(by: 86_400)))
        let ofDay = Int(seconds - seconds.dividedRoundingDown(by: 86_400) * 86_400)
        let ofSecond = nanoseconds % 1_000_000_000
        let micros = Int((ofSecond < 0 ? ofSecond + 1_000_000_000 : ofSecond) / 1_000)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return
            "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T\(padded(ofDay / 3600, 2)):"
            + "\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2)).\(padded(micros, 6))Z"
    }

    /// RFC 3339 with `Z` or a numeric offset and up to nine digits of fraction; nil for anything else.
    public init?(rfc3339 text: Text) {
        var reader = DateReader(text.bytes)
        guard let year = reader.number(4), reader.take(0x2D), let month = reader.number(2), reader.take(0x2D),
            let day = reader.number(2), reader.take(0x54) || reader.take(0x74), let hour = reader.number(2),
            reader.take(0x3A), let minute = reader.number(2), reader.take(0x3A),
            let second = reader.number(2),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd,
            1...12 ~= month, hour < 24, minute < 60, second < 61,
            1...CivilDate.days(inMonth: month, of: year) ~= day
        else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second - offset)
        guard (-9_000_000_000...9_000_000_000).contains(seconds) else { return nil }
        self.init(nanoseconds: seconds * 1_000_000_000 + Int64(fraction))
    }
}

extension Timestamp: CustomStringConvertible {
    public var description: String { rfc3339 }
}

extension Int64 {
    fileprivate func dividedRoundingDown(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
    }
}

/// A day of the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
private struct CivilDate {
    let year, month, day: Int

    init(year: Int, month: Int, day: Int) { (self.year, self.month, self.day) = (year, month, day) }

    init(daysSinceEpoch: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        self.init(
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month,
            day: dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func days(inMonth month: Int, of year: Int) -> Int {
        let leap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }
}

private struct DateReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    mutating func number(_ digits: Int) -> Int? {
        guard index + digits <= bytes.count else { return nil }
        let slice = bytes[index..<(index + digits)]
        guard slice.allSatisfy(\.isASCIIDigit) else { return nil }
        index += digits
        return slice.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// Nanoseconds; zero when there is no fraction.
    mutating func fraction() -> Int? {
        guard take(0x2E) else { return 0 }
        let digits = bytes[index...].prefix(while: \.isASCIIDigit)
        guard 1...9 ~= digits.count else { return nil }
        index += digits.count
        return (0..<9).reduce(0) { value, place in
            value * 10 + (place < digits.count ? Int(digits[digits.startIndex + place] - 0x30) : 0)
        }
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int? {
        if take(0x5A) || take(0x7A) { return 0 }
        let west = take(0x2D)
        guard west || take(0x2B), let hours = number(2), take(0x3A), let minutes = number(2), hours < 24,
            minutes < 60
        else { return nil }
        return (west ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
}
