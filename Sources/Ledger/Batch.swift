internal import Crypto
internal import Primitives

/// Records that are written with one write and become durable together.
struct Batch {
    let entries: [Entry]
    /// Of all entries, to the microsecond, as a reader will find it.
    let time: Timestamp
    /// The lines, each with its newline.
    let bytes: [UInt8]
    let first: UInt64
    /// The chain's head once the batch is durable.
    let head: ChainHead

    init(_ entries: [Entry], after head: ChainHead, at now: Timestamp, settings: JournalSettings) {
        let timeText = Text(now.rfc3339)
        let first = head.sequence + 1
        let tail = Array(
            #"","instance":"\#(settings.instance)","boot":"\#(settings.boot)","batch":\#(first)"#.utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.reduce(0) { $0 + $1.encoded.count + 256 + tail.count })
        var hasher = SHA256Hasher()
        var end = head
        for entry in entries {
            let start = bytes.count
            bytes += Self.sequence
            bytes.append(decimal: end.sequence + 1)
            bytes += Self.time
            bytes += timeText.bytes
            bytes += Self.event
            bytes += entry.event.bytes
            bytes += Self.previous
            end.digest.appendHex(to: &bytes)
            bytes += tail
            if entry.encoded.count > 2 { bytes.append(0x2C) }
            bytes += entry.encoded[1...]
            end.follow(bytes.span.extracting(start..<bytes.count), &hasher)
            bytes.append(0x0A)
        }
        (self.entries, self.bytes, self.first) = (entries, bytes, first)
        self.head = end
        time = Timestamp(rfc3339: timeText) ?? now
    }

    private static let sequence = Array(#"{"v":1,"seq":"#.utf8)
    private static let time = Array(#","time":""#.utf8)
    private static let event = Array(#"","event":""#.utf8)
    private static let previous = Array(#"","prev":""#.utf8)
}
