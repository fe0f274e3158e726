internal import Glibc
public import Primitives

// Files of our own making, for the demo and for tests.
extension Files {
    /// A new directory with mode 0700: `in/prefix-XXXXXX`.
    public static func makeTemporaryDirectory(in parent: Text, prefix: Text) throws(FileError) -> Text {
        var template = (parent + "/" + prefix + "-XXXXXX").bytes.map { CChar(bitPattern: $0) } + [0]
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return unsafe mkdtemp(start) != nil
        }
        guard made else { throw FileError(.makeDirectory, parent, .system(.latest)) }
        return Text(template.dropLast().map { UInt8(bitPattern: $0) })
    }

    /// Makes a file that is not there yet.
    public static func write(_ bytes: [UInt8], to path: Text, mode: UInt32) throws(FileError) {
        let file = try FileDescriptor(
            opening: path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode, for: .create)
        try AppendFile(file, path: path).write(bytes, at: 0)
    }

    /// Removes a directory and everything below it; links are removed, not followed.
    ///
    /// For directories of `makeTemporaryDirectory`.
    public static func removeTree(_ path: Text) {
        guard let directory = try? Directory(path), let names = try? directory.names() else { return }
        for name in names {
            if (try? directory.remove(name)) == nil { removeTree(path + "/" + name) }
        }
        let bytes = path.bytes.map { CChar(bitPattern: $0) } + [0]
        unsafe bytes.withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress { _ = unsafe rmdir(start) }
        }
    }
}
