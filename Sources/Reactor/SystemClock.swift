internal import Glibc
public import Primitives
internal import Synchronization

/// The one clock of a process: the wall clock when it was made, plus the boot-time clock since, which goes on while the
/// machine sleeps and never steps.
///
/// Whoever steps the wall clock later changes only `Now.drift`. Safe from any thread.
public final class SystemClock: Sendable {
    /// Wall clock minus boot-time clock at the last anchoring, in nanoseconds.
    private let offset: Atomic<Int64>

    public init() { offset = Atomic(SystemClock.currentOffset) }

    public var now: Now {
        let time = Timestamp.read(CLOCK_BOOTTIME) + .nanoseconds(offset.load(ordering: .relaxed))
        return Now(time, drift: .read(CLOCK_REALTIME) - time)
    }

    /// Follows the wall clock again after it was stepped.
    ///
    /// Only when nothing that was timed by the old anchor can come back to life (contract §2): `time` may
    /// step by this, either way.
    public func anchor() { offset.store(SystemClock.currentOffset, ordering: .relaxed) }

    private static var currentOffset: Int64 {
        (Timestamp.read(CLOCK_REALTIME) - .read(CLOCK_BOOTTIME)).nanosecondsClamped
    }
}

extension Timestamp {
    /// What a clock of the kernel says.
    ///
    /// Cannot fail for a clock the kernel has.
    static func read(_ clock: clockid_t) -> Timestamp {
        var reading = timespec()
        guard unsafe clock_gettime(clock, &reading) == 0 else {
            preconditionFailure("the kernel has the clock \(clock)")
        }
        return Timestamp(nanoseconds: Int64(reading.tv_sec) * 1_000_000_000 + Int64(reading.tv_nsec))
    }
}
