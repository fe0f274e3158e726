internal import Ledger
internal import Primitives

/// One line of a segment, and where it stands.
struct LedgerLine: Sendable {
    let segment: Text
    /// From 1.
    let number: Int
    let bytes: [UInt8]
}

/// The lines of the segments, one after the other, and further as they are written.
///
/// Reading a segment stops at its first NUL or in a line without an end, and goes on there when asked again. A
/// segment that has a successor gets no more lines: what is left of it was never acknowledged. A line over the limit
/// comes in pieces, none of which is a record.
struct LedgerLines {
    /// No journal writes a longer line.
    static let lineBytesMax = 1 << 20

    private let chunkBytes: Int
    private var segments: [Text]
    /// The segment that is being read.
    private var index = 0
    private var number = 0
    /// Where in it the buffer begins and where the next line does, and up to where that has been searched.
    private var base = 0
    private var buffer: [UInt8] = []
    private var start = 0
    private var searched = 0

    init(of segments: some Sequence<Text>, chunkBytes: Int = 1 << 18) {
        self.segments = Array(segments)
        self.chunkBytes = chunkBytes
    }

    /// Segments to go on with, of all there are.
    mutating func add(from names: [Text]) {
        guard let last = segments.last else {
            segments = names
            return
        }
        segments += names.filter { last < $0 }
    }

    /// The next whole line; nil when there is none yet.
    mutating func next(in source: LedgerFiles) throws(StorageError) -> LedgerLine? {
        while index < segments.count {
            if let line = try nextOfSegment(in: source) {
                number += 1
                return LedgerLine(segment: segments[index], number: number, bytes: line)
            }
            guard index + 1 < segments.count else { return nil }
            index += 1
            (number, base, start, searched) = (0, 0, 0, 0)
            buffer = []
        }
        return nil
    }

    private mutating func nextOfSegment(in source: LedgerFiles) throws(StorageError) -> [UInt8]? {
        while true {
            if let end = search(), buffer[end] == 0x0A { return take(to: end) }
            // What stands behind a NUL may have been written since.
            buffer.removeLast(buffer.count - searched)
            if searched - start > Self.lineBytesMax { return take(to: searched) }
            guard try fill(from: source) else { return nil }
        }
    }

    /// The first newline or NUL from `searched` on.
    private mutating func search() -> Int? {
        while searched < buffer.count {
            if buffer[searched] == 0x0A || buffer[searched] == 0 { return searched }
            searched += 1
        }
        return nil
    }

    private mutating func take(to end: Int) -> [UInt8] {
        let line = Array(buffer[start..<end])
        start = min(end + 1, buffer.count)
        searched = start
        return line
    }

    /// False when nothing but NULs or nothing at all follows.
    private mutating func fill(from source: LedgerFiles) throws(StorageError) -> Bool {
        let offset = base + buffer.count
        let piece = try source.read(segments[index], from: offset, count: chunkBytes)
        guard let first = piece.first, first != 0 else { return false }
        buffer.removeFirst(start)
        base += start
        (start, searched) = (0, searched - start)
        buffer += piece
        return true
    }
}
