public import Primitives
internal import Synchronization

/// The claims of one process, in memory: exact, bounded, and never forgetting a live claim.
///
/// The ids are spread over many tables, each behind its own lock, by a secret hash (`ClaimMark`), so that
/// nobody can choose ids that meet in one of them, and rebuilding a table is short. A claim is live until the
/// nanosecond given with it. Each claim also clears a few that have expired: no claim waits for a sweep, and
/// under load about an eighth of what is held has expired.
public final class ReplayCache: ClaimStore {
    /// Slots looked at by one claim; so many that its table is gone round several times in a claim's life,
    /// whatever the load.
    static let looksPerClaim = 8
    /// What one `forgetExpired` does: looks in each table, and tables made smaller.
    static let looksPerTable = 256
    static let shrunkMax = 8
    /// Slots that one claim looks at when there is no room: some tenths of a millisecond.
    static let slotsSearchedMax = 1 << 17

    public let claimsMax: Int
    private let tables = InlineArray<256, Mutex<ClaimTable>> { _ in Mutex(ClaimTable()) }
    private let marker: ClaimMarker
    private let stored = Atomic<Int>(0)
    /// Where the next search for room begins.
    private let searched = Atomic<Int>(0)

    public convenience init(claimsMax: Int) { self.init(claimsMax: claimsMax, marker: ClaimMarker()) }

    init(claimsMax: Int, marker: ClaimMarker) { (self.claimsMax, self.marker) = (claimsMax, marker) }

    public func claim(_ id: ClaimID, expiring: Timestamp, at now: Timestamp) -> ClaimOutcome {
        // A claim that would be forgotten at once protects nothing.
        guard expiring > now else { return .unavailable }
        let mark = marker.mark(of: id)
        let outcome = attempt(mark, expiring, now)
        guard outcome == .full, makeRoom(at: now) else { return outcome }
        return attempt(mark, expiring, now)
    }

    private func attempt(_ mark: ClaimMark, _ expiring: Timestamp, _ now: Timestamp) -> ClaimOutcome {
        tables[index(of: mark)].withLock { table in
            let cleared = table.clear(at: now, atMost: Self.looksPerClaim, ahead: mark)
            if cleared > 0 { _ = table.shrink() }
            // `now` was read before the lock was taken: another thread's may have been later, and this claim cleared.
            guard expiring > table.clearedTo else {
                release(cleared)
                return .unavailable
            }
            let place = table.place(of: mark)
            if let until = place.expiring {
                release(cleared)
                guard until <= now else { return .replayed }
                // Its place is taken over, unless restoring has put in more than there is room for.
                guard liveCount <= claimsMax else { return .full }
            } else if !reserve(after: cleared) {
                return .full
            }
            table.put(mark, expiring: expiring, at: place)
            return .claimed
        }
    }

    /// Puts back a claim read from the ledger at start.
    ///
    /// It is kept even beyond `claimsMax`: forgetting it would reopen a token.
    public func restore(_ id: ClaimID, expiring: Timestamp) {
        let mark = marker.mark(of: id)
        tables[index(of: mark)].withLock { table in
            let place = table.place(of: mark)
            if let until = place.expiring {
                guard until < expiring else { return }
            } else {
                stored.add(1, ordering: .relaxed)
            }
            table.put(mark, expiring: expiring, at: place)
        }
    }

    /// Clears expired claims and gives memory back, a bounded part a call.
    ///
    /// For a timer, so that memory and `liveCount` fall when calls stop: of a million within a minute, called
    /// every second.
    public func forgetExpired(at now: Timestamp) {
        var shrunk = 0
        for index in tables.indices {
            tables[index].withLock { table in
                release(table.clear(at: now, atMost: Self.looksPerTable))
                if shrunk < Self.shrunkMax, table.shrink() { shrunk += 1 }
            }
        }
    }

    /// Claims held, those included that have expired and are not cleared yet.
    public var liveCount: Int { stored.load(ordering: .relaxed) }

    /// Memory of the tables: 30 to 48 bytes a claim held, beyond the first few thousand and while calls come.
    public var tableBytes: Int {
        tables.indices.reduce(0) { sum, index in sum + tables[index].withLock { $0.byteCount } }
    }

    /// Before the store is called full: looks for what has expired, from where the last search ended.
    ///
    /// A table that was gone through holds nothing expired and knows when its next claim will be, so a search
    /// comes there in vain only after claims have cleared some. What this search leaves, the next one reaches.
    private func makeRoom(at now: Timestamp) -> Bool {
        var slots = 0
        for _ in tables.indices where slots < Self.slotsSearchedMax {
            let next = UInt(bitPattern: searched.wrappingAdd(1, ordering: .relaxed).oldValue)
            slots += tables[Int(next % UInt(tables.count))].withLock { table in
                guard table.mayHoldExpired(at: now) else { return 0 }
                release(table.clearAll(at: now))
                return table.slotCount
            }
            if liveCount < claimsMax { return true }
        }
        return false
    }

    /// Takes one place, after `cleared` others have become free.
    private func reserve(after cleared: Int) -> Bool {
        guard stored.add(1 - cleared, ordering: .relaxed).newValue <= claimsMax else {
            release(1)
            return false
        }
        return true
    }

    private func release(_ count: Int) {
        if count > 0 { stored.subtract(count, ordering: .relaxed) }
    }

    private func index(of mark: ClaimMark) -> Int {
        Int(truncatingIfNeeded: mark.low % UInt64(truncatingIfNeeded: tables.count))
    }
}

/// What tests ask.
extension ReplayCache {
    var probeLengths: [Int] { tables.indices.flatMap { index in tables[index].withLock { $0.probeLengths } } }
}
