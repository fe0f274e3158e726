internal import NIOCore

/// Buffers that a loop lends to its connections while they read and write, so that an idle connection has
/// none.
final class BufferPool {
    /// The most one read takes in, and the size of every buffer here.
    static let bufferBytes = 64 * 1024
    /// A buffer that grew beyond this is let go.
    static let bufferBytesMax = 2 * bufferBytes
    static let buffersMax = 8

    private var buffers: [ByteBuffer] = []
    private let allocator = ByteBufferAllocator()

    func take() -> ByteBuffer {
        guard var buffer = buffers.popLast() else { return allocator.buffer(capacity: Self.bufferBytes) }
        // Allocates anew if the channel still holds the bytes that were in it.
        buffer.clear()
        return buffer
    }

    func give(_ buffer: ByteBuffer) {
        guard buffers.count < Self.buffersMax else { return }
        guard (Self.bufferBytes...Self.bufferBytesMax).contains(buffer.capacity) else { return }
        buffers.append(buffer)
    }
}

/// Where a connection reads into: first a little buffer of its own, ever after its loop's big one.
///
/// SwiftNIO keeps the first buffer a channel reads into for good, and any later one too if told that the next
/// would be no larger. So the first is small, and `record` always says that the next one may be larger.
struct ReadBufferAllocator: RecvByteBufferAllocator {
    /// Takes in most TLS client hellos and request heads in one read.
    static let firstBufferBytes = 1024

    private let buffers: LoopBound<BufferPool>
    private var isFirst = true

    init(_ loop: Loop) { buffers = loop.buffers }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        isFirst ? allocator.buffer(capacity: Self.firstBufferBytes) : buffers.value.take()
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}
