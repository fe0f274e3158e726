import Primitives
import Testing

@testable import Crypto

@Suite struct TLSHostilePeerTests {
    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", TLSError.notTLS), ("CONNECT a:1 HTTP/1.1\r\n\r\n", .notTLS),
        ("SSH-2.0-OpenSSH_9.2p1 Debian\r\n", .notTLS),
    ])
    func `what is not TLS fails`(_ text: String, _ error: TLSError) {
        let pair = TestTLS.pair()
        pair.server.receive(Array(text.utf8))
        guard case .failed(error) = pair.server.nextEvent() else {
            Issue.record("not refused as \(error)")
            return
        }
        guard case .needsInput = pair.server.nextEvent() else {
            Issue.record("a failure is told once")
            return
        }
        pair.server.receive([0x16, 3, 1])
        #expect(!pair.server.isEstablished)
    }

    @Test func `TLS 1.2 is refused unless it is allowed`() throws {
        for allowed in [false, true] {
            let server = TestTLS.server(TestTLS.identity, .required, allowsTLS12: allowed)
            let client = TestTLS.client(allowsTLS12: true)
            client.context.limitToTLS12()
            var pair = TestTLS.pair(server, client)
            pair.run()
            #expect(pair.server.isEstablished == allowed)
            if allowed {
                #expect(Text(pair.server.protocolVersion) == "TLSv1.2")
                #expect(pair.server.peerChain == TestTLS.identity.chain)
            } else {
                #expect(pair.serverEvents == ["failed: \(TLSError.unsupportedVersion)"])
            }
        }
    }

    @Test func `no session is ever resumed`() {
        // A ticket would be the only thing a server sends by itself after the handshake.
        let pair = TestTLS.pair()
        var (toServer, toClient) = ([UInt8](), [UInt8]())
        while !pair.server.isEstablished {
            pair.server.receive(toServer)
            pair.client.receive(toClient)
            if case .failed(let error) = pair.client.nextEvent() { Issue.record("\(error)") }
            if case .failed(let error) = pair.server.nextEvent() { Issue.record("\(error)") }
            (toServer, toClient) = (pair.client.takeOutput(), pair.server.takeOutput())
        }
        #expect(toClient.isEmpty)
    }

    @Test func `changed handshakes never crash and never give another peer`() {
        var random = SeededBytes(seed: 5)
        for round in 0..<150 {
            var pair = TestTLS.pair()
            var flights = 0
            let target = Int.random(in: 0..<3, using: &random)
            pair.run { _, bytes in
                defer { flights += 1 }
                return flights == target ? random.mutate(bytes) : bytes
            }
            if pair.server.isEstablished {
                #expect(pair.server.peerChain == TestTLS.identity.chain, "round \(round)")
            }
        }
    }

    @Test func `changed records are never read`() {
        var random = SeededBytes(seed: 6)
        for round in 0..<150 {
            var pair = TestTLS.pair()
            pair.run()
            pair.client.send(Array("first record".utf8))
            pair.client.send(Array("second record".utf8))
            pair.run { fromClient, bytes in fromClient ? random.mutate(bytes) : bytes }
            let text = Text(pair.serverText)
            #expect(["", "first record"].contains(text), "round \(round): \(text)")
        }
    }

    @Test func `a record cannot be replayed or dropped`() {
        var pair = TestTLS.pair()
        pair.run()
        pair.client.send([1])
        let record = pair.client.takeOutput()
        pair.server.receive(record + record)
        pair.run()
        #expect(pair.serverText == [1] && pair.serverEvents.count == 2)
        #expect(!pair.server.isEstablished)
    }

    @Test func `noise never crashes`() {
        var random = SeededBytes(seed: 7)
        for _ in 0..<300 {
            let pair = TestTLS.pair()
            let header: [UInt8] = Bool.random(using: &random) ? [0x16, 3, 1, 0, 90, 1, 0, 0, 86, 3, 3] : []
            pair.server.receive(header + (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) })
            for _ in 0..<5 { _ = pair.server.nextEvent() }
            #expect(!pair.server.isEstablished)
        }
    }
}
