import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

@Suite struct ListenerTests {
    @Test(arguments: [
        "", "x", "host", ":80", "1.2.3.4:", "[::1]", "127.0.0.1:65536", "127.0.0.1:08", "unix:relative",
    ])
    func `what is no address is refused`(address: String) {
        withLoops { loops in
            #expect(throws: ReactorError.badAddress(Text(address))) {
                _ = try Listener.bind(Text(address), on: loops, backlog: 1, connectionsMax: 1) {
                    Probe($0, Record())
                }
            }
        }
    }

    @Test func `a port that is taken is refused`() throws {
        try withLoops { loops in
            let first = try listen(loops, Record())
            let address: Text = "127.0.0.1:" + Text("\(first.port)")
            #expect(throws: ReactorError.addressInUse(address)) {
                _ = try Listener.bind(address, on: loops, backlog: 1, connectionsMax: 1) {
                    Probe($0, Record())
                }
            }
        }
    }

    @Test func `the IPv6 loopback address works too`() {
        withLoops { loops in
            let listener = try? Listener.bind("[::1]:0", on: loops, backlog: 1, connectionsMax: 1) {
                Probe($0, Record())
            }
            // A host without IPv6 has nothing to test.
            if let listener { #expect(listener.port > 0) }
        }
    }

    @Test func `after close nobody is accepted, and open connections go on`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, ConnectionTests.echo)
            let peer = Peer(port: listener.port)
            peer.send([1])
            #expect(peer.receive(1) == [1])
            let address: Text = "127.0.0.1:" + Text("\(listener.port)")
            listener.close()
            listener.close()
            #expect(
                eventually {
                    let again = try? Listener.bind(address, on: loops, backlog: 1, connectionsMax: 1) {
                        Probe($0, Record())
                    }
                    return again != nil
                })
            peer.send([2])
            #expect(peer.receive(1) == [2])
        }
    }

    @Test func `over its limit a listener accepts only when a connection has closed`() throws {
        try withLoops(2) { loops in
            let opened = Tally()
            let listener = try Listener.bind("127.0.0.1:0", on: loops, backlog: 16, connectionsMax: 2) {
                opened.made.add(1, ordering: .relaxed)
                return Probe($0, Record(), ConnectionTests.echo)
            }
            let peers = (0..<3).map { _ in Peer(port: listener.port) }
            for peer in peers { peer.send([1]) }
            #expect(peers[0].receive(1) == [1])
            #expect(peers[1].receive(1) == [1])
            usleep(50_000)
            #expect(opened.made.load(ordering: .relaxed) == 2)
            #expect(listener.connectionCount == 2)
            peers[0].close()
            #expect(peers[2].receive(1) == [1])
            #expect(eventually { listener.connectionCount == 2 })
        }
    }

    @Test func `connections are spread over the loops`() throws {
        try withLoops(2) { loops in
            let seen = Seen()
            let listener = try Listener.bind("127.0.0.1:0", on: loops, backlog: 16, connectionsMax: 10) {
                connection in
                seen.loops.withLock { $0.append(ObjectIdentifier(connection.loop)) }
                #expect(connection.loop.isCurrent)
                return Probe(connection, Record())
            }
            let peers = (0..<4).map { _ in Peer(port: listener.port) }
            #expect(eventually { seen.loops.withLock { $0.count } == 4 })
            #expect(seen.loops.withLock { Set($0).count } == 2)
            for peer in peers { peer.close() }
        }
    }

    @Test func `a Unix socket echoes, is private, and goes with its listener`() throws {
        try withDirectory { directory in
            try withLoops { loops in
                let path = directory + "/a.sock"
                let record = Record()
                let listener = try Listener.bind("unix://" + path, on: loops, backlog: 4, connectionsMax: 4) {
                    Probe($0, record, ConnectionTests.echo)
                }
                #expect(listener.port == 0)
                #expect(try Files.status(path).mode == 0o600)
                let peer = Peer(path: path)
                peer.send(pattern(100_000))
                peer.endOutput()
                #expect(peer.receiveToEnd() == pattern(100_000))
                #expect(eventually { record.now.closes == [nil] })
                listener.close()
                #expect(throws: FileError.self) { try Files.status(path) }
            }
        }
    }

    @Test func `a live Unix socket is not taken over, a dead one is, a file never`() throws {
        try withDirectory { directory in
            try withLoops { loops in
                let path = directory + "/b.sock"
                func bind() throws -> Listener {
                    try Listener.bind("unix://" + path, on: loops, backlog: 4, connectionsMax: 4) {
                        Probe($0, Record())
                    }
                }
                let first = try bind()
                #expect(throws: ReactorError.addressInUse("unix://" + path)) { _ = try bind() }
                // A process that died leaves a name nobody listens on.
                #expect(move(path, to: path + ".old"))
                first.close()
                #expect(move(path + ".old", to: path))
                let second = try whenFree(bind)
                second.close()
                #expect(throws: FileError.self) { try Files.status(path) }

                try Directory(directory).replace("b.sock", with: [1])
                #expect(throws: ReactorError.addressInUse("unix://" + path)) { _ = try bind() }
            }
        }
    }

    /// The first listener's socket is closed by its loop, a little later.
    private func whenFree(_ bind: () throws -> Listener) throws -> Listener {
        var listener: Listener?
        eventually {
            listener = try? bind()
            return listener != nil
        }
        return try #require(listener)
    }

    @Test func `two thousand connections leave no handler behind`() throws {
        try withLoops(2) { loops in
            let tally = Tally()
            let listener = try Listener.bind("127.0.0.1:0", on: loops, backlog: 512, connectionsMax: 4_096) {
                Counted($0, tally)
            }
            for round in 0..<20 {
                let peers = (0..<100).map { _ in Peer(port: listener.port) }
                for (number, peer) in peers.enumerated() {
                    peer.send([UInt8(number)])
                    if number % 5 == 0 { peer.reset() } else if number % 5 == 1 { peer.close() }
                }
                for (number, peer) in peers.enumerated() where number % 5 > 1 {
                    #expect(peer.receive(1) == [UInt8(number)], "round \(round)")
                    peer.close()
                }
            }
            #expect(eventually { tally.alive.load(ordering: .relaxed) == 0 && listener.connectionCount == 0 })
            #expect(tally.made.load(ordering: .relaxed) > 1_200)
        }
    }

    @Test func `without file descriptors a listener waits and does not spin`() async {
        await #expect(processExitsWith: .success) {
            let loops = EventLoops(count: 1)
            let listener = try Listener.bind("127.0.0.1:0", on: loops, backlog: 64, connectionsMax: 1_000) {
                Probe($0, Record(), ConnectionTests.echo)
            }
            let peers = (0..<8).map { _ in Peer(port: listener.port) }
            for peer in peers { peer.send([1]) }
            for peer in peers { precondition(peer.receive(1) == [1]) }
            var limit = rlimit()
            precondition(unsafe getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0)
            // Every descriptor but one is taken, and that one is the client's: what it connects to cannot be
            // accepted.
            let used = rlim_t(Host.openFiles + 8)
            var low = rlimit(rlim_cur: used, rlim_max: limit.rlim_max)
            precondition(unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &low) == 0)
            var holes: [Int32] = []
            while true {
                let hole = dup(0)
                if hole < 0 { break }
                holes.append(hole)
            }
            precondition(errno == EMFILE)
            for hole in holes.suffix(1) { close(hole) }
            let stuck = Peer(port: listener.port)
            stuck.send([9])
            let before = Host.cpuTime
            usleep(600_000)
            let spent = Host.cpuTime - before
            precondition(spent < .milliseconds(150), "spent \(spent)")
            for hole in holes.dropLast() { close(hole) }
            for peer in peers { peer.close() }
            precondition(stuck.receive(1) == [9])
            exit(0)
        }
    }
}

private final class Seen: Sendable {
    let loops = Mutex<[ObjectIdentifier]>([])
}

private final class Tally: Sendable {
    let made = Atomic<Int>(0)
    let alive = Atomic<Int>(0)
}

/// A handler that is counted while it lives, and echoes.
private final class Counted: ConnectionHandler {
    private let connection: Connection
    private let tally: Tally

    init(_ connection: Connection, _ tally: Tally) {
        self.connection = connection
        self.tally = tally
        tally.made.add(1, ordering: .relaxed)
        tally.alive.add(1, ordering: .relaxed)
    }

    deinit { tally.alive.subtract(1, ordering: .relaxed) }

    func received(_ bytes: RawSpan) { connection.write(bytes) }
    func receivedEnd() { connection.close() }
    func writabilityChanged(_ isWritable: Bool) {}
    func closed(_ error: ConnectionError?) {}
}

private func move(_ path: Text, to target: Text) -> Bool { unsafe rename(path.string, target.string) == 0 }
