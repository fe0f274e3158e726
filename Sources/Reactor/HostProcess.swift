internal import Glibc
public import Primitives

// What a server does to its own process once, at its start.
extension Host {
    /// No core files with keys in them, no end by a broken pipe or a file's size limit, and as many open files
    /// as the system gives.
    public static func prepare(openFiles: Int) {
        try? disableCoreDumps()
        Signals.ignoreBrokenPipes()
        Signals.ignoreFileSizeLimit()
        _ = try? raiseOpenFilesLimit(to: openFiles)
    }

    /// The machine's id (machine-id(5)), where there is one.
    public static var machineID: Text? {
        guard let bytes = try? Files.read("/etc/machine-id", bytesMax: 256) else { return nil }
        let id = Text(bytes.prefix { $0 != 0x0A })
        return id.isEmpty || !id.bytes.allSatisfy({ $0.hexValue != nil }) ? nil : id
    }

    /// Whole lines only; what the pipe does not take is dropped rather than waited for.
    public static func writeToStandardError(_ line: [UInt8]) { write(line, to: STDERR_FILENO) }

    public static func writeToStandardOutput(_ line: [UInt8]) { write(line, to: STDOUT_FILENO) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Blocks the calling thread; never on a loop.
    public static func sleep(_ duration: Duration) {
        usleep(UInt32(clamping: duration.nanosecondsClamped / 1_000))
    }

    /// True when a person looks at standard output.
    public static var standardOutputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    public static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
