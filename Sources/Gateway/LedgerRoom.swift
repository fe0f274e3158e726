internal import Primitives
internal import Synchronization

/// How much may still be written, for what (contract §6): the last of the disk is kept for calls that were admitted.
enum RoomLevel: Int, Comparable, Sendable {
    case ample
    /// Less than the reserve: refusals before redemption are only counted.
    case scarce
    /// Less than half of it: no call is decided any more; those under way are recorded to their end.
    case exhausted

    static func < (left: RoomLevel, right: RoomLevel) -> Bool { left.rawValue < right.rawValue }
}

/// From free bytes to a level, and back only when there is an eighth of the reserve more than where it began: a disk
/// at the edge must not flap.
struct RoomGauge: Sendable {
    /// Bytes; 0 switches it off.
    let reserve: Int
    private(set) var level = RoomLevel.ample

    init(reserve: Int) { self.reserve = reserve }

    /// Below this, and until there is this and an eighth of the reserve again.
    func floor(of level: RoomLevel) -> Int {
        switch level {
        case .ample: 0
        case .scarce: reserve
        case .exhausted: reserve / 2
        }
    }

    mutating func read(free: Int) {
        let found = level(of: free)
        // Better than before: only as far as it is with the margin taken off.
        level = found < level ? min(level, level(of: free - reserve / 8)) : found
    }

    private func level(of free: Int) -> RoomLevel {
        if free < floor(of: .exhausted) { return .exhausted }
        return free < floor(of: .scarce) ? .scarce : .ample
    }
}

/// The room on the ledger's disk: looked at by the ledger's thread, known to all.
final class LedgerRoom: Sendable {
    static let lookInterval: Duration = .milliseconds(100)

    private struct State {
        var gauge: RoomGauge
        var lookedAt: Timestamp?
        var free: Int?
    }

    private let place: any LedgerPlace
    private let state: Mutex<State>
    private let known = Atomic<Int>(RoomLevel.ample.rawValue)

    init(reserve: Int, on place: any LedgerPlace) {
        self.place = place
        state = Mutex(State(gauge: RoomGauge(reserve: reserve)))
    }

    var level: RoomLevel { RoomLevel(rawValue: known.load(ordering: .relaxed)) ?? .exhausted }

    /// At the last look; nil when the disk did not tell.
    var freeBytes: Int? { state.withLock { $0.free } }

    /// What an operator reads of a level.
    func floorText(of level: RoomLevel) -> String {
        let bytes = state.withLock { $0.gauge.floor(of: level) }
        return bytes.isMultiple(of: 1 << 20) ? "\(bytes >> 20) MiB" : "\(bytes) bytes"
    }

    /// The new level when it has changed.
    ///
    /// Asks the disk only when the last look was a while ago.
    func look(at now: Timestamp) -> RoomLevel? {
        let isDue = state.withLock { state in
            // A clock that was set back must not stop the looking.
            let isDue = state.lookedAt.map { now < $0 || now - $0 >= Self.lookInterval } ?? true
            if isDue { state.lookedAt = now }
            return isDue
        }
        guard isDue else { return nil }
        let free = place.freeBytes()
        return state.withLock { state in
            let before = state.gauge.level
            state.free = free
            if let free { state.gauge.read(free: free) }
            known.store(state.gauge.level.rawValue, ordering: .relaxed)
            return state.gauge.level == before ? nil : state.gauge.level
        }
    }
}
