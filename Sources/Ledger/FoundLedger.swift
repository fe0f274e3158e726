internal import Crypto
internal import Primitives

/// What lies on disk before any of it is believed: segments in order, and the opening of the last one that
/// has one.
struct FoundLedger {
    /// With records; the last has a whole opening.
    private(set) var segments: [FoundSegment] = []
    /// Behind those, begun and never finished.
    private(set) var torn: [FoundSegment] = []
    private(set) var empty: [Text] = []
    private(set) var opening: FoundOpening?

    static func look<Storage: LedgerStorage & ~Copyable>(
        in storage: inout Storage
    ) throws(LedgerError) -> FoundLedger {
        var found = FoundLedger()
        do {
            for segment in try FoundSegment.list(in: &storage) {
                if segment.size == 0 {
                    found.empty.append(segment.name)
                } else {
                    found.segments.append(segment)
                }
            }
        } catch {
            throw .unavailable(error)
        }
        while let last = found.segments.last {
            found.opening = try last.opening(in: storage)
            if found.opening != nil { break }
            found.torn.append(found.segments.removeLast())
        }
        return found
    }

    var firstSequence: UInt64? { segments.first?.first }

    /// The last segment, and those before it back to the one with the record of that number.
    func segments(from sequence: UInt64?) -> [FoundSegment] {
        guard let sequence else { return Array(segments.suffix(1)) }
        let start = segments.lastIndex { $0.first <= sequence } ?? 0
        return Array(segments[start...])
    }

    func emptyTorn<Storage: LedgerStorage & ~Copyable>(
        in storage: inout Storage, cuts: inout [Cut]
    ) throws(LedgerError) {
        for segment in torn {
            let bytes = try segment.bytes(from: 0, in: storage)
            if let lastUsed = bytes.lastIndex(where: { $0 != 0 }) {
                let used = Array(bytes[...lastUsed])
                cuts.append(Cut(segment: segment.name, bytes: used.count, digest: SHA256.hash(used)))
            }
            do {
                try storage.truncate(segment.name, to: 0)
                try storage.sync(segment.name)
            } catch {
                throw .unavailable(error)
            }
        }
    }
}

/// A segment's opening, and the boot of the run that wrote it.
struct FoundOpening {
    let opening: Opening
    let boot: Text
}

struct FoundSegment {
    let name: Text
    let first: UInt64
    let size: Int

    /// All files that are named like one, by number.
    static func list<Source: LedgerSource & ~Copyable>(
        in source: inout Source
    ) throws(StorageError) -> [FoundSegment] {
        var found: [FoundSegment] = []
        for name in try source.segments() {
            guard let first = SegmentName.first(of: name) else { continue }
            found.append(FoundSegment(name: name, first: first, size: try source.size(of: name)))
        }
        return found.sorted { $0.first < $1.first }
    }

    func broken(_ line: Int, _ reason: String) -> LedgerError {
        .broken(segment: name, line: line, reason: reason)
    }

    func bytes<Storage: LedgerStorage & ~Copyable>(
        from offset: Int, in storage: borrowing Storage
    ) throws(LedgerError) -> [UInt8] {
        do {
            return try storage.read(name, from: offset, count: size - offset)
        } catch {
            throw .unavailable(error)
        }
    }

    func lines() -> SegmentLines { SegmentLines(segment: self) }

    /// Nil when the opening is incomplete in a way that a crash explains.
    func opening<Storage: LedgerStorage & ~Copyable>(
        in storage: borrowing Storage
    ) throws(LedgerError) -> FoundOpening? {
        var lines = lines()
        var previous: Digest?
        var found: FoundOpening?
        var count: Int64 = 0
        var end = 0
        while let line = try lines.next(in: storage) {
            guard let header = LineHeader(line), header.batch == first,
                header.sequence == first + UInt64(count), let members = LineHeader.members(of: line),
                previous == nil || previous == header.previous
            else { break }
            if found == nil {
                guard header.event(in: line) == Opening.event, let opening = try? Opening(members) else {
                    break
                }
                found = FoundOpening(opening: opening, boot: header.boot(in: line))
            }
            previous = SHA256.hash(line)
            count += 1
            end = lines.offset
            if let found, count > found.opening.restated { return found }
        }
        let tail = try bytes(from: end, in: storage)
        if case .broken(let reason) = TornTail.judge(tail, after: first + UInt64(count) - 1, unsynced: false)
        {
            throw broken(Int(count) + 1, reason)
        }
        return nil
    }
}

/// The lines of one segment, read chunk by chunk.
struct SegmentLines {
    private let segment: FoundSegment
    private var reader = LineReader()
    private var readTo = 0

    init(segment: FoundSegment) { self.segment = segment }

    /// Where the line that comes next begins.
    var offset: Int { reader.offset }

    mutating func next<Storage: LedgerStorage & ~Copyable>(
        in storage: borrowing Storage
    ) throws(LedgerError) -> [UInt8]? {
        while true {
            if let place = reader.next() { return Array(reader.bytes[place]) }
            guard !reader.hasEnded, readTo < segment.size else { return nil }
            do {
                let count = min(LineReader.chunkBytes, segment.size - readTo)
                let bytes = try storage.read(segment.name, from: readTo, count: count)
                guard !bytes.isEmpty else { return nil }
                reader.feed(bytes)
                readTo += bytes.count
            } catch {
                throw .unavailable(error)
            }
        }
    }
}
