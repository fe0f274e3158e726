internal import Glibc
internal import Primitives

// What a command has to know about where it writes.
extension Host {
    /// True when a person looks at standard error.
    public static var standardErrorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes all of `bytes` to standard output; false when nobody reads it any more.
    ///
    /// For a process that ignores SIGPIPE. Any other failure is thrown, so that a full disk is not taken for
    /// success.
    public static func deliverToStandardOutput(_ bytes: [UInt8]) throws(FileError) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { buffer in
                unsafe Glibc.write(STDOUT_FILENO, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EPIPE { return false }
            if count < 0, errno == EAGAIN {
                waitForStandardOutput()
                continue
            }
            guard count >= 0 else { throw FileError(.write, "standard output", .system(.latest)) }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Until it takes bytes or has lost its reader, for one that somebody else made non-blocking.
    private static func waitForStandardOutput() {
        var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&output, 1, -1)
    }

    /// True when the pipe that standard output is has lost its reader.
    public static var standardOutputHasNoReader: Bool {
        var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        guard unsafe poll(&output, 1, 0) == 1 else { return false }
        return output.revents & Int16(POLLERR) != 0
    }
}
