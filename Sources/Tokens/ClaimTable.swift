internal import Primitives

/// The claims of one shard: exact, dense, and cleared a few slots at a time.
///
/// Open addressing with linear probing. A mark's home lies where its high word lies among all words, so a table
/// may have any size, and a rebuilt one is filled from front to back. Removal closes the gap, so that probing
/// meets no tombstones. A fifth of the slots at least is free, and half at most where `shrink` is called: 30 to
/// 48 bytes a claim, and a rebuild is paid for by the fourth of its claims that came or went since the last.
///
/// Expired claims are found by a cursor that goes round, never by a sweep. What it has learnt of the earliest
/// expiry lets a table say that nothing has expired without looking.
struct ClaimTable {
    static let slotsMin = 16

    private var slots: [Slot] = Array(repeating: .free, count: slotsMin)
    /// Claims held, those included that have expired and are not cleared yet.
    private(set) var count = 0
    private var cursor = 0
    /// No claim held expires before this.
    private var earliest = Timestamp.distantFuture
    /// The latest expiry among claims that were removed: whoever would still claim up to it comes too late to be told
    /// whether he is the first.
    private(set) var clearedTo = Timestamp.distantPast
    /// The same as `earliest`, of those that the cursor passed in this round and those that came in meanwhile.
    private var earliestOfRound = Timestamp.distantFuture

    /// 24 bytes; one that is free never expires.
    private struct Slot {
        static let free = Slot(mark: ClaimMark(high: 0, low: 0), expiring: .distantFuture)
        /// One nanosecond before the end of time, by which a free slot is known.
        static let latestExpiry = Timestamp(nanoseconds: .max - 1)

        let mark: ClaimMark
        let expiring: Timestamp

        var isTaken: Bool { expiring < .distantFuture }
    }

    /// Where a mark is, or would be put; good until the table changes.
    struct Place {
        fileprivate let index: Int
        /// When what is there expires; nil when there is nothing.
        let expiring: Timestamp?
    }

    func place(of mark: ClaimMark) -> Place {
        let index = index(of: mark)
        let slot = slots[index]
        return Place(index: index, expiring: slot.isTaken ? slot.expiring : nil)
    }

    /// Puts a claim where `place(of:)` said, over an older one of that mark if there is one.
    mutating func put(_ mark: ClaimMark, expiring: Timestamp, at place: Place) {
        let expiring = min(expiring, Slot.latestExpiry)
        slots[place.index] = Slot(mark: mark, expiring: expiring)
        noteExpiry(expiring)
        guard place.expiring == nil else { return }
        count += 1
        // So there always is a free slot, at which probing ends.
        if count * 5 > slots.count * 4 { rebuild(slots.count + slots.count / 2) }
    }

    /// Looks at the next slots and removes what has expired; at most `limit` looks and removals together.
    ///
    /// How many claims are gone.
    mutating func clear(at now: Timestamp, atMost limit: Int) -> Int {
        let before = count
        var left = limit
        while left > 0, mayHoldExpired(at: now) {
            if slots[cursor].expiring <= now { remove(at: cursor) } else { pass() }
            left -= 1
        }
        return before - count
    }

    /// The same, while the slot of `mark` is on its way from memory; saves a tenth of a claim's time.
    mutating func clear(at now: Timestamp, atMost limit: Int, ahead mark: ClaimMark) -> Int {
        let fetched = slots[Self.home(mark, slots.count)].expiring
        let cleared = clear(at: now, atMost: limit)
        // Changes nothing, but is a use that the compiler can not leave out.
        earliest = min(earliest, fetched)
        return cleared
    }

    /// Removes all that has expired, in one look at every slot; at once if nothing has.
    mutating func clearAll(at now: Timestamp) -> Int {
        guard mayHoldExpired(at: now) else { return 0 }
        let before = count
        (cursor, earliestOfRound) = (0, .distantFuture)
        for _ in slots.indices {
            while slots[cursor].expiring <= now { remove(at: cursor) }
            pass()
        }
        return before - count
    }

    /// False only when no claim held has expired.
    func mayHoldExpired(at now: Timestamp) -> Bool { earliest <= now }

    /// True when more than half of the slots were free and the table has been rebuilt.
    mutating func shrink() -> Bool {
        guard count * 2 < slots.count, slots.count > Self.slotsMin else { return false }
        rebuild(max(Self.slotsMin, count * 8 / 5))
        return true
    }

    private mutating func pass() {
        earliestOfRound = min(earliestOfRound, slots[cursor].expiring)
        cursor = Self.after(cursor, slots.count)
        if cursor == 0 { (earliest, earliestOfRound) = (earliestOfRound, .distantFuture) }
    }

    private mutating func noteExpiry(_ expiring: Timestamp) {
        earliest = min(earliest, expiring)
        earliestOfRound = min(earliestOfRound, expiring)
    }

    /// Moves each following claim into the gap that probing for it would stop at.
    ///
    /// Called for the cursor's slot alone: what moves comes from ahead of it, or is looked at twice.
    private mutating func remove(at index: Int) {
        clearedTo = max(clearedTo, slots[index].expiring)
        var slots = slots.mutableSpan
        let size = slots.count
        var gap = index
        var next = Self.after(gap, size)
        while slots[next].isTaken {
            let home = Self.home(slots[next].mark, size)
            if Self.distance(home, next, size) >= Self.distance(gap, next, size) {
                slots[gap] = slots[next]
                gap = next
            }
            next = Self.after(next, size)
        }
        slots[gap] = .free
        count -= 1
    }

    private mutating func rebuild(_ size: Int) {
        var old = Array(repeating: Slot.free, count: size)
        swap(&old, &slots)
        (cursor, earliest, earliestOfRound) = (0, .distantFuture, .distantFuture)
        for slot in old where slot.isTaken {
            slots[index(of: slot.mark)] = slot
            noteExpiry(slot.expiring)
        }
    }

    /// The slot of a mark, or the free one where it would be put.
    private func index(of mark: ClaimMark) -> Int {
        let slots = slots.span
        var index = Self.home(mark, slots.count)
        while slots[index].isTaken, slots[index].mark != mark { index = Self.after(index, slots.count) }
        return index
    }

    private static func home(_ mark: ClaimMark, _ size: Int) -> Int {
        Int(truncatingIfNeeded: mark.high.multipliedFullWidth(by: UInt64(truncatingIfNeeded: size)).high)
    }

    private static func after(_ index: Int, _ size: Int) -> Int { index + 1 == size ? 0 : index + 1 }

    private static func distance(_ start: Int, _ end: Int, _ size: Int) -> Int {
        end >= start ? end - start : end - start + size
    }
}

/// What tests and measurements ask.
extension ClaimTable {
    var slotCount: Int { slots.count }

    var byteCount: Int { slots.capacity * MemoryLayout<Slot>.stride }

    /// Slots that a search for each claim held looks at.
    var probeLengths: [Int] {
        slots.indices.filter { slots[$0].isTaken }
            .map { Self.distance(Self.home(slots[$0].mark, slots.count), $0, slots.count) + 1 }
    }
}
