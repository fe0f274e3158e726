internal import Crypto
internal import Primitives

/// What stands behind the last good record of a ledger's last segment, and whether a crash explains it.
///
/// A crash can leave a part of what was not yet durable, in pieces and in any order. Those pieces are the
/// bytes of the last batch; what is missing reads as NUL, or as the end of the file. So the tail may be cut
/// when it has such a gap and no record of a later batch, because a later batch is only written after the one
/// before it is durable. Everything else was changed by somebody or by a failing disk, and is not ours to
/// cut.
enum TornTail {
    enum Verdict {
        /// Only zeros, or nothing.
        case none
        case torn(bytes: Int, digest: Digest)
        case broken(String)
    }

    /// `unsynced`: nothing after the segment's opening was known to be durable (`flush`, and the machine
    /// restarted).
    static func judge(_ tail: [UInt8], after sequence: UInt64, unsynced: Bool) -> Verdict {
        guard let lastUsed = tail.lastIndex(where: { $0 != 0 }) else { return .none }
        let used = tail[...lastUsed]
        let records = wholeRecords(in: used)
        if !unsynced, records.contains(where: { $0.batch > sequence + 1 }) {
            return .broken("not the record that belongs here, and records of later batches follow")
        }
        if let first = records.first {
            guard first.start > 0 else {
                return .broken("a whole record that does not follow the one before")
            }
            guard used[..<first.start].contains(0) else {
                return .broken("not the record that belongs here, and whole records follow")
            }
        } else {
            guard used.last != 0x0A || used.contains(0) else {
                return .broken("a whole line that is not a record")
            }
        }
        return .torn(bytes: used.count, digest: SHA256.hash(Array(used)))
    }

    /// Lines that a journal wrote whole, wherever they begin.
    private static func wholeRecords(in bytes: ArraySlice<UInt8>) -> [(start: Int, batch: UInt64)] {
        var records: [(start: Int, batch: UInt64)] = []
        var start = bytes.startIndex
        for index in bytes.indices where bytes[index] == 0x0A || bytes[index] == 0 {
            if bytes[index] == 0x0A, index > start {
                let line = Array(bytes[start..<index])
                if let header = LineHeader(line), LineHeader.members(of: line) != nil {
                    records.append((start, header.batch))
                }
            }
            start = index + 1
        }
        return records
    }
}
