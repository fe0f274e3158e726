import Synchronization

/// What waits until a test lets it go on.
public final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Lets through all that wait and all that come later.
    public func open() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state = State(isOpen: true)
            return waiting
        }
        for work in waiting { work() }
    }

    /// How many stand before the closed gate.
    public var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Does `work` when the gate is open: at once, or in the call of `open()`.
    func whenOpen(_ work: @escaping @Sendable () -> Void) {
        let isOpen = state.withLock { state in
            if !state.isOpen { state.waiting.append(work) }
            return state.isOpen
        }
        if isOpen { work() }
    }
}
