internal import Crypto
internal import Primitives

/// What stands in front of every record, in this order and spelling:
/// `{"v":1,"seq":1,"time":"…","event":"…","prev":"…","instance":"…","boot":"…","batch":1`.
///
/// Reading is to the byte: a line with another order or white space was not written by a journal.
struct LineHeader {
    static let names: Set<Text> = ["v", "seq", "time", "event", "prev", "instance", "boot", "batch"]
    /// Room for the header of any line.
    static let bytesMax = 1024
    /// Nesting of a line; of an entry, `Entry.depthMax`.
    static let depthMax = 128

    let sequence: UInt64
    let timeText: Text
    let event: Text
    /// 64 lower-case hexadecimal digits.
    let previous: Text
    let boot: Text
    /// The sequence of the first record of the batch that this one was written with.
    let batch: UInt64

    /// Nil when this is not such a line.
    ///
    /// The members after the header are not looked at.
    init?(_ line: [UInt8]) {
        var scanner = HeaderScanner(line)
        guard scanner.take(HeaderWords.sequence), let sequence = scanner.number(),
            scanner.take(HeaderWords.time), let time = scanner.plainText(),
            scanner.take(HeaderWords.event), let event = scanner.plainText(),
            scanner.take(HeaderWords.previous), let previous = scanner.plainText(), previous.count == 64,
            scanner.take(HeaderWords.instance), scanner.plainText() != nil,
            scanner.take(HeaderWords.boot), let boot = scanner.plainText(),
            scanner.take(HeaderWords.batch), let batch = scanner.number(), batch <= sequence,
            scanner.isAtMemberEnd
        else { return nil }
        (self.sequence, self.batch, timeText) = (sequence, batch, time)
        (self.event, self.previous, self.boot) = (event, previous, boot)
    }

    var time: Timestamp? { Timestamp(rfc3339: timeText) }

    /// The members after the header; nil when the line is not strict JSON.
    static func members(of line: [UInt8]) -> JSONObject? {
        guard let value = try? JSONParser.parse(line, limits: .init(depthMax: depthMax)),
            let object = value.object
        else { return nil }
        return JSONObject(Array(object.members.dropFirst(names.count)))
    }
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
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func take(_ word: [UInt8]) -> Bool {
        guard bytes.count - index >= word.count else { return false }
        for (place, byte) in word.enumerated() where bytes[index + place] != byte { return false }
        index += word.count
        return true
    }

    /// Digits without a leading zero; never 0.
    mutating func number() -> UInt64? {
        var value: UInt64 = 0
        let start = index
        while index < bytes.count, bytes[index].isASCIIDigit {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) = scaled.addingReportingOverflow(UInt64(bytes[index] - 0x30))
            guard !overflow, !carry else { return nil }
            value = next
            index += 1
        }
        return index > start && bytes[start] != 0x30 ? value : nil
    }

    /// Up to the closing quote, which stays; nothing that JSON would write with a backslash.
    mutating func plainText() -> Text? {
        let start = index
        while index < bytes.count, bytes[index] != 0x22 {
            guard 0x20..<0x7F ~= bytes[index], bytes[index] != 0x5C else { return nil }
            index += 1
        }
        return index < bytes.count ? Text(bytes[start..<index]) : nil
    }

    var isAtMemberEnd: Bool { index < bytes.count && (bytes[index] == 0x2C || bytes[index] == 0x7D) }
}

/// The end of the chain: the last record's number and the SHA-256 of its line without the newline.
struct ChainHead: Hashable {
    var sequence: UInt64
    var digest: Digest

    /// Before the first record of a ledger.
    static let start = ChainHead(sequence: 0, digest: .zero)

    /// The head once `line`, which has been checked, follows.
    func followed(by line: [UInt8]) -> ChainHead {
        ChainHead(sequence: sequence + 1, digest: SHA256.hash(line))
    }
}

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
        return UInt64(number.string)
    }
}
