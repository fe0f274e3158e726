public import Primitives

/// One file of a ledger, as its first line tells it.
public struct SegmentInfo: Hashable, Sendable {
    public enum State: String, CaseIterable, Hashable, Sendable {
        /// The last one: a proxy may be writing it.
        case live
        /// The next start reads it.
        case needed
        /// Sealed, and nothing in it counts any more: it may be moved away, oldest first.
        case movable
        /// Empty, or its first line is not whole: the next start deals with it.
        case unfinished
    }

    public let name: Text
    public let firstSequence: UInt64
    public let bytes: Int
    /// When it was begun; nil without a whole first line.
    public let opened: Timestamp?
    /// `start`, `roll` or `error`.
    public let reason: Text?
    public let durability: Text?
    public internal(set) var state: State
}

/// Which segments there are, and which may be moved away.
///
/// Reads the first line of each. A start needs the segments from the one on that the last whole opening's
/// `claims_from` points into: open calls, approvals, counters and the tree stand in the opening itself. A
/// crash can leave the last opening torn, so that the one before it counts: what either of the last two
/// points to is needed.
public enum LedgerInventory {
    /// By number.
    public static func list(
        in source: inout some LedgerSource & ~Copyable
    ) throws(LedgerError) -> [SegmentInfo] {
        var infos: [SegmentInfo] = []
        var openings: [(first: UInt64, claimsFrom: UInt64?)] = []
        do throws(StorageError) {
            for segment in try FoundSegment.list(in: &source) {
                let found = try firstLine(of: segment, in: source)
                infos.append(SegmentInfo(segment, found))
                if let found { openings.append((segment.first, found.opening.claimsFrom)) }
            }
        } catch {
            throw .unavailable(error)
        }
        let needed = firstNeeded(openings)
        var next: UInt64?
        for index in infos.indices.reversed() where infos[index].state != .unfinished {
            infos[index].state = next.map { $0 <= needed ? .movable : .needed } ?? .live
            next = infos[index].firstSequence
        }
        return infos
    }

    /// The number of the oldest record that a start may read.
    static func firstNeeded(_ openings: [(first: UInt64, claimsFrom: UInt64?)]) -> UInt64 {
        openings.suffix(2).map { min($0.claimsFrom ?? $0.first, $0.first) }.min() ?? 0
    }

    private static func firstLine<Source: LedgerSource & ~Copyable>(
        of segment: FoundSegment, in source: borrowing Source
    ) throws(StorageError) -> FirstLine? {
        var count = 16 << 10
        while true {
            let bytes = try source.read(segment.name, from: 0, count: count)
            if let end = bytes.firstIndex(of: 0x0A) { return FirstLine(Array(bytes[..<end]), of: segment) }
            guard bytes.count == count, count < LineReader.lineBytesMax else { return nil }
            count *= 4
        }
    }
}

private struct FirstLine {
    let opening: Opening
    let time: Timestamp

    init?(_ line: [UInt8], of segment: FoundSegment) {
        guard let header = LineHeader(line), header.sequence == segment.first,
            header.event(in: line) == Opening.event, let time = header.time(in: line),
            let members = LineHeader.members(of: line), let opening = try? Opening(members)
        else { return nil }
        (self.opening, self.time) = (opening, time)
    }
}

extension SegmentInfo {
    fileprivate init(_ segment: FoundSegment, _ found: FirstLine?) {
        (name, firstSequence, bytes) = (segment.name, segment.first, segment.size)
        opened = found?.time
        reason = found.map { Text($0.opening.reason.rawValue) }
        durability = found?.opening.durability.word
        state = found == nil ? .unfinished : .needed
    }
}
