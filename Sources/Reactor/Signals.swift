internal import Glibc
internal import Synchronization

/// The signals a service hears.
///
/// Handlers run on a thread of their own, one at a time, each time a signal comes.
public enum Signals {
    /// Calls `handler` on SIGTERM and SIGINT, in place of what was set before.
    public static func onTermination(_ handler: @escaping @Sendable () -> Void) {
        listen(to: [SIGTERM, SIGINT], handler)
    }

    /// Calls `handler` on SIGHUP, in place of what was set before.
    public static func onHangup(_ handler: @escaping @Sendable () -> Void) { listen(to: [SIGHUP], handler) }

    /// Makes a write to a closed socket or pipe an error instead of the end of the process.
    public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    /// Makes a write beyond the limit on a file's size (`RLIMIT_FSIZE`) an error, `EFBIG`, instead of the end
    /// of the process.
    public static func ignoreFileSizeLimit() { signal(SIGXFSZ, SIG_IGN) }

    private static let handlers = Mutex<[Int32: @Sendable () -> Void]>([:])

    private static func listen(to numbers: [Int32], _ handler: @escaping @Sendable () -> Void) {
        _ = listener
        handlers.withLock { handlers in
            for number in numbers { handlers[number] = handler }
        }
        for number in numbers { signal(number) { signalArrived($0) } }
    }

    /// Made before the first handler is set, and never ended.
    private static let listener: WorkerThread = {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { preconditionFailure("a pipe can be made: \(Errno.latest)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A signal's handler must not wait, however many come.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        signalPipe.store(ends[1], ordering: .releasing)
        let input = ends[0]
        return WorkerThread(name: "signals") { deliver(from: input) }
    }()

    private static func deliver(from pipe: Int32) {
        var number: UInt8 = 0
        while true {
            guard unsafe read(pipe, &number, 1) == 1 else {
                guard errno == EINTR else { preconditionFailure("the signal pipe stays open") }
                continue
            }
            let handler = handlers.withLock { $0[Int32(number)] }
            handler?()
        }
    }
}

private let signalPipe = Atomic<Int32>(-1)

/// In the signal's own context: one write, and nothing else.
private func signalArrived(_ number: Int32) {
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = unsafe write(signalPipe.load(ordering: .acquiring), &byte, 1)
    errno = saved
}
