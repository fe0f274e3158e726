public import Primitives
import Synchronization

/// Time that passes only when the test says so.
public final class VirtualClock: Sendable {
    /// 2026-11-20T10:00:00Z, where tests begin.
    public static let start = Timestamp(seconds: 1_795_168_800)

    private let reading: Mutex<Now>

    public init(_ time: Timestamp = start, drift: Duration = .zero) {
        reading = Mutex(Now(time, drift: drift))
    }

    public var now: Now { reading.withLock { $0 } }
    public var time: Timestamp { now.time }

    /// Passes time and says what it is then.
    @discardableResult
    public func advance(by span: Duration) -> Now {
        reading.withLock { reading in
            reading = Now(reading.time + span, drift: reading.drift)
            return reading
        }
    }

    /// How far the wall clock is from this one, from now on.
    public func drift(to drift: Duration) {
        reading.withLock { $0 = Now($0.time, drift: drift) }
    }
}
