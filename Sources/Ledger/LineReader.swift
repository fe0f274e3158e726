internal import Primitives

/// Cuts a segment's bytes into lines, as they come, in constant memory.
///
/// Reading ends at the first NUL.
struct LineReader {
    /// No journal writes a longer line; it bounds what is kept while its end has not come.
    static let lineBytesMax = 1 << 20
    static let chunkBytes = 1 << 20

    /// What `next` gives places in, until more is fed.
    private(set) var bytes: [UInt8] = []
    /// Where the next line begins, and how far it has been searched for its end.
    private var start = 0
    private var searched = 0
    /// Where the next line begins in the segment.
    private(set) var offset = 0
    /// A NUL or a line over the limit was met: no more lines come.
    private(set) var hasEnded = false

    mutating func feed(_ more: [UInt8]) {
        searched -= start
        if start == bytes.count {
            bytes = more
        } else {
            bytes.removeFirst(start)
            bytes += more
        }
        start = 0
    }

    /// The place of the next whole line without its newline; nil when it has not come yet, or `hasEnded`.
    mutating func next() -> Range<Int>? {
        guard !hasEnded else { return nil }
        searched = Self.endOfLine(bytes.span, from: searched)
        guard searched - start <= Self.lineBytesMax, searched == bytes.count || bytes[searched] == 0x0A
        else {
            hasEnded = true
            return nil
        }
        guard searched < bytes.count else { return nil }
        let line = start..<searched
        searched += 1
        offset += searched - start
        start = searched
        return line
    }

    /// The next newline or NUL, or the end.
    private static func endOfLine(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] > 0x0A || (bytes[index] != 0x0A && bytes[index] != 0) {
            index += 1
        }
        return index
    }

    /// Bytes of no whole line.
    var rest: ArraySlice<UInt8> { bytes[start...] }
}

extension [UInt8] {
    init(copying bytes: Span<UInt8>) {
        self = []
        reserveCapacity(bytes.count)
        for index in bytes.indices { append(bytes[index]) }
    }
}
