internal import Ledger
public import Primitives

/// The records of a ledger that a filter lets through, in their order, in constant memory.
///
/// Showing is not verifying: lines that are no records are pointed out, and the chain is not looked at.
public struct LedgerScan: Sendable {
    public enum Finding: Sendable {
        case record(LedgerRecord)
        /// A line that is no record.
        case broken(segment: Text, line: Int)
        /// Storage failed or a crash came before anybody was told of these: they are no part of the ledger,
        /// whether they were let through or not.
        case withdrawn(ClosedRange<Int64>)
    }

    private let files: LedgerFiles
    /// Those that the filter's times leave.
    private let segments: [Text]
    private var lines: LedgerLines
    private var filter: RecordFilter
    private var lastSequence: Int64 = 0
    /// A record that comes after what it withdraws.
    private var pending: LedgerRecord?

    /// Begins with the first segment that the filter's times leave.
    public init(_ files: LedgerFiles, _ filter: RecordFilter) throws(LedgerFilesError) {
        let names = try files.names()
        segments = try LedgerFilesError.translating { () throws(StorageError) in
            try SegmentTimes.narrow(names, in: files, to: filter)
        }
        lines = LedgerLines(of: segments)
        (self.files, self.filter) = (files, filter)
    }

    /// Nil when there is no more for now.
    public mutating func next() throws(LedgerFilesError) -> Finding? {
        if let record = pending.take() { return .record(record) }
        while let line = try nextLine() {
            guard let record = LedgerRecord(line) else { return .broken(of: line) }
            let withdrawn = withdrawn(by: record)
            let isAdmitted = filter.admits(record)
            if let withdrawn {
                pending = isAdmitted ? record : nil
                return .withdrawn(withdrawn)
            }
            if isAdmitted { return .record(record) }
        }
        return nil
    }

    /// Looks for segments that have come since; then `next` goes on.
    public mutating func refresh() throws(LedgerFilesError) { lines.add(from: try files.names()) }

    private mutating func nextLine() throws(LedgerFilesError) -> LedgerLine? {
        do throws(StorageError) { return try lines.next(in: files) } catch { throw .storage(error) }
    }

    /// A new segment goes on behind the last record that counts.
    private mutating func withdrawn(by record: LedgerRecord) -> ClosedRange<Int64>? {
        defer { lastSequence = record.sequence }
        guard record.event == "segment", record.sequence <= lastSequence else { return nil }
        return record.sequence...lastSequence
    }
}

// The end of a ledger, without reading all of it.
extension LedgerScan {
    /// How many segments back the last records are looked for.
    public static let segmentsBackMax = 16
    /// More of them are not kept.
    public static let lastMax = 10_000

    /// The last findings, and whether they were looked for everywhere; `next` goes on behind them.
    ///
    /// Reads one segment, and twice as many as long as there are too few in them.
    public mutating func last(_ count: Int) throws(LedgerFilesError) -> (findings: [Finding], isAll: Bool) {
        let untouched = filter
        // What chooses a call may stand in the segment before.
        var back = filter.choosesCalls ? 2 : 1
        while true {
            filter = untouched
            lines = LedgerLines(of: segments.suffix(back))
            let found = try admittedLines(last: count)
            if found.count >= count || back >= min(segments.count, Self.segmentsBackMax) {
                let isAll = found.count >= count || back >= segments.count
                return (found.map { LedgerRecord($0).map { .record($0) } ?? .broken(of: $0) }, isAll)
            }
            back *= 2
        }
    }

    private mutating func admittedLines(last count: Int) throws(LedgerFilesError) -> ArraySlice<LedgerLine> {
        var kept: [LedgerLine] = []
        while let line = try nextLine() {
            guard admits(line) else { continue }
            kept.append(line)
            if kept.count > 2 * count { kept.removeFirst(kept.count - count) }
        }
        lastSequence = kept.last.flatMap { LedgerRecord($0) }?.sequence ?? lastSequence
        return kept.suffix(count)
    }

    /// Without a filter only what is shown is read as JSON.
    private mutating func admits(_ line: LedgerLine) -> Bool {
        guard !filter.isEmpty else { return true }
        guard let record = LedgerRecord(line) else { return true }
        lastSequence = record.sequence
        return filter.admits(record)
    }
}

extension LedgerScan.Finding {
    fileprivate static func broken(of line: LedgerLine) -> Self {
        .broken(segment: line.segment, line: line.number)
    }
}
