import Primitives
import Reactor
import TestKit
import Testing

@testable import Gateway

@Suite struct BackPressureTests {
    /// More than every buffer on the way together.
    private static let manyBytes = 64 << 20
    /// What kernel, TLS and proxy may hold between the two ends.
    private static let heldBytesMax = 24 << 20

    /// Invariant 7.
    @Test func `an agent that does not read stops the tool`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(.stream(Self.manyBytes))
            let agent = try proxy.agent(bufferBytes: 16_384)
            agent.send(Client.request("GET", "/files/a", proxy.world.bearer("GET", "/files/a")))
            #expect(eventually { proxy.tool.filledBytes > 0 })
            #expect(settles { proxy.tool.filledBytes })
            #expect(proxy.tool.filledBytes < Self.heldBytesMax)
            let answer = try #require(agent.receive())
            #expect(answer.isWhole)
            #expect(answer.body.count == Self.manyBytes)
        }
    }

    @Test func `a tool that does not read stops the agent`() throws {
        let loops = EventLoops(count: 1)
        defer { loops.shutdown() }
        let slow = try ScriptedUpstream(on: loops, reads: false)
        try withProxy({ $0.upstream.endpoint = slow.endpoint }) { proxy throws in
            let agent = try proxy.agent()
            agent.send(
                Client.request(
                    "POST", "/files/a", proxy.world.bearer("POST", "/files/a"), length: Self.manyBytes))
            let piece = [UInt8](repeating: 0x78, count: 16_384)
            var silentRounds = 0
            let sent = agent.sendUntilStuck(piece, limit: Self.manyBytes) {
                silentRounds += 1
                Host.sleep(.milliseconds(2))
                return silentRounds > 200
            }
            #expect(sent < Self.heldBytesMax)
            slow.startReading()
            agent.sendRest()
            for _ in 0..<((Self.manyBytes - sent) / piece.count) { agent.send(piece) }
            #expect(agent.receive()?.status == 200)
            #expect(slow.requests.first?.body.count == Self.manyBytes)
        }
    }

    /// True when a number has stopped growing for a while.
    private func settles(_ number: () -> Int) -> Bool {
        var (last, same) = (number(), 0)
        return eventually(within: .seconds(20)) {
            let now = number()
            same = now == last ? same + 1 : 0
            last = now
            return same > 100
        }
    }
}
