internal import Crypto
public import Primitives

/// Follows the chain through a whole ledger, in constant memory, and names the first line that breaks it.
///
/// Feed the bytes of each segment in the order of their names, in pieces of any size, and finish it. Found
/// are edited, removed, inserted and reordered lines and missing segments; an incomplete end of the last
/// segment is counted, not held against the ledger. A chain rewritten whole, or one that lost whole lines at
/// its end, is *not* found: that takes a checkpoint kept elsewhere (contract §6). Beside a proxy that is
/// writing, a batch may be seen half: read again before you believe a fault in the last segment.
public struct LedgerVerifier {
    /// Where a fault was seen: nil stands for the segment that is being fed.
    private struct Fault {
        var segment: Text?
        var line: Int
        var reason: String
        /// A crash explains it in the last segment.
        var isIncompleteEnd = false
    }
    /// A line that does not name the one before it: the next line tells which of the two was changed.
    private struct Suspect {
        let before: Fault
        let itself: Fault
        let digest: Digest
    }

    private var report = LedgerReport()
    private var head = ChainHead.start
    /// Digests of the last records by number, to find where an abandoned segment was left.
    private var recent: [Digest] = []
    private static let recentMax = UInt64(JournalSettings.batchEntriesMax + 1)

    private var reader = LineReader()
    private var line = 0
    private var firstInSegment: UInt64?
    /// The place of the record at the head.
    private var headPlace = Fault(segment: nil, line: 0, reason: "")
    private var headLine: [UInt8] = []
    private var suspect: Suspect?
    private var fault: Fault?
    private var lastName: Text = ""
    private var hasBytesBehindEnd = false
    private var hasBytes = false

    public init() {}

    public mutating func feed(_ bytes: [UInt8]) {
        guard report.firstBroken == nil, !bytes.isEmpty else { return }
        hasBytes = true
        if reader.hasEnded {
            hasBytesBehindEnd = hasBytesBehindEnd || bytes.contains { $0 != 0 }
            return
        }
        reader.feed(bytes)
        while let line = reader.next() { take(line) }
        if reader.hasEnded {
            let behind = reader.rest.drop { $0 != 0 }
            hasBytesBehindEnd = behind.contains { $0 != 0 } || behind.isEmpty
        }
    }

    /// The segment of that name has been fed.
    public mutating func finishSegment(_ name: Text) {
        guard report.firstBroken == nil else { return }
        if hasBytes { endSegment(name) }
        lastName = name
        (reader, line, firstInSegment, hasBytes) = (LineReader(), 0, nil, false)
        hasBytesBehindEnd = false
    }

    public consuming func finish() -> LedgerReport {
        if let fault, report.firstBroken == nil {
            if fault.isIncompleteEnd { report.hasIncompleteEnd = true } else { settle(fault) }
        }
        if report.firstBroken == nil, report.records > 0 {
            if LineHeader.members(of: headLine) == nil {
                headPlace.reason = "the line is not JSON"
                settle(headPlace)
            }
            report.lastTime = LineHeader(headLine)?.time
        }
        report.headSequence = head.sequence
        report.headDigest = head.digest
        return report
    }

    // MARK: Lines

    private mutating func take(_ bytes: [UInt8]) {
        line += 1
        if let suspect {
            let isBefore = LineHeader(bytes)?.previous == Text(suspect.digest.hexBytes)
            fault = isBefore ? suspect.before : suspect.itself
            self.suspect = nil
        }
        guard fault == nil || line == 1 else { return }
        guard let header = LineHeader(bytes) else { return fail("not a record") }
        if line == 1 { begin(header, bytes) }
        guard fault == nil, report.firstBroken == nil else { return }
        guard header.sequence == head.sequence + 1 else {
            return fail("record \(head.sequence + 1) is expected here, this is \(header.sequence)")
        }
        guard header.previous == Text(head.digest.hexBytes) else { return suspectChange(bytes) }
        accept(header, bytes)
    }

    private mutating func accept(_ header: LineHeader, _ bytes: [UInt8]) {
        head = head.followed(by: bytes)
        remember()
        headPlace = Fault(segment: nil, line: line, reason: "")
        headLine = bytes
        if report.records == 0 { (report.firstSequence, report.firstTime) = (header.sequence, header.time) }
        report.records += 1
    }

    private mutating func remember() {
        let place = Int(head.sequence % Self.recentMax)
        while recent.count <= place { recent.append(.zero) }
        recent[place] = head.digest
    }

    private mutating func suspectChange(_ bytes: [UInt8]) {
        let itself = Fault(segment: nil, line: line, reason: "`prev` is not the digest of the line before")
        guard report.records > 0 else {
            fault = itself
            return
        }
        var before = headPlace
        before.reason = "the line was changed: the next one names another digest"
        suspect = Suspect(before: before, itself: itself, digest: SHA256.hash(bytes))
    }

    private mutating func fail(_ reason: String) {
        // A fault that is still open in the segment before comes first.
        if let fault, fault.segment != nil { return settle(fault) }
        fault = Fault(segment: nil, line: line, reason: reason)
    }

    // MARK: Segments

    /// The first line of a segment says whether the end of the one before is part of the ledger.
    private mutating func begin(_ header: LineHeader, _ bytes: [UInt8]) {
        firstInSegment = header.sequence
        report.segments += 1
        guard header.event == Opening.event, let members = LineHeader.members(of: bytes),
            let opening = try? Opening(members)
        else { return fail("a segment begins with a whole `segment` record") }
        if report.records == 0, fault == nil, header.sequence > 1, let digest = Digest(hex: header.previous) {
            head = ChainHead(sequence: header.sequence - 1, digest: digest)
        }
        if opening.abandonsPrevious { leaveAbandonedEnd(header) }
        if let fault { settle(fault) }
    }

    /// Goes back to the last acknowledged record, and forgets what was wrong beyond it.
    private mutating func leaveAbandonedEnd(_ header: LineHeader) {
        let last = header.sequence - 1
        guard last > 0, last <= head.sequence, head.sequence - last < Self.recentMax,
            head.sequence - last < UInt64(report.records),
            let digest = Digest(hex: header.previous), recent[Int(last % Self.recentMax)] == digest
        else { return }
        report.records -= Int(head.sequence - last)
        head = ChainHead(sequence: last, digest: digest)
        fault = nil
        report.abandonedSegments += 1
    }

    private mutating func endSegment(_ name: Text) {
        if let suspect {
            fault = suspect.before
            self.suspect = nil
        }
        if fault == nil, hasBytesBehindEnd {
            fault = Fault(
                segment: nil, line: line + 1,
                reason: "bytes that are no record stand here, and more behind them")
        } else if fault == nil, reader.rest.first.map({ $0 != 0 }) ?? false {
            fault = Fault(segment: nil, line: line + 1, reason: "the line has no end", isIncompleteEnd: true)
        }
        if let first = firstInSegment, SegmentName.first(of: name) != first {
            fault = Fault(segment: nil, line: 1, reason: "the segment begins with record \(first)")
        }
        if fault != nil, fault?.segment == nil { fault?.segment = name }
        if headPlace.segment == nil { headPlace.segment = name }
    }

    private mutating func settle(_ fault: Fault) {
        report.firstBroken = .init(segment: fault.segment ?? lastName, line: fault.line, reason: fault.reason)
    }
}
