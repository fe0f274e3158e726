internal import NIOCore

/// A value that only one loop may touch, held where any thread may hold it.
///
/// Every access is checked. The value need not be `Sendable`: it never leaves its loop's thread, but for its
/// last release, which happens wherever the last holder lets go.
public final class LoopBound<Value>: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let make: (@Sendable () -> Value)?
    private var stored: Value?

    /// Only on `loop`.
    public convenience init(_ value: Value, on loop: Loop) {
        loop.eventLoop.preconditionInEventLoop()
        self.init(eventLoop: loop.eventLoop, stored: value, make: nil)
    }

    /// From any thread: the value is made on the loop when it is first asked for.
    public convenience init(on loop: Loop, make: @escaping @Sendable () -> Value) {
        self.init(eventLoop: loop.eventLoop, stored: nil, make: make)
    }

    init(eventLoop: any EventLoop, stored: Value?, make: (@Sendable () -> Value)?) {
        self.eventLoop = eventLoop
        self.stored = stored
        self.make = make
    }

    /// Only on the loop; anywhere else the process stops.
    public var value: Value {
        get {
            eventLoop.preconditionInEventLoop()
            if let stored { return stored }
            guard let make else { preconditionFailure("a loop-bound value is stored or can be made") }
            let made = make()
            stored = made
            return made
        }
        set {
            eventLoop.preconditionInEventLoop()
            stored = newValue
        }
    }
}
