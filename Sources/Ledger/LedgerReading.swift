internal import Primitives

extension LedgerVerifier {
    /// Reads a whole ledger in pieces of 1 MiB and says what was found.
    ///
    /// A proxy may write meanwhile. What it had sealed before does not change; in the segment that grows a
    /// reader may meet a batch half written, a hole before it, or an end that is abandoned a moment later. So
    /// that segment, and what has come after it, is read again until it has no fault or the same one twice.
    /// The checkpoints must have been taken before.
    ///
    /// - Parameter progress: bytes read, and the bytes that there were at the start.
    public static func verify(
        _ source: inout some LedgerSource & ~Copyable, checkpoints: [TreeHead] = [],
        progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(StorageError) -> LedgerReport {
        let found = try FoundSegment.list(in: &source)
        var meter = ReadingMeter(total: found.reduce(0) { $0 + $1.size }, report: progress)
        var verifier = LedgerVerifier(checkpoints: checkpoints)
        for segment in found.dropLast() { try verifier.read(segment, in: source, &meter) }
        guard let last = found.last else { return verifier.finish() }
        var seen: LedgerReport.Place?
        for _ in 0..<attemptsMax {
            let report = try verifier.readEnd(from: last, in: &source, &meter)
            if report.firstBroken == nil || report.firstBroken == seen { return report }
            seen = report.firstBroken
        }
        return try verifier.readEnd(from: last, in: &source, &meter)
    }

    /// A proxy under load may be met in the middle of a batch again and again.
    private static let attemptsMax = 10

    /// The last segment, and those that have come since.
    private func readEnd<Source: LedgerSource & ~Copyable>(
        from last: FoundSegment, in source: inout Source, _ meter: inout ReadingMeter
    ) throws(StorageError) -> LedgerReport {
        var verifier = self
        for segment in try FoundSegment.list(in: &source) where segment.first >= last.first {
            try verifier.read(segment, in: source, &meter)
        }
        return verifier.finish()
    }

    mutating func read<Source: LedgerSource & ~Copyable>(
        _ segment: FoundSegment, in source: borrowing Source
    ) throws(StorageError) {
        var meter = ReadingMeter(total: 0, report: { _, _ in })
        try read(segment, in: source, &meter)
    }

    private mutating func read<Source: LedgerSource & ~Copyable>(
        _ segment: FoundSegment, in source: borrowing Source, _ meter: inout ReadingMeter
    ) throws(StorageError) {
        var offset = 0
        while true {
            let bytes = try source.read(segment.name, from: offset, count: LineReader.chunkBytes)
            guard !bytes.isEmpty else { break }
            feed(bytes)
            offset += bytes.count
            meter.add(bytes.count)
        }
        finishSegment(segment.name)
    }
}

private struct ReadingMeter {
    private var done = 0
    private let total: Int
    private let report: (Int, Int) -> Void

    init(total: Int, report: @escaping (Int, Int) -> Void) { (self.total, self.report) = (total, report) }

    /// What is read once more is not counted.
    mutating func add(_ count: Int) {
        done = min(done + count, total)
        report(done, total)
    }
}
