internal import Glibc
internal import Primitives
internal import Synchronization

/// A thread of its own for work that waits: disks, mostly.
public final class WorkerThread: Sendable {
    /// The kernel keeps this much of a name.
    public static let nameBytesMax = 15

    private struct Start {
        let name: String
        let body: @Sendable () -> Void
    }

    private final class Box {
        let start: Start
        init(_ start: Start) { self.start = start }
    }

    private let thread: Mutex<pthread_t?>

    /// Runs `body` once on a new thread called `name`, until it returns.
    public init(name: String, _ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Box(Start(name: name, body: body)))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else {
                    preconditionFailure("a thread starts with its box")
                }
                let start = unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().start
                WorkerThread.setName(start.name)
                start.body()
                return nil
            }, box.toOpaque())
        guard result == 0 else { preconditionFailure("a thread can be made: \(Errno(code: result))") }
        self.thread = Mutex(thread)
    }

    deinit {
        if let thread = thread.withLock({ $0 }) { _ = pthread_detach(thread) }
    }

    /// Waits until the body has returned.
    ///
    /// Once; not on the thread itself. Later calls return at once.
    public func join() {
        let waiting = thread.withLock { thread in
            let waiting = thread
            thread = nil
            return waiting
        }
        if let waiting { _ = pthread_join(waiting, nil) }
    }

    private static func setName(_ name: String) {
        var bytes = Array(name.utf8.prefix(nameBytesMax)) + [0]
        unsafe bytes.withUnsafeMutableBytes {
            _ = processControl(PR_SET_NAME, UInt(bitPattern: $0.baseAddress), 0, 0, 0)
        }
    }
}
