internal import NIOCore
internal import Primitives
internal import Synchronization

/// Work that a loop does later, once, unless it is cancelled first.
///
/// Cancelling on the timer's own loop is exact: the work does not run afterwards. From another thread it may
/// already be running. What the work holds is let go when it has run or is cancelled.
public final class Timer: Sendable {
    private let task: Task

    init(_ work: @escaping @Sendable () -> Void) { task = Task(work) }

    /// From any thread, any number of times.
    public func cancel() { task.cancel() }

    /// True until the work has begun or was cancelled.
    public var isPending: Bool { task.isPending }

    func start(on eventLoop: any EventLoop, after delay: Duration) { task.start(on: eventLoop, after: delay) }

    private final class Task: NIOScheduledCallbackHandler, Sendable {
        private struct State {
            var work: (@Sendable () -> Void)?
            var callback: NIOScheduledCallback?
        }

        private let state: Mutex<State>

        init(_ work: @escaping @Sendable () -> Void) { state = Mutex(State(work: work, callback: nil)) }

        var isPending: Bool { state.withLock { $0.work != nil } }

        func start(on eventLoop: any EventLoop, after delay: Duration) {
            guard let callback = try? eventLoop.scheduleCallback(in: TimeAmount(delay), handler: self) else {
                return cancel()
            }
            state.withLock { state in
                if state.work != nil { state.callback = callback }
            }
        }

        func cancel() { end().callback?.cancel() }

        func handleScheduledCallback(eventLoop: some EventLoop) { end().work?() }

        func didCancelScheduledCallback(eventLoop: some EventLoop) { _ = end() }

        private func end() -> State {
            state.withLock { state in
                let last = state
                state = State()
                return last
            }
        }
    }
}

extension TimeAmount {
    /// Longer delays become this: SwiftNIO adds delays to its clock without a check.
    private static let longest: Int64 = 10 * 365 * 86_400 * 1_000_000_000

    init(_ delay: Duration) {
        self = .nanoseconds(min(max(0, delay.nanosecondsClamped), Self.longest))
    }
}
