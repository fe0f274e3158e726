internal import Glibc
public import Primitives

/// An open file of a `Directory`, read and written at offsets the caller keeps.
///
/// Blocks; not for loops.
///
/// After any error of `write`, `sync` or `truncate` nothing is known about the file's content since the last
/// successful `sync`, and calling again proves nothing: a kernel may forget a failed write once it has told.
/// Such a file is to be abandoned.
public struct AppendFile: ~Copyable, Sendable {
    public let path: Text
    private let file: FileDescriptor

    init(_ file: consuming FileDescriptor, path: Text) {
        self.file = file
        self.path = path
    }

    public func status() throws(FileError) -> FileStatus { try file.status(of: path) }

    /// Bytes.
    public func size() throws(FileError) -> Int { try status().bytes }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    public func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try file.read(of: path, at: offset, count: count)
    }

    /// All of `bytes`, or an error.
    public func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try file.write(unsafe bytes.span.bytes, to: path, at: offset)
    }

    /// All of `bytes`, or an error.
    public func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
        try file.write(bytes, to: path, at: offset)
    }

    /// Returns when content and size are on the disk (`fdatasync`).
    public func sync() throws(FileError) {
        _ = try FileDescriptor.repeating(.sync, path) { Int(fdatasync(file.number)) }
    }

    /// Cuts or lengthens (with zeros) to `size` bytes.
    public func truncate(to size: Int) throws(FileError) {
        _ = try FileDescriptor.repeating(.truncate, path) { Int(ftruncate(file.number, off_t(size))) }
    }
}
