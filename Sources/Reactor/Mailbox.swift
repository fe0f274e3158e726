internal import Glibc
internal import Synchronization

/// A bounded queue from many threads to one worker, which waits for it and takes all there is at once.
public final class Mailbox<Message: Sendable>: Sendable {
    public let messagesMax: Int

    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let bell = Bell()

    public init(messagesMax: Int) { self.messagesMax = messagesMax }

    /// False, and nothing sent, when the mailbox is full or closed.
    ///
    /// Never waits.
    public func send(_ message: Message) -> Bool {
        let (isSent, wasEmpty) = state.withLock { state in
            let wasEmpty = state.messages.isEmpty
            guard !state.isClosed, state.messages.count < messagesMax else { return (false, false) }
            state.messages.append(message)
            return (true, wasEmpty)
        }
        if wasEmpty { bell.ring() }
        return isSent
    }

    /// All messages in the order they were sent; waits while there is none.
    ///
    /// Nil once closed and empty. For one thread.
    public func receiveAll() -> [Message]? {
        while true {
            let (messages, isClosed) = state.withLock { state in
                let messages = state.messages
                state.messages = []
                return (messages, state.isClosed)
            }
            if !messages.isEmpty { return messages }
            if isClosed { return nil }
            bell.wait()
        }
    }

    /// Takes no more; what was sent is still received.
    public func close() {
        state.withLock { $0.isClosed = true }
        bell.ring()
    }

    public var count: Int { state.withLock { $0.messages.count } }
}

/// A semaphore of the C library.
@safe private final class Bell: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        guard unsafe sem_init(semaphore, 0, 0) == 0 else { preconditionFailure("a semaphore can be made") }
    }

    deinit {
        _ = unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func ring() { _ = unsafe sem_post(semaphore) }

    func wait() {
        while unsafe sem_wait(semaphore) != 0 && errno == EINTR {}
    }
}
