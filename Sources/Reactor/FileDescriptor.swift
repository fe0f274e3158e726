internal import Glibc
internal import Primitives

/// An open file of the kernel, closed when this value ends.
///
/// Calls are repeated when a signal interrupts them.
struct FileDescriptor: ~Copyable, Sendable {
    let number: Int32

    deinit { _ = Glibc.close(number) }

    /// Opens `path`, relative to `directory` when that is given.
    init(
        opening path: Text, in directory: Int32 = AT_FDCWD, flags: Int32, mode: UInt32 = 0,
        for operation: FileError.Operation
    ) throws(FileError) {
        guard !path.isEmpty, !path.contains(0) else { throw FileError(operation, path, .badName) }
        number = Int32(
            try Self.repeating(operation, path) {
                Int(unsafe openat(directory, path.cString, flags | O_CLOEXEC, mode))
            })
    }

    func status(of path: Text) throws(FileError) -> FileStatus {
        var status = stat()
        _ = try Self.repeating(.status, path) { Int(unsafe fstat(number, &status)) }
        return FileStatus(status)
    }

    /// Reads to the end; a file that grows while it is read is bounded too.
    func readAll(of path: Text, bytesMax: Int) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try read(
                of: path, at: bytes.count, count: min(bytesMax + 1 - bytes.count, 256 * 1024))
            guard !piece.isEmpty else { return bytes }
            bytes += piece
            guard bytes.count <= bytesMax else { throw FileError(.read, path, .tooLarge(bytesMax: bytesMax)) }
        }
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    func read(of path: Text, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(0, count))
        var filled = 0
        while filled < bytes.count {
            let got = try Self.repeating(.read, path) {
                unsafe bytes.withUnsafeMutableBytes {
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: $0[filled...])
                    return unsafe pread(number, rest.baseAddress, rest.count, off_t(offset + filled))
                }
            }
            if got == 0 { break }
            filled += got
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    /// All of `bytes` at `offset`.
    func write(_ bytes: RawSpan, to path: Text, at offset: Int) throws(FileError) {
        var written = 0
        while written < bytes.byteCount {
            let rest = bytes.extracting(written..<bytes.byteCount)
            let count = try Self.repeating(.write, path) {
                unsafe rest.withUnsafeBytes {
                    unsafe pwrite(number, $0.baseAddress, $0.count, off_t(offset + written))
                }
            }
            written += count
        }
    }

    /// Calls until no signal interrupts; throws what failed.
    static func repeating(
        _ operation: FileError.Operation, _ path: Text, _ call: () -> Int
    ) throws(FileError) -> Int {
        while true {
            let result = call()
            if result >= 0 { return result }
            let error = Errno.latest
            if error.code != EINTR { throw FileError(operation, path, .system(error)) }
        }
    }
}

extension Text {
    /// As C wants it.
    var cString: [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
}
