import Primitives
import Reactor

/// Waits until `condition` holds; false if it does not within the time.
///
/// For what happens on other threads, where there is nothing to wait for. Not on a loop.
@discardableResult
public func eventually(within limit: Duration = .seconds(10), _ condition: () -> Bool) -> Bool {
    let clock = SystemClock()
    let deadline = clock.now.time + limit
    while !condition() {
        guard clock.now.time < deadline else { return condition() }
        Host.sleep(.milliseconds(2))
    }
    return true
}
