internal import Ledger
internal import Primitives

/// Which segments a time falls in, by the time of their first records.
///
/// Clocks that were set back between two runs of a proxy make these times a little wrong; within a run they are in
/// order.
enum SegmentTimes {
    private static let chunkBytes = 4096

    /// Without those that lie wholly before or after the filter's times.
    ///
    /// One more is kept where earlier records tell which calls are meant.
    static func narrow(
        _ segments: [Text], in files: LedgerFiles, to filter: RecordFilter
    ) throws(StorageError) -> [Text] {
        var left = segments[...]
        if let until = filter.until {
            while let last = left.last, try begins(last, in: files).map({ $0 > until }) ?? false {
                left.removeLast()
            }
        }
        guard let since = filter.since else { return Array(left) }
        var first = left.endIndex
        while first > left.startIndex {
            first -= 1
            if try begins(left[first], in: files).map({ $0 < since }) ?? false { break }
        }
        return Array(left[max(left.startIndex, filter.choosesCalls ? first - 1 : first)...])
    }

    /// Nil when its first line is no record.
    private static func begins(
        _ segment: Text, in files: LedgerFiles
    ) throws(StorageError) -> Timestamp? {
        var lines = LedgerLines(of: [segment], chunkBytes: chunkBytes)
        return try lines.next(in: files).flatMap { LedgerRecord($0) }?.time
    }
}
