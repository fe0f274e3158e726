internal import Crypto
internal import Primitives

/// What stands in front of every record, in this order and spelling:
/// `{"v":1,"seq":1,"time":"…","event":"…","prev":"…","instance":"…","boot":"…","batch":1`.
///
/// Reading is to the byte: a line with another order or white space was not written by a journal. Texts stay
/// in the line until they are asked for, because most readers want the numbers and the digest only.
struct LineHeader {
    static let names: Set<Text> = ["v", "seq", "time", "event", "prev", "instance", "boot", "batch"]
    /// Room for the header of any line.
    static let bytesMax = 1024
    /// Nesting of a line; of an entry, `Entry.depthMax`.
    static let depthMax = 128
    /// No ledger gets there; it keeps arithmetic with numbers that others wrote from overflowing.
    static let sequenceMax: UInt64 = 1 << 62

    let sequence: UInt64
    let previous: Digest
    /// The sequence of the first record of the batch that this one was written with.
    let batch: UInt64
    private let timePlace, eventPlace, bootPlace: Range<Int>

    /// Nil when this is not such a line.
    ///
    /// The members after the header are not looked at.
    init?(_ line: Span<UInt8>) {
        var scanner = HeaderScanner()
        guard scanner.take(HeaderWords.sequence, in: line), let sequence = scanner.number(in: line),
            sequence <= Self.sequenceMax,
            scanner.take(HeaderWords.time, in: line), let time = scanner.plainText(in: line),
            scanner.take(HeaderWords.event, in: line), let event = scanner.plainText(in: line),
            scanner.take(HeaderWords.previous, in: line), let previous = scanner.digest(in: line),
            scanner.take(HeaderWords.instance, in: line), scanner.plainText(in: line) != nil,
            scanner.take(HeaderWords.boot, in: line), let boot = scanner.plainText(in: line),
            scanner.take(HeaderWords.batch, in: line), let batch = scanner.number(in: line),
            batch <= sequence, scanner.isAtMemberEnd(of: line)
        else { return nil }
        (self.sequence, self.previous, self.batch) = (sequence, previous, batch)
        (timePlace, eventPlace, bootPlace) = (time, event, boot)
    }

    init?(_ line: [UInt8]) { self.init(line.span) }

    // The line is the one that the header was read from.

    func time(in line: [UInt8]) -> Timestamp? { Timestamp(rfc3339: Text(line[timePlace])) }
    func event(in line: [UInt8]) -> Text { Text(line[eventPlace]) }
    func boot(in line: [UInt8]) -> Text { Text(line[bootPlace]) }

    /// The members after the header; nil when the line is not strict JSON.
    static func members(of line: [UInt8]) -> JSONObject? {
        guard let value = try? JSONParser.parse(line, limits: limits), let object = value.object else {
            return nil
        }
        return JSONObject(Array(object.members.dropFirst(names.count)))
    }

    /// Those that a record of that event changes the live state with; nil when the line is not strict JSON.
    static func members(of line: [UInt8], for event: Text) -> JSONObject? {
        guard let wanted = LiveChange.members[event] else { return members(of: line) }
        return try? JSONParser.members(wanted, of: line, limits: limits)
    }

    private static let limits = JSONParser.Limits(depthMax: depthMax)
}

private enum HeaderWords {
    static let sequence = Array(#"{"v":1,"seq":"#.utf8)
    static let time = Array(#","time":""#.utf8)
    static let event = Array(#"","event":""#.utf8)
    static let previous = Array(#"","prev":""#.utf8)
    static let instance = Array(#"","instance":""#.utf8)
    static let boot = Array(#"","boot":""#.utf8)
    static let batch = Array(#"","batch":"#.utf8)
}

private struct HeaderScanner {
    private var index = 0

    mutating func take(_ word: [UInt8], in line: Span<UInt8>) -> Bool {
        guard line.count - index >= word.count else { return false }
        for place in word.indices where line[index + place] != word[place] { return false }
        index += word.count
        return true
    }

    /// Digits without a leading zero; never 0.
    mutating func number(in line: Span<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        let start = index
        while index < line.count, line[index].isASCIIDigit {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) = scaled.addingReportingOverflow(UInt64(line[index] - 0x30))
            guard !overflow, !carry else { return nil }
            value = next
            index += 1
        }
        return index > start && line[start] != 0x30 ? value : nil
    }

    /// Up to the closing quote, which stays; nothing that JSON would write with a backslash.
    mutating func plainText(in line: Span<UInt8>) -> Range<Int>? {
        let start = index
        while index < line.count, line[index] != 0x22 {
            guard 0x20..<0x7F ~= line[index], line[index] != 0x5C else { return nil }
            index += 1
        }
        return index < line.count ? start..<index : nil
    }

    /// 64 lower-case hexadecimal digits.
    mutating func digest(in line: Span<UInt8>) -> Digest? {
        let end = index + 2 * Digest.byteCount
        guard end <= line.count, let digest = Digest(hex: line.extracting(index..<end)) else { return nil }
        index = end
        return digest
    }

    func isAtMemberEnd(of line: Span<UInt8>) -> Bool {
        index < line.count && (line[index] == 0x2C || line[index] == 0x7D)
    }
}
