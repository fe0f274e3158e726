internal import Synchronization

/// Hands a value that cannot be copied through a closure or to a thread, once.
final class Handover<Value: ~Copyable & Sendable>: Sendable {
    private let value: Mutex<Value?>

    init(_ value: consuming Value) { self.value = Mutex(value) }

    func take() -> Value {
        guard let taken = value.withLock({ $0.take() }) else {
            preconditionFailure("a handover is taken once")
        }
        return taken
    }
}
