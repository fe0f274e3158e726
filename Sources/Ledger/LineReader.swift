internal import Primitives

/// Cuts a segment's bytes into lines, as they come, in constant memory.
///
/// Reading ends at the first NUL.
struct LineReader {
    /// No journal writes a longer line; it bounds what is kept while its end has not come.
    static let lineBytesMax = 1 << 20
    static let chunkBytes = 1 << 20

    private var buffer: [UInt8] = []
    /// Where the next line begins, and how far it has been searched for its end.
    private var start = 0
    private var searched = 0
    /// Where the next line begins in the segment.
    private(set) var offset = 0
    /// A NUL or a line over the limit was met: no more lines come.
    private(set) var hasEnded = false

    mutating func feed(_ bytes: [UInt8]) {
        buffer.removeFirst(start)
        searched -= start
        start = 0
        buffer += bytes
    }

    /// The next whole line without its newline; nil when it has not come yet, or `hasEnded`.
    mutating func next() -> [UInt8]? {
        guard !hasEnded else { return nil }
        while searched < buffer.count, buffer[searched] != 0x0A, buffer[searched] != 0 { searched += 1 }
        guard searched - start <= Self.lineBytesMax, searched == buffer.count || buffer[searched] == 0x0A
        else {
            hasEnded = true
            return nil
        }
        guard searched < buffer.count else { return nil }
        let line = Array(buffer[start..<searched])
        searched += 1
        offset += searched - start
        start = searched
        return line
    }

    /// Bytes of no whole line.
    var rest: ArraySlice<UInt8> { buffer[start...] }
}
