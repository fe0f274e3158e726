import Primitives
import Reactor
import Testing

@Suite struct BackPressureTests {
    @Test func `a peer that does not read stops us, and starts us again when it does`() throws {
        try withLoops { loops in
            let record = Record()
            let total = 16_000_000
            let chunk = [UInt8](repeating: 5, count: 16_384)
            let pump: @Sendable (Connection) -> Void = { connection in
                record.note { heard in
                    while connection.isWritable && heard.receivedCalls * chunk.count < total {
                        heard.receivedCalls += 1
                        connection.write(chunk)
                    }
                }
            }
            let listener = try listen(
                loops, record,
                .init(
                    opened: pump,
                    writable: { connection, isWritable in
                        if isWritable { pump(connection) }
                    }))
            let peer = Peer(port: listener.port, bufferBytes: 8_192)
            // The kernel enlarges its own buffer for a while, which lets us go on: looked at in one turn of the loop.
            let limit = Connection.outputHighBytes + 2 * 65_536 + chunk.count
            let isStopped: () -> Bool = {
                let stopped = Flag()
                record.onLoop { connection in
                    #expect(connection.bufferedBytes <= limit)
                    let holdsBack = connection.bufferedBytes >= Connection.outputLowBytes
                    if !connection.isWritable && holdsBack { stopped.raise() }
                }
                return stopped.isRaised
            }
            #expect(eventually { record.now.writability.contains(false) })
            #expect(eventually(isStopped))
            let sent = (total + chunk.count - 1) / chunk.count * chunk.count
            #expect(peer.receive(sent).count == sent)
            #expect(eventually { record.now.writability.last == true })
            record.onLoop { #expect($0.isWritable && $0.bufferedBytes == 0) }
            peer.close()
        }
    }

    @Test func `writability alternates`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, .init(opened: { $0.write(pattern(5_000_000)) }))
            let peer = Peer(port: listener.port, bufferBytes: 8_192)
            #expect(peer.receive(5_000_000) == pattern(5_000_000))
            #expect(eventually { record.now.writability == [false, true] })
            peer.close()
        }
    }

    @Test func `nothing is received while reading is paused, and nothing is lost`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record)
            let peer = Peer(port: listener.port)
            peer.send([1, 2])
            #expect(eventually { record.now.bytes == [1, 2] })
            record.onLoop { $0.pauseReading() }
            peer.send([3, 4])
            peer.endOutput()
            // The end is seen through the pause, as a sign that the peer may have gone.
            #expect(eventually { record.now.earlyEnds == 1 })
            #expect(record.now.bytes == [1, 2])
            #expect(record.now.ends == 0)
            record.onLoop { $0.resumeReading() }
            #expect(eventually { record.now.ends == 1 })
            #expect(record.now.bytes == [1, 2, 3, 4])
            #expect(record.now.earlyEnds == 1)
            record.onLoop { $0.close() }
            #expect(eventually { record.now.closes == [nil] })
        }
    }

    @Test func `a paused connection stops its peer`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, .init(opened: { $0.pauseReading() }))
            let peer = Peer(port: listener.port)
            peer.send(pattern(50_000))
            #expect(eventually { record.now.connection != nil })
            record.onLoop { _ in }
            #expect(record.now.receivedCalls == 0)
            record.onLoop { $0.resumeReading() }
            #expect(eventually { record.now.bytes.count == 50_000 })
            peer.close()
        }
    }

    @Test func `pausing inside received takes effect at once`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(
                loops, record, .init(received: { connection, _ in connection.pauseReading() }))
            let peer = Peer(port: listener.port)
            let sent = pattern(400_000)
            for round in 1... {
                if round == 1 {
                    peer.send(sent)
                    peer.endOutput()
                }
                #expect(eventually { record.now.receivedCalls >= round })
                #expect(record.now.receivedCalls == round)
                if record.now.bytes.count == sent.count || round > 400 { break }
                record.onLoop { $0.resumeReading() }
            }
            #expect(record.now.bytes == sent)
            peer.close()
        }
    }

    @Test func `a paused connection hears of a reset at once`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(
                loops, record, .init(received: { connection, _ in connection.pauseReading() }))
            let peer = Peer(port: listener.port)
            peer.send([1])
            #expect(eventually { record.now.bytes == [1] })
            peer.send([2, 3])
            peer.reset()
            #expect(eventually { record.now.closes == [.reset] })
            #expect(record.now.bytes == [1])
        }
    }

    @Test func `closing a paused connection whose peer has ended drops what was held`() throws {
        try withLoops { loops in
            let record = Record()
            let listener = try listen(loops, record, .init(opened: { $0.pauseReading() }))
            let peer = Peer(port: listener.port)
            peer.send([1, 2, 3])
            peer.endOutput()
            #expect(eventually { record.now.earlyEnds == 1 })
            record.onLoop { $0.close() }
            #expect(eventually { record.now.closes == [nil] })
            #expect(record.now.bytes.isEmpty)
            #expect(record.now.ends == 0)
        }
    }

    @Test(arguments: 1...6) func `whatever the order of pauses and writes, an echo is exact`(seed: UInt64)
        throws
    {
        try withLoops(2) { loops in
            let record = Record()
            let listener = try listen(
                loops, record,
                .init(
                    received: { connection, bytes in
                        connection.write(bytes)
                        if bytes.count % 3 == 0 { connection.flush() }
                        guard bytes.count % 2 == 0 else { return }
                        connection.pauseReading()
                        connection.loop.scheduleHere(after: .microseconds(bytes.count % 700)) {
                            connection.resumeReading()
                        }
                    },
                    ended: { $0.closeOutput() }))
            let peer = Peer(port: listener.port)
            let sent = pattern(300_000)
            var random = SeededRandom(seed)
            let sender = WorkerThread(name: "sender") { [peer = Unchecked(peer), random] in
                var random = random
                var rest = sent[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(Int.random(in: 1...9_000, using: &random))
                    peer.value.send(Array(piece))
                    rest = rest.dropFirst(piece.count)
                }
                peer.value.endOutput()
            }
            _ = random.next()
            #expect(peer.receiveToEnd() == sent, "seed \(seed)")
            sender.join()
            #expect(eventually { record.now.closes == [nil] })
        }
    }
}

/// SplitMix64.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
