import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

@Suite struct HostTests {
    @Test func `the process knows itself`() throws {
        #expect(Host.processID == Int(getpid()))
        #expect(try Host.bootID().count == 36)
        #expect(!Host.hostName.isEmpty)
        #expect(Host.cores >= 1)
        #expect(Host.residentBytes > 1_000_000)
        #expect(Host.cpuTime > .zero)
        #expect(Host.openFiles >= 3)
        let age = SystemClock().now.time - Host.startTime
        #expect(age > .zero && age < .seconds(3_600))
    }

    @Test func `open files are counted`() async {
        await #expect(processExitsWith: .success) {
            // The process has other threads, which may open and close files of their own meanwhile.
            let isCounted = (0..<100).contains { _ in
                let before = Host.openFiles
                let ends = (dup(0), dup(0))
                let both = Host.openFiles
                close(ends.0)
                let one = Host.openFiles
                close(ends.1)
                return both == before + 2 && one == before + 1
            }
            precondition(isCounted)
        }
    }

    @Test func `core dumps can be switched off`() async {
        await #expect(processExitsWith: .success) {
            precondition(!Host.coreDumpsAreDisabled)
            try Host.disableCoreDumps()
            precondition(Host.coreDumpsAreDisabled)
            var limit = rlimit()
            precondition(unsafe getrlimit(Int32(RLIMIT_CORE.rawValue), &limit) == 0)
            precondition(limit.rlim_cur == 0 && limit.rlim_max == 0)
            precondition(Host.openFiles >= 3)
        }
    }

    @Test func `the limit of open files is raised, but not lowered`() async {
        await #expect(processExitsWith: .success) {
            var low = rlimit(rlim_cur: 100, rlim_max: 200)
            precondition(unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &low) == 0)
            let limits = [
                try Host.raiseOpenFilesLimit(to: 50), try Host.raiseOpenFilesLimit(to: 150),
                try Host.raiseOpenFilesLimit(to: 1_000),
            ]
            precondition(limits == [100, 150, 200])
        }
    }

    @Test func `a write beyond the limit on a file's size is an error and not the end`() async {
        await #expect(processExitsWith: .success) {
            // Whoever started the tests may have ignored the signal, and threads of Swift's pool block it.
            signal(SIGXFSZ, SIG_DFL)
            var signals = sigset_t()
            _ = unsafe sigaddset(&signals, SIGXFSZ)
            precondition(unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil) == 0)
            Host.prepare(openFiles: 100)
            var low = rlimit(rlim_cur: 10, rlim_max: .max)
            precondition(unsafe setrlimit(Int32(RLIMIT_FSIZE.rawValue), &low) == 0)
            let path = try Files.makeTemporaryDirectory(in: "/tmp", prefix: "host-tests")
            defer { Files.removeTree(path) }
            let file = try Directory(path).create("f")
            do throws(FileError) {
                try file.write([UInt8](repeating: 1, count: 20), at: 0)
                preconditionFailure("the limit is 10 bytes")
            } catch {
                precondition("\(error.reason)" == "EFBIG")
            }
        }
    }

    @Test func `a worker runs once, has its name, and is waited for`() {
        let shared = Shared()
        let worker = WorkerThread(name: "ledger-writer-with-a-long-name") {
            usleep(20_000)
            shared.name.withLock { $0 = (try? Files.read("/proc/thread-self/comm", bytesMax: 64)) ?? [] }
            shared.runs.add(1, ordering: .relaxed)
        }
        worker.join()
        worker.join()
        #expect(shared.runs.load(ordering: .relaxed) == 1)
        #expect(shared.name.withLock { Text($0) } == "ledger-writer-w\n")
    }

    @Test func `a mailbox keeps the order, refuses when full, and ends when closed`() {
        let box = Mailbox<Int>(messagesMax: 2)
        #expect(box.send(1))
        #expect(box.send(2))
        #expect(!box.send(3))
        #expect(box.count == 2)
        #expect(box.receiveAll() == [1, 2])
        #expect(box.send(4))
        box.close()
        #expect(!box.send(5))
        #expect(box.receiveAll() == [4])
        #expect(box.receiveAll() == nil)
        #expect(box.receiveAll() == nil)
    }

    @Test func `a mailbox brings everything from many threads to one`() {
        let box = Mailbox<Int>(messagesMax: 100_000)
        let senders = (0..<4).map { sender in
            WorkerThread(name: "sender") {
                for number in 0..<5_000 { _ = box.send(sender * 5_000 + number) }
            }
        }
        let shared = Shared()
        let receiver = WorkerThread(name: "receiver") {
            while let messages = box.receiveAll() { shared.numbers.withLock { $0 += messages } }
        }
        for sender in senders { sender.join() }
        box.close()
        receiver.join()
        let numbers = shared.numbers.withLock { $0 }
        #expect(numbers.sorted() == Array(0..<20_000))
        #expect(numbers.filter { $0 < 5_000 } == Array(0..<5_000))
    }

    @Test func `signals are heard, each by its handler`() async {
        await #expect(processExitsWith: .success) {
            let terminations = Shared()
            let hangups = Shared()
            Signals.ignoreBrokenPipes()
            Signals.onTermination { terminations.runs.add(1, ordering: .relaxed) }
            Signals.onHangup { hangups.runs.add(1, ordering: .relaxed) }
            func wait(_ shared: Shared, _ count: Int) {
                precondition(eventually { shared.runs.load(ordering: .relaxed) == count })
            }
            kill(getpid(), SIGHUP)
            wait(hangups, 1)
            kill(getpid(), SIGTERM)
            wait(terminations, 1)
            kill(getpid(), SIGINT)
            wait(terminations, 2)
            kill(getpid(), SIGPIPE)
            Signals.onHangup { hangups.runs.add(10, ordering: .relaxed) }
            kill(getpid(), SIGHUP)
            wait(hangups, 11)
            wait(terminations, 2)
        }
    }
}

private final class Shared: Sendable {
    let runs = Atomic<Int>(0)
    let name = Mutex<[UInt8]>([])
    let numbers = Mutex<[Int]>([])
}
