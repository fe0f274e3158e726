internal import Primitives

/// Numbers with units: the only way durations and sizes are written.
extension Node {
    /// `500ms`, `15s`, `5m`, `2h`: one whole number and one unit.
    public func duration(in range: ClosedRange<Duration>? = nil) throws(DocumentError) -> Duration {
        let milliseconds = try quantity(
            [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)],
            or: "expected a duration such as `500ms`, `15s`, `5m` or `2h`")
        let duration = Duration.milliseconds(milliseconds)
        if let range, !range.contains(duration) {
            let (low, high) = (Self.spelling(range.lowerBound), Self.spelling(range.upperBound))
            throw error("expected a duration from `\(low)` to `\(high)`, found \(found)")
        }
        return duration
    }

    /// Bytes: `512B`, `64KiB`, `1MiB`, `2GiB`.
    public func size(in range: ClosedRange<Int>? = nil) throws(DocumentError) -> Int {
        let bytes = try quantity(
            [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)],
            or: "expected a size such as `64KiB` or `1MiB`")
        if let range, !range.contains(bytes) {
            throw error(
                "expected a size from \(range.lowerBound) to \(range.upperBound) bytes, found \(found)")
        }
        return bytes
    }

    /// More digits than this are no quantity; with them nothing here overflows.
    private static let digitsMax = 9

    private func quantity(
        _ units: [(name: Text, factor: Int)], or complaint: String
    ) throws(DocumentError) -> Int {
        guard case .scalar(let text, _) = kind else { throw error("\(complaint), found \(found)") }
        let digits = text.bytes.prefix(while: \.isASCIIDigit)
        let unit = text.dropFirst(digits.count)
        guard 1...Self.digitsMax ~= digits.count, let factor = units.first(where: { $0.name == unit })?.factor
        else {
            throw error("\(complaint), found \(found)")
        }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) } * factor
    }

    private static func spelling(_ duration: Duration) -> String {
        let milliseconds = duration.nanosecondsClamped / 1_000_000
        let units: [(name: String, factor: Int64)] = [("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        let unit = units.first { milliseconds > 0 && milliseconds.isMultiple(of: $0.factor) }
        return unit.map { "\(milliseconds / $0.factor)\($0.name)" } ?? "\(milliseconds)ms"
    }
}
