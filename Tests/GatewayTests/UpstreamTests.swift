import Primitives
import Reactor
import TestKit
import Testing

@testable import Gateway

@Suite struct UpstreamTests {
    private func effect(_ proxy: Proxy) throws -> String? {
        try #require(eventually { !proxy.records("effect").isEmpty })
        #expect(proxy.records("effect").count == 1)
        return proxy.records("effect").first?["outcome"]?.string?.string
    }

    @Test func `a tool that does not listen is unreachable, and nothing was sent`() throws {
        try withProxy { proxy throws in
            proxy.tool.close()
            #expect(eventually { !Client(port: proxy.tool.port == 0 ? 1 : proxy.tool.port).isEstablished })
            let answer = try proxy.call()
            #expect(answer.status == 502)
            #expect(answer.slug == "upstream-unreachable")
            #expect(try effect(proxy) == "failed")
        }
    }

    @Test(
        arguments: [
            (UpstreamAnswer.closeAfterRequest, 502, "upstream-outcome-unknown"),
            (.resetAfterRequest, 502, "upstream-outcome-unknown"),
            (.raw("HTTP/1.1 200 OK\r\nContent-Le"), 504, "upstream-timeout"),
            (
                UpstreamAnswer.raw("HTTP/1.1 200 OK\r\nContent-Le").thenClose(), 502,
                "upstream-outcome-unknown"
            ),
            (.raw("hello\r\n\r\n"), 502, "upstream-protocol-error"),
            (
                .raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 502,
                "upstream-protocol-error"
            ),
            (.raw("HTTP/1.1 200 OK\nX: y\r\n\r\n"), 502, "upstream-protocol-error"),
            (.raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), 502, "upstream-protocol-error"),
            (.silence, 504, "upstream-timeout"),
        ] as [(UpstreamAnswer, Int, String)])
    func `a tool that fails after the request leaves its outcome unknown, and is never asked again`(
        _ failure: UpstreamAnswer, _ status: Int, _ slug: String
    ) throws {
        try withProxy({ $0.upstream.responseTimeout = .milliseconds(400) }) { proxy throws in
            proxy.tool.script(failure)
            let answer = try proxy.call()
            #expect(answer.status == status)
            #expect(answer.slug == slug)
            #expect(proxy.tool.requests.count == 1)
            #expect(try effect(proxy) == "unknown")
            #expect(try proxy.call().status == 200)
        }
    }

    @Test func `an answer that breaks off is cut, so that it cannot look whole`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(.partial(Array("half".utf8), of: 8))
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            let answer = agent.receive()
            #expect(answer?.isWhole != true)
            #expect(!agent.wasClosedInOrder)
            #expect(try effect(proxy) == "unknown")
        }
    }

    @Test func `a chunked answer that breaks off is cut too`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(
                UpstreamAnswer.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
                    .thenClose())
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.isWhole != true)
            #expect(!agent.wasClosedInOrder)
        }
    }

    @Test func `an answer that stalls is given up`() throws {
        try withProxy({ $0.upstream.responseTimeout = .milliseconds(400) }) { proxy throws in
            proxy.tool.script(.raw("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"))
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.isWhole != true)
            #expect(!agent.wasClosedInOrder)
            #expect(try effect(proxy) == "unknown")
        }
    }

    @Test func `what a tool says after its answer ends its connection, and reaches nobody`() throws {
        try withProxy({ $0.loops = 1 }) { proxy throws in
            proxy.tool.script(
                .raw(
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
                ),
                .json("second"))
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.text == "a")
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.text == "second")
            #expect(proxy.tool.connectionsAccepted == 2)
        }
    }

    @Test func `a tool may close between requests`() throws {
        try withProxy({ $0.loops = 1 }) { proxy throws in
            proxy.tool.script(UpstreamAnswer.json("1").thenClose(), .json("2"))
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.text == "1")
            #expect(eventually { proxy.tool.connectionsOpen == 0 })
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.text == "2")
        }
    }

    @Test func `calls wait for a connection when there are no more`() throws {
        try withProxy({ ($0.loops, $0.upstream.connectionsMax) = (1, 1) }) { proxy throws in
            let gate = Gate()
            proxy.tool.script(.json("1").held(by: gate), .json("2"))
            let (first, second) = (try proxy.agent(), try proxy.agent())
            first.send(proxy.world.mcp(1))
            #expect(proxy.tool.hasReceived(1))
            second.send(proxy.world.mcp(2))
            #expect(eventually { proxy.records("decision").count == 2 })
            #expect(proxy.tool.requests.count == 1)
            gate.open()
            #expect(first.receive()?.text == "1")
            #expect(second.receive()?.text == "2")
            #expect(proxy.tool.connectionsAccepted == 1)
        }
    }

    @Test func `a permit that waits too long for a connection is void`() throws {
        try withProxy({ ($0.loops, $0.upstream.connectionsMax) = (1, 1) }) { proxy throws in
            proxy.tool.script(.silence)
            let (first, second) = (try proxy.agent(), try proxy.agent())
            first.send(proxy.world.mcp(1))
            #expect(proxy.tool.hasReceived(1))
            second.send(proxy.world.mcp(2))
            let answer = try #require(second.receive())
            #expect(answer.status == 503)
            #expect(proxy.tool.requests.count == 1)
            #expect(eventually { proxy.records("effect").count == 1 })
            #expect(proxy.records("effect").first?["outcome"]?.string != "unknown")
        }
    }

    @Test func `a caller that leaves while it waits for a connection is never sent on`() throws {
        try withProxy({ ($0.loops, $0.upstream.connectionsMax) = (1, 1) }) { proxy throws in
            let gate = Gate()
            proxy.tool.script(.json("1").held(by: gate))
            let (first, second) = (try proxy.agent(), try proxy.agent())
            first.send(proxy.world.mcp(1))
            #expect(proxy.tool.hasReceived(1))
            second.send(proxy.world.mcp(2))
            #expect(eventually { proxy.records("decision").count == 2 })
            second.reset()
            #expect(eventually { proxy.records("effect").count == 1 })
            gate.open()
            #expect(first.receive()?.text == "1")
            #expect(try proxy.call(3).status == 200)
            #expect(proxy.tool.requests.map(\.body) == [World.toolCall(1), World.toolCall(3)])
            #expect(eventually { proxy.records("effect").count == 3 })
        }
    }

    /// A tool whose queue of connections is full: connecting takes its time, and fails or not.
    @Test func `a caller that leaves while its connection is being opened is concluded once`() throws {
        let full = try FullListener()
        try withProxy({
            ($0.loops, $0.upstream.endpoint, $0.upstream.connectTimeout) = (
                1, full.endpoint, .milliseconds(1_500)
            )
        }) { proxy throws in
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(eventually { proxy.records("decision").count == 1 })
            agent.reset()
            #expect(eventually { proxy.records("effect").count == 1 })
            let other = try proxy.agent()
            other.send(proxy.world.mcp())
            let answer = try #require(other.receive())
            #expect(answer.status == 504)
            #expect(answer.slug == "upstream-connect-timeout")
            #expect(eventually { proxy.records("effect").count == 2 })
            #expect(try proxy.health("/livez").status == 200)
        }
    }

    @Test func `an answer before the request is whole is passed on, and both connections end cleanly`() throws
    {
        try withProxy { proxy throws in
            proxy.tool.script(UpstreamAnswer.respond(413).early().thenClose())
            let agent = try proxy.agent()
            agent.send(
                Client.request("POST", "/files/a", proxy.world.bearer("POST", "/files/a"), length: 1_000_000))
            #expect(agent.receive()?.status == 413)
            #expect(try proxy.call().status == 200)
        }
    }

    /// Invariant 8: the rest of a body is sent on although the answer has begun.
    @Test func `a tool may answer while it reads`() throws {
        try withProxy { proxy throws in
            let gate = Gate()
            let head = UpstreamAnswer.head(200, [("Content-Length", "4")])
            proxy.tool.script(
                UpstreamAnswer([.write(head), .wait(gate), .write(Array("done".utf8))], beginning: .head))
            let agent = try proxy.agent()
            agent.send(Client.request("POST", "/files/a", proxy.world.bearer("POST", "/files/a"), length: 11))
            agent.send("hello ")
            #expect(agent.sawBytes())
            agent.send("world")
            #expect(proxy.tool.hasReceived(1))
            #expect(proxy.tool.requests.first?.body == Array("hello world".utf8))
            gate.open()
            #expect(agent.receive()?.text == "done")
        }
    }

    @Test func `a caller that leaves while the tool works ends the tool's connection, outcome unknown`()
        throws
    {
        try withProxy { proxy throws in
            proxy.tool.script(.silence)
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(proxy.tool.hasReceived(1))
            agent.reset()
            #expect(eventually { proxy.tool.connectionsOpen == 0 })
            #expect(try effect(proxy) == "unknown")
        }
    }
}
