internal import Crypto
public import Primitives

/// Follows the chain through a whole ledger, in constant memory, and names the first line that breaks it.
///
/// Feed the bytes of each segment in the order of their names, in pieces of any size, and finish it. Found
/// are edited, removed, inserted and reordered lines and missing or reordered segments; an incomplete end of
/// the last segment is counted, not held against the ledger. A chain rewritten whole, or one that lost whole
/// lines at its end, is found only against checkpoints kept elsewhere (contract §6). Beside a proxy that is
/// writing, use `verify`, which reads again before it believes a fault in the segment that grows.
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
    /// Where a later segment may go back to: an abandoned segment's end is at most one batch.
    private struct Return {
        var batch: UInt64 = 0
        var head = ChainHead.start
        var records = 0
    }

    private var report = LedgerReport()
    private var watch: CheckpointWatch
    private var head = ChainHead.start
    private var beforeBatch = Return()

    private var reader = LineReader()
    private var line = 0
    private var firstInSegment: UInt64?
    /// What the first line of this segment says about the records before it.
    private var openingTree: [Digest]?
    /// The place of the record at the head.
    private var headPlace = Fault(segment: nil, line: 0, reason: "")
    private var headLine: [UInt8] = []
    private var suspect: Suspect?
    private var fault: Fault?
    private var lastName: Text = ""
    private var hasBytesBehindEnd = false
    private var hasBytes = false

    public init(checkpoints: [TreeHead] = []) { watch = CheckpointWatch(checkpoints) }

    public mutating func feed(_ bytes: [UInt8]) {
        guard report.firstBroken == nil, !bytes.isEmpty else { return }
        hasBytes = true
        if reader.hasEnded {
            hasBytesBehindEnd = hasBytesBehindEnd || bytes.contains { $0 != 0 }
            return
        }
        reader.feed(bytes)
        takeLines()
        if reader.hasEnded {
            let behind = reader.rest.drop { $0 != 0 }
            hasBytesBehindEnd = behind.contains { $0 != 0 } || behind.isEmpty
        }
    }

    private mutating func takeLines() {
        var hasher = SHA256Hasher()
        let bytes = reader.bytes
        var last: Range<Int>?
        while let place = reader.next() {
            if take(bytes.span.extracting(place), &hasher) { last = place }
        }
        if let last { headLine = Array(bytes[last]) }
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
        if report.records > 0 {
            if report.firstBroken == nil, LineHeader.members(of: headLine) == nil {
                headPlace.reason = "the line is not JSON"
                settle(headPlace)
            }
            report.lastTime = LineHeader(headLine)?.time(in: headLine)
            (report.lastSegment, report.lastLine) = (headPlace.segment ?? lastName, headPlace.line)
        } else if report.firstBroken == nil {
            watch.begins(after: .start)
        }
        (report.headSequence, report.headDigest) = (head.sequence, head.digest)
        report.treeHead = head.tree.head
        report.checkpoints = watch.findings(
            rest: report.firstBroken == nil ? .beyond(records: head.sequence) : .unreached)
        return report
    }

    // MARK: Lines

    /// True when the line is the new head.
    private mutating func take(_ bytes: Span<UInt8>, _ hasher: inout SHA256Hasher) -> Bool {
        line += 1
        if suspect != nil || fault != nil || line == 1 { return takeCarefully(bytes, &hasher) }
        guard let header = LineHeader(bytes) else {
            fail("not a record")
            return false
        }
        return follow(header, bytes, &hasher)
    }

    private mutating func takeCarefully(_ bytes: Span<UInt8>, _ hasher: inout SHA256Hasher) -> Bool {
        let header = LineHeader(bytes)
        if let suspect {
            fault = header?.previous == suspect.digest ? suspect.before : suspect.itself
            self.suspect = nil
        }
        guard fault == nil || line == 1 else { return false }
        guard let header else {
            fail("not a record")
            return false
        }
        if line == 1 { begin(header, Array(copying: bytes)) }
        guard fault == nil, report.firstBroken == nil else { return false }
        return follow(header, bytes, &hasher)
    }

    private mutating func follow(
        _ header: LineHeader, _ bytes: Span<UInt8>, _ hasher: inout SHA256Hasher
    ) -> Bool {
        guard header.sequence == head.sequence + 1 else {
            fail("record \(head.sequence + 1) is expected here, this is \(header.sequence)")
            return false
        }
        guard header.previous == head.digest else {
            suspectChange(hasher.hash(bytes))
            return false
        }
        if line == 1, openingTree != head.tree.nodes {
            fail("`tree` is not that of the records before: this line or one of those was rewritten")
            return false
        }
        if header.batch != beforeBatch.batch {
            beforeBatch = Return(batch: header.batch, head: head, records: report.records)
        }
        head.follow(bytes, &hasher)
        watch.reached(head)
        (headPlace.segment, headPlace.line) = (nil, line)
        report.records += 1
        return true
    }

    private mutating func suspectChange(_ digest: Digest) {
        let itself = Fault(segment: nil, line: line, reason: "`prev` is not the digest of the line before")
        guard report.records > 0 else {
            fault = itself
            return
        }
        var before = headPlace
        before.reason = "the line was changed: the next one names another digest"
        suspect = Suspect(before: before, itself: itself, digest: digest)
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
        guard header.event(in: bytes) == Opening.event, let members = LineHeader.members(of: bytes),
            let opening = try? Opening(members)
        else { return fail("a segment begins with a whole `segment` record") }
        openingTree = opening.tree
        if report.records == 0, fault == nil { beginLedger(header, opening, at: header.time(in: bytes)) }
        if opening.abandonsPrevious { leaveAbandonedEnd(header) }
        if let fault, fault.segment != nil { settle(fault) }
    }

    private mutating func beginLedger(_ header: LineHeader, _ opening: Opening, at time: Timestamp?) {
        guard let before = ChainHead(before: header, opening) else {
            return fail("`prev` and `tree` are not those before record \(header.sequence)")
        }
        head = before
        (report.firstSequence, report.firstTime) = (header.sequence, time)
        watch.begins(after: head)
    }

    /// Goes back to the last acknowledged record, and forgets what was wrong beyond it.
    private mutating func leaveAbandonedEnd(_ header: LineHeader) {
        let last = header.sequence - 1
        if last != head.sequence || header.previous != head.digest {
            guard beforeBatch.records > 0, last == beforeBatch.head.sequence,
                header.previous == beforeBatch.head.digest
            else { return }
            (head, report.records) = (beforeBatch.head, beforeBatch.records)
            watch.goBack(to: last)
        }
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
