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
        let first = head.sequence + 1
        let timeText = Text(now.rfc3339)
        let tail = Array(
            #"","instance":"\#(settings.instance)","boot":"\#(settings.boot)","batch":\#(first)"#.utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.reduce(0) { $0 + $1.encoded.count + 256 + tail.count })
        var end = head
        for entry in entries {
            let start = bytes.count
            bytes += Array(#"{"v":1,"seq":\#(end.sequence + 1),"time":""#.utf8)
            bytes += timeText.bytes
            bytes += Self.event
            bytes += entry.event.bytes
            bytes += Self.previous
            bytes += end.digest.hexBytes
            bytes += tail
            if entry.encoded.count > 2 { bytes.append(0x2C) }
            bytes += entry.encoded.dropFirst()
            end = end.followed(by: Array(bytes[start...]))
            bytes.append(0x0A)
        }
        (self.entries, self.bytes, self.first) = (entries, bytes, first)
        self.head = end
        time = Timestamp(rfc3339: timeText) ?? now
    }

    private static let event = Array(#"","event":""#.utf8)
    private static let previous = Array(#"","prev":""#.utf8)
}

extension Digest {
    /// `hex` as bytes, without detours: it is written and compared once a line.
    var hexBytes: [UInt8] {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
        var text: [UInt8] = []
        text.reserveCapacity(2 * Digest.byteCount)
        for byte in bytes {
            text.append(digit(byte >> 4))
            text.append(digit(byte & 15))
        }
        return text
    }
}
