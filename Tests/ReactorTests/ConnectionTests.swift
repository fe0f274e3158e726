import Primitives
import Reactor
import Testing

/// A connection under test is the server's; its peer is a plain blocking socket.
@Suite struct ConnectionTests {
    static let echo = Probe.Actions(
        received: { connection, bytes in connection.write(bytes) }, ended: { $0.closeOutput() })

    @Test func `an echo server gives back what it was sent, then ends`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, Self.echo)
            let peer = Peer(port: listener.port)
            let sent = pattern(20_000)
            peer.send(sent)
            peer.endOutput()
            #expect(peer.receiveToEnd() == sent)
            #expect(eventually { record.now.closes.count == 1 })
            #expect(record.now.closes == [nil])
            #expect(record.now.ends == 1)
        }
    }

    @Test func `the remote address is told`() throws {
        try withLoops { loops in
            let record = Record()
            let seen = Record()
            let listener = try listen(
                loops, record,
                .init(opened: { connection in seen.note { $0.bytes = connection.remoteAddress.bytes } }))
            let peer = Peer(port: listener.port)
            #expect(eventually { Text(seen.now.bytes).hasPrefix("127.0.0.1:") })
            peer.close()
        }
    }

    @Test func `a peer that ended its side still gets a long answer whole`() throws {
        try withLoops { loops in
            let record = Record()
            let answer = pattern(3_000_000)
            let listener = try listen(
                loops, record,
                .init(ended: { connection in
                    connection.write(answer)
                    connection.closeOutput()
                }))
            let peer = Peer(port: listener.port, bufferBytes: 8_192)
            peer.send([1])
            peer.endOutput()
            #expect(peer.receiveToEnd() == answer)
            #expect(eventually { record.now.closes == [nil] })
        }
    }

    @Test func `close sends what was written before it`() throws {
        try withLoops { loops in
            let record = Record()
            let answer = pattern(3_000_000)
            let listener = try listen(
                loops, record,
                .init(received: { connection, _ in
                    connection.write(answer)
                    connection.close()
                    connection.write([1, 2, 3])
                }))
            let peer = Peer(port: listener.port, bufferBytes: 8_192)
            peer.send([1])
            #expect(peer.receiveToEnd() == answer)
            peer.close()
            #expect(eventually { record.now.closes == [nil] })
        }
    }

    @Test func `an answer before the end of a long request is not destroyed by a reset`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(
                loops, record,
                .init(received: { connection, _ in
                    connection.write([7, 7, 7])
                    connection.close()
                }))
            let peer = Peer(port: listener.port)
            #expect(peer.send(pattern(2_000_000)))
            #expect(peer.receiveToEnd() == [7, 7, 7])
            #expect(record.now.receivedCalls == 1)
            peer.close()
            #expect(eventually { record.now.closes == [nil] })
        }
    }

    @Test func `a peer that never ends is closed after the linger time`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, .init(opened: { $0.close() }))
            let peer = Peer(port: listener.port)
            #expect(peer.receiveToEnd() == [])
            #expect(eventually { record.now.closes == [nil] })
            #expect(eventually { listener.connectionCount == 0 })
        }
    }

    @Test func `abort resets the peer and is told once, and not inside the call`() throws {
        try withLoops { loops in
            let record = Record()
            let inside = Record()
            let listener = try listen(
                loops, record,
                .init(received: { connection, _ in
                    connection.write([1, 2, 3])
                    connection.abort()
                    connection.abort()
                    connection.close()
                    inside.note { $0.ends = record.now.closes.count + 1 }
                }))
            let peer = Peer(port: listener.port)
            peer.send([1])
            #expect(peer.receiveToEnd() == [])
            #expect(peer.lastError == 104)
            #expect(eventually { record.now.closes == [.aborted] })
            #expect(inside.now.ends == 1)
        }
    }

    @Test func `a reset by the peer is an error, never an end`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record)
            let peer = Peer(port: listener.port)
            peer.send([1])
            #expect(eventually { record.now.bytes == [1] })
            peer.reset()
            #expect(eventually { record.now.closes == [.reset] })
            #expect(record.now.ends == 0)
        }
    }

    @Test func `a write that fails because the peer has gone is an error, never an end`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, .init(opened: { $0.write(pattern(4_000_000)) }))
            let peer = Peer(port: listener.port, bufferBytes: 8_192)
            #expect(peer.receive(100).count == 100)
            peer.close()
            #expect(eventually { record.now.closes.count == 1 })
            #expect(record.now.closes != [nil])
        }
    }

    @Test func `shutting the loops down closes a connection with an error`() throws {
        let record = Record()
        try withLoops { loops in
            let listener = try listen(loops, record)
            let peer = Peer(port: listener.port)
            #expect(eventually { record.now.loop != nil })
            peer.close()
        }
        #expect(record.now.closes.count == 1)
    }

    @Test func `half an end from us leaves the peer free to go on`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(
                loops, record,
                .init(opened: { connection in
                    connection.write([9])
                    connection.closeOutput()
                    connection.write([8])
                }))
            let peer = Peer(port: listener.port)
            #expect(peer.receiveToEnd() == [9])
            let sent = pattern(300_000)
            peer.send(sent)
            #expect(eventually { record.now.bytes.count == sent.count })
            #expect(record.now.closes.isEmpty)
            peer.endOutput()
            #expect(eventually { record.now.closes == [nil] })
            #expect(record.now.ends == 1)
            #expect(record.now.bytes == sent)
        }
    }
}
