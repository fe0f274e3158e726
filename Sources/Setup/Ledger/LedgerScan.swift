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
    /// Withdrawals stand among them and do not count. Reads one segment, and twice as many as long as there are too few in them.
    public mutating func last(_ count: Int) throws(LedgerFilesError) -> (findings: [Finding], isAll: Bool) {
        let untouched = filter
        // What chooses a call may stand in the segment before.
        var back = filter.choosesCalls ? 2 : 1
        while true {
            filter = untouched
            lines = LedgerLines(of: segments.suffix(back))
            (lastSequence, pending) = (0, nil)
            let found = try lastFindings(count)
            let shown = found.count { !$0.isWithdrawal }
            if shown >= count || back >= min(segments.count, Self.segmentsBackMax) {
                return (found, shown >= count || back >= segments.count)
            }
            back *= 2
        }
    }

    /// Every line is looked at: what a later one withdraws is told, and `next` goes on with the last number.
    private mutating func lastFindings(_ count: Int) throws(LedgerFilesError) -> [Finding] {
        var kept: [Finding] = []
        while let finding = try next() {
            kept.append(finding)
            if kept.count > 2 * count { kept = Self.last(count, of: kept) }
        }
        return Self.last(count, of: kept)
    }

    /// So many records and lines that are none, with the withdrawals between and behind them.
    private static func last(_ count: Int, of findings: [Finding]) -> [Finding] {
        guard count > 0 else { return [] }
        let shown = findings.indices.filter { !findings[$0].isWithdrawal }
        return shown.count <= count ? findings : Array(findings[shown[shown.count - count]...])
    }
}

extension LedgerScan.Finding {
    fileprivate static func broken(of line: LedgerLine) -> Self {
        .broken(segment: line.segment, line: line.number)
    }

    fileprivate var isWithdrawal: Bool { if case .withdrawn = self { true } else { false } }
}
