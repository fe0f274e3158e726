import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

@Suite struct ConnectorTests {
    /// What an attempt came to, once it has.
    final class Outcome: Sendable {
        private let errors = Mutex<[ReactorError?]>([])
        var all: [ReactorError?] { errors.withLock { $0 } }
        func add(_ error: ReactorError?) { errors.withLock { $0.append(error) } }
    }

    func connect(
        _ loop: Loop, to endpoint: Endpoint, within timeout: Duration = .seconds(5),
        _ record: Record = Record(),
        _ actions: Probe.Actions = .init()
    ) -> Outcome {
        let outcome = Outcome()
        loop.execute {
            Connector.connect(to: endpoint, on: loop, timeout: timeout) { result in
                switch result {
                case .success(let connection):
                    outcome.add(nil)
                    return Probe(connection, record, actions)
                case .failure(let error):
                    outcome.add(error)
                    return nil
                }
            }
            #expect(outcome.all.isEmpty, "never from inside connect")
        }
        #expect(eventually { !outcome.all.isEmpty })
        return outcome
    }

    @Test(arguments: ["127.0.0.1", "localhost"]) func `a client and a server talk`(host: String) throws {
        try withLoops(2) { loops in
            let served = Record()
            let record = Record()
            let listener = try listen(loops, served, ConnectionTests.echo)
            let endpoint = Endpoint.tcp(host: Text(host), port: listener.port)
            let sent = pattern(1_000_000)
            let outcome = connect(
                loops.loops[0], to: endpoint, record,
                .init(opened: { connection in
                    connection.write(sent)
                    connection.closeOutput()
                }))
            #expect(outcome.all == [nil])
            #expect(eventually { record.now.closes == [nil] })
            #expect(record.now.bytes == sent)
            #expect(record.now.ends == 1)
            #expect(eventually { served.now.closes == [nil] })
        }
    }

    @Test func `a server that speaks first loses nothing`() {
        withLoops { loops in
            let listener = PeerListener()
            let server = WorkerThread(name: "server") { [listener = Unchecked(listener)] in
                let peer = listener.value.accept()
                peer.send([1, 2, 3])
                peer.close()
            }
            let record = Record()
            _ = connect(loops.next(), to: .tcp(host: "127.0.0.1", port: listener.port), record)
            #expect(eventually { record.now.ends == 1 })
            #expect(record.now.bytes == [1, 2, 3])
            server.join()
            record.onLoop { #expect($0.remoteAddress.hasPrefix("127.0.0.1:")) }
            record.onLoop { $0.close() }
            #expect(eventually { record.now.closes == [nil] })
        }
    }

    @Test func `a Unix socket is connected to`() throws {
        try withDirectory { directory in
            try withLoops { loops in
                let address = "unix://" + directory + "/c.sock"
                let listener = try Listener.bind(address, on: loops, backlog: 4, connectionsMax: 4) {
                    Probe($0, Record(), ConnectionTests.echo)
                }
                let record = Record()
                let endpoint = try #require(Endpoint(url: address))
                _ = connect(loops.next(), to: endpoint, record, .init(opened: { $0.write([4, 5]) }))
                #expect(eventually { record.now.bytes == [4, 5] })
                record.onLoop { #expect($0.remoteAddress == "unix") }
                listener.close()
            }
        }
    }

    @Test func `a closed port refuses`() throws {
        try withLoops { loops in
            let listener = try listen(loops, Record())
            let port = listener.port
            listener.close()
            #expect(eventually { listener.port == 0 })
            let outcome = connect(loops.next(), to: .tcp(host: "127.0.0.1", port: port))
            #expect(outcome.all == [.refused("127.0.0.1:" + Text("\(port)"))])
        }
    }

    @Test func `a Unix socket that is not there says so`() {
        withLoops { loops in
            let outcome = connect(loops.next(), to: .unix(path: "/nonexistent/x.sock"))
            #expect(outcome.all == [.system("`unix:///nonexistent/x.sock`", Errno(code: ENOENT))])
        }
    }

    @Test func `a host that does not answer times out`() {
        withLoops { loops in
            // With its queue full, the kernel drops what else arrives.
            let listener = PeerListener(backlog: 0)
            let first = Peer(port: listener.port)
            let endpoint = Endpoint.tcp(host: "127.0.0.1", port: listener.port)
            let outcome = connect(loops.next(), to: endpoint, within: .milliseconds(200))
            #expect(outcome.all == [.timedOut(endpoint.text)])
            first.close()
        }
    }

    @Test func `a connection that nobody wants is aborted`() throws {
        try withLoops { loops in
            let served = Record()
            let listener = try listen(loops, served)
            let loop = loops.next()
            let endpoint = Endpoint.tcp(host: "127.0.0.1", port: listener.port)
            loop.execute {
                Connector.connect(to: endpoint, on: loop, timeout: .seconds(5)) { _ in nil }
            }
            #expect(eventually { served.now.closes == [.reset] })
        }
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080", "127.0.0.1:8080"), ("http://orders", "orders:80"),
        ("http://[::1]:9/", "[::1]:9"),
        ("unix:///run/x.sock", "unix:///run/x.sock"),
    ])
    func `an upstream's URL is read`(url: String, text: String) {
        #expect(Endpoint(url: Text(url))?.text == Text(text))
    }

    @Test(arguments: [
        "", "http://", "https://h", "http://h:0", "http://h:99999", "http://u@h", "http://h/path",
        "http://h?q",
        "http://[::1", "http://[h]:1", "http://h:", "http://h:+1", "http://h\r\n", "http://h ", "unix://x",
        "unix:///",
        "unix:///a/", "unix:///\0a", "HTTP://h", "unix:///" + String(repeating: "a", count: 107),
    ])
    func `what is no upstream's URL is refused`(url: String) {
        #expect(Endpoint(url: Text(url)) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:1", true), ("127.9.9.9:1", true), ("[::1]:1", true), ("unix:///x", true),
        ("0.0.0.0:1", false),
        ("localhost:1", false), ("127.0.0.1.evil.example:1", false), ("[::]:1", false), ("10.0.0.1:1", false),
        ("127.1:1", false), ("127.0.0.256:1", false),
    ])
    func `loopback is told by the address, never by a name`(address: String, isLoopback: Bool) {
        #expect(Endpoint(listen: Text(address))?.isLoopback == isLoopback)
    }
}
