internal import Glibc
internal import NIOCore
public import Primitives

/// What the process can know and ask about itself and its machine.
public enum Host {
    /// The kernel's name for this boot: another one means that unsynced writes may be lost.
    public static func bootID() throws(FileError) -> Text {
        Text(try Files.read("/proc/sys/kernel/random/boot_id", bytesMax: 64)).trimmedLine
    }

    public static var hostName: Text {
        var name = utsname()
        guard unsafe uname(&name) == 0 else { preconditionFailure("the kernel knows its name") }
        return unsafe Text(withUnsafeBytes(of: &name.nodename) { unsafe $0.prefix { $0 != 0 } })
    }

    public static var processID: Int { Int(getpid()) }

    /// When the process began, by the present wall clock.
    public static var startTime: Timestamp {
        let bootTime =
            Timestamp.read(CLOCK_REALTIME) - (Timestamp.read(CLOCK_BOOTTIME) - Timestamp(nanoseconds: 0))
        // `proc(5)`: the 22nd field, in clock ticks; the second one, a name, is in parentheses and may hold
        // anything.
        let status = contents("/proc/self/stat")
        let fields = Text(status.bytes.reversed().prefix { $0 != 0x29 }.reversed()).split(on: 0x20)
            .dropFirst()
        let ticks = Int64(number(fields.dropFirst(19).first))
        return bootTime + .nanoseconds(ticks * (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK)))))
    }

    /// Of all threads, in user and system mode.
    public static var cpuTime: Duration {
        Timestamp.read(CLOCK_PROCESS_CPUTIME_ID) - Timestamp(nanoseconds: 0)
    }

    /// Memory of the process that is in use, in bytes.
    public static var residentBytes: Int {
        number(contents("/proc/self/statm").split(on: 0x20).dropFirst().first) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Processors that this process may use: its affinity and its container's quota.
    public static var cores: Int { System.coreCount }

    /// File descriptors in use.
    public static var openFiles: Int {
        // One of them is the directory's own, and one its listing's.
        guard let directory = try? Directory("/proc/self/fd"), let names = try? directory.names() else {
            return 0
        }
        return names.count - 2
    }

    /// Keeps keys out of core files, and other processes of the same user out of this one's memory.
    public static func disableCoreDumps() throws(ReactorError) {
        try setLimit(RLIMIT_CORE, to: rlimit(rlim_cur: 0, rlim_max: 0), "core file limit")
        guard processControl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 else {
            throw .system("process is not dumpable", .latest)
        }
    }

    /// True once `disableCoreDumps` has done its work.
    public static var coreDumpsAreDisabled: Bool { processControl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 }

    /// Lets the process open `count` files if the system permits it; returns how many it may open.
    @discardableResult
    public static func raiseOpenFilesLimit(to count: Int) throws(ReactorError) -> Int {
        var limit = try getLimit(RLIMIT_NOFILE, "open files limit")
        let wanted = rlim_t(max(0, count))
        guard limit.rlim_cur < wanted else { return Int(clamping: limit.rlim_cur) }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        try setLimit(RLIMIT_NOFILE, to: limit, "open files limit")
        return Int(clamping: limit.rlim_cur)
    }

    private static func getLimit(
        _ resource: __rlimit_resource, _ what: Text
    ) throws(ReactorError) -> rlimit {
        var limit = rlimit()
        guard unsafe getrlimit(Int32(resource.rawValue), &limit) == 0 else { throw .system(what, .latest) }
        return limit
    }

    static func setLimit(
        _ resource: __rlimit_resource, to limit: rlimit, _ what: Text
    ) throws(ReactorError) {
        var limit = limit
        guard unsafe setrlimit(Int32(resource.rawValue), &limit) == 0 else { throw .system(what, .latest) }
    }

    private static func contents(_ path: Text) -> Text {
        Text((try? Files.read(path, bytesMax: 4096)) ?? [])
    }

    private static func number(_ text: Text?) -> Int { text.flatMap { Int($0.string) } ?? 0 }
}

extension Text {
    fileprivate var trimmedLine: Text { hasSuffix("\n") ? dropLast(1) : self }
}

// `linux/prctl.h`
let PR_GET_DUMPABLE: Int32 = 3
let PR_SET_DUMPABLE: Int32 = 4
let PR_SET_NAME: Int32 = 15

/// The kernel's `prctl(2)`.
///
/// C declares it with variable arguments, which Swift does not import; on x86-64 and arm64 Linux five
/// integers are passed alike either way.
@_silgen_name("prctl")
func processControl(_ option: Int32, _ second: UInt, _ third: UInt, _ fourth: UInt, _ fifth: UInt) -> Int32
