internal import COpenSSL

/// A buffer in OpenSSL's shape: bytes written to it are read from it in order.
///
/// It owns one reference; a `TLSSession` gives a second one to its `SSL`.
@safe struct MemoryBIO: ~Copyable {
    /// A buffer larger than this is given back once it is empty, so that an idle connection is small.
    private static let idleCapacityMax = 2048

    private(set) var pointer: OpaquePointer

    init() { unsafe pointer = Self.make() }

    deinit { unsafe BIO_free(pointer) }

    private static func make() -> OpaquePointer {
        guard let pointer = unsafe sallyport_memory_bio() else {
            preconditionFailure("there is memory for an empty buffer")
        }
        return unsafe pointer
    }

    var count: Int { unsafe BIO_ctrl_pending(pointer) }

    func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = unsafe bytes
        while unsafe !rest.isEmpty {
            let length = Int32(clamping: rest.count)
            let written = unsafe BIO_write(pointer, rest.baseAddress, length)
            guard written == length else { preconditionFailure("a buffer in memory takes every byte") }
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(written)))
        }
    }

    /// Takes all bytes out.
    func drain() -> [UInt8] {
        let count = count
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, Int(unsafe BIO_read(pointer, buffer.baseAddress, Int32(clamping: count))))
        }
    }

    /// True when the buffer is empty and holds memory that an idle connection should not; then `replace`.
    var isOvergrown: Bool { unsafe count == 0 && sallyport_bio_capacity(pointer) > Self.idleCapacityMax }

    mutating func replace() {
        unsafe BIO_free(pointer)
        unsafe pointer = Self.make()
    }
}
