internal import Primitives

/// How far a segment could be read.
struct SegmentEnd {
    /// Where the next line would begin.
    private(set) var offset = 0
    private(set) var lines = 0
    private var batch: UInt64 = 0
    private var batchOffset = 0

    mutating func took(_ header: LineHeader, upTo next: Int) {
        if header.batch != batch { (batch, batchOffset) = (header.batch, offset) }
        offset = next
        lines += 1
    }

    /// Cuts off what is beyond, writes the last batch again, and syncs both the segment and its name.
    func mend<Storage: LedgerStorage & ~Copyable>(
        _ segment: FoundSegment, in storage: inout Storage
    ) throws(LedgerError) {
        do {
            if segment.size > offset { try storage.truncate(segment.name, to: offset) }
            let batch = try storage.read(segment.name, from: batchOffset, count: offset - batchOffset)
            try storage.write(batch, to: segment.name, at: batchOffset)
            try storage.sync(segment.name)
            // The start that made it may have ended before its name was durable: a later segment's must not be first.
            try storage.syncDirectory()
        } catch {
            throw .unavailable(error)
        }
    }
}
