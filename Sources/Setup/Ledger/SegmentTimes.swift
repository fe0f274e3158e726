internal import Ledger
internal import Primitives

/// Which segments a time falls in, by the time of their first records.
///
/// A clock that was set back makes these times no help: where they do not ascend, every segment is read.
enum SegmentTimes {
    private static let chunkBytes = 4096

    /// Without those that lie wholly before or after the filter's times.
    ///
    /// Kept are the one that began before the times and the first that began after them, which tells what it
    /// withdraws; one more where earlier records tell which calls are meant; and the last one always, as no
    /// other tells whether the clock was set back in it.
    static func narrow(
        _ segments: [Text], in files: LedgerFiles, to filter: RecordFilter
    ) throws(StorageError) -> [Text] {
        guard filter.since != nil || filter.until != nil, let last = segments.last,
            let times = try ascending(segments, in: files)
        else { return segments }
        let before = filter.since.flatMap { since in times.lastIndex { $0 < since } } ?? 0
        let after = filter.until.flatMap { until in times.firstIndex { $0 > until } } ?? segments.count - 1
        let first = min(max(0, filter.choosesCalls ? before - 1 : before), after)
        return segments[first...after] + (after < segments.count - 1 ? [last] : [])
    }

    /// Of the first records; nil when one has none or begins before an earlier one.
    ///
    /// The last segment may have none yet.
    private static func ascending(
        _ segments: [Text], in files: LedgerFiles
    ) throws(StorageError) -> [Timestamp]? {
        var times: [Timestamp] = []
        for (index, segment) in segments.enumerated() {
            guard let time = try begins(segment, in: files) else {
                return index == segments.count - 1 ? times : nil
            }
            if let previous = times.last, time < previous { return nil }
            times.append(time)
        }
        return times
    }

    /// Nil when its first line is no record.
    private static func begins(
        _ segment: Text, in files: LedgerFiles
    ) throws(StorageError) -> Timestamp? {
        var lines = LedgerLines(of: [segment], chunkBytes: chunkBytes)
        return try lines.next(in: files).flatMap { LedgerRecord($0) }?.time
    }
}
