import Crypto
import Primitives
import TestKit
import Testing

@testable import Gateway

@Suite struct ForwardingTests {
    /// Invariants 2 and 8.
    @Test func `an allowed call reaches the tool as it was judged, and its answer comes back`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(.json(#"{"rows":3}"#))
            let answer = try proxy.call()
            #expect(answer.status == 200)
            #expect(answer.text == #"{"rows":3}"#)
            let request = try #require(proxy.tool.requests.first)
            #expect(request.method == "POST")
            #expect(request.target == "/mcp")
            #expect(request.body == World.toolCall())
            #expect(request.values("host") == ["tool.internal"])
            #expect(request.values("authorization").isEmpty)
            #expect(request.values("content-length") == [Text(String(World.toolCall().count))])
            #expect(request.values("sallyport-request-id").count == 1)
        }
    }

    /// Invariant 4.
    @Test func `each call that passed has one decision and one effect on record`() throws {
        try withProxy { proxy throws in
            for _ in 0..<3 { #expect(try proxy.call().status == 200) }
            #expect(eventually { proxy.records("effect").count == 3 })
            let decisions = proxy.records("decision")
            #expect(decisions.count == 3)
            #expect(Set(decisions.compactMap { $0["call"]?.string }).count == 3)
            #expect(proxy.records("release").isEmpty)
            #expect(try LedgerFile.isIntact(proxy.directory + "/ledger"))
        }
    }

    @Test func `bodies of every framing go through in both directions`() throws {
        try withProxy { proxy throws in
            let body = [UInt8](repeating: 0x61, count: 200_000)
            proxy.tool.script(
                .chunked([Array(body[..<70_000]), Array(body[70_000...])]), .respond(body: body),
                .respond(204),
                UpstreamAnswer.raw("HTTP/1.1 200 OK\r\n\r\nto the end").thenClose())
            let agent = try proxy.agent()
            let chunked = try #require(agent.call("GET", "/files/a", proxy.world.bearer("GET", "/files/a")))
            #expect(chunked.body == body)
            #expect(chunked.isWhole)
            let sized = try #require(
                agent.call("PUT", "/files/a", proxy.world.bearer("PUT", "/files/a"), body: body))
            #expect(sized.body == body)
            #expect(proxy.tool.requests.last?.body == body)
            #expect(agent.call("GET", "/files/a", proxy.world.bearer("GET", "/files/a"))?.status == 204)
            let open = try #require(agent.call("GET", "/files/a", proxy.world.bearer("GET", "/files/a")))
            #expect(open.text == "to the end")
            #expect(open.isWhole)
        }
    }

    @Test func `a chunked request goes through chunked`() throws {
        try withProxy { proxy throws in
            let agent = try proxy.agent()
            let token = proxy.world.token("POST", "/files/a")
            agent.send(
                "POST /files/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token
                    + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            #expect(eventually { proxy.tool.requests.first?.body.isEmpty == false })
            agent.send("6\r\n world\r\n0\r\n\r\n")
            #expect(agent.receive()?.status == 200)
            let request = try #require(proxy.tool.requests.first)
            #expect(request.values("transfer-encoding") == ["chunked"])
            #expect(request.isComplete)
        }
    }

    @Test func `connections are used again, to both sides`() throws {
        try withProxy({ $0.loops = 1 }) { proxy throws in
            let agent = try proxy.agent()
            for _ in 0..<20 {
                agent.send(proxy.world.mcp())
                #expect(agent.receive()?.status == 200)
            }
            #expect(proxy.tool.connectionsAccepted == 1)
        }
    }

    @Test func `requests sent ahead are answered one after another, each with its own token`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(.json("1"), .json("2"), .json("3"))
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp(1) + proxy.world.mcp(2) + proxy.world.mcp(3))
            for wanted in ["1", "2", "3"] as [Text] { #expect(agent.receive()?.text == wanted) }
            #expect(proxy.tool.requests.map(\.body) == [1, 2, 3].map { World.toolCall($0) })
        }
    }

    @Test func `HEAD is answered without a body, and the connection goes on`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(.raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), .json("2"))
            let agent = try proxy.agent()
            let head = try #require(agent.call("HEAD", "/files/a", proxy.world.bearer("HEAD", "/files/a")))
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            agent.send(proxy.world.mcp())
            #expect(agent.receive()?.text == "2")
        }
    }

    @Test func `100 Continue is sent when the call is let through, not before`() throws {
        try withProxy { proxy throws in
            let agent = try proxy.agent()
            let expect: [(Text, Text)] = [("Expect", "100-continue")]
            agent.send(
                Client.request("PUT", "/files/a", proxy.world.bearer("PUT", "/files/a") + expect, length: 5))
            #expect(eventually { proxy.tool.requests.count == 1 })
            agent.send("hello")
            #expect(agent.receive()?.status == 200)
            #expect(proxy.tool.requests.first?.values("expect").isEmpty == true)
            let refused = try proxy.agent()
            refused.send(Client.request("PUT", "/files/a", expect, length: 5))
            #expect(refused.receive()?.status == 401)
            #expect(proxy.tool.requests.count == 1)
        }
    }

    @Test func `the tool's own credential is injected`() throws {
        try withProxy({ $0.upstream.credential = ("X-Api-Key", "secret") }) { proxy throws in
            #expect(try proxy.call().status == 200)
            #expect(proxy.tool.requests.first?.values("x-api-key") == ["secret"])
        }
    }

    @Test func `hop-by-hop fields of an answer stay with the tool`() throws {
        try withProxy { proxy throws in
            proxy.tool.script(
                .respond(
                    200,
                    fields: [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("X-Kept", "yes")]))
            let answer = try proxy.call()
            #expect(answer["keep-alive"] == nil)
            #expect(answer["x-kept"] == "yes")
        }
    }
}

@Suite struct RefusalTests {
    /// What cannot pass never reaches the tool, and says why.
    @Test func `each refusal has its status and slug, and the tool sees nothing`() throws {
        try withProxy { proxy throws in
            let world = proxy.world
            let json: (Text, Text) = ("Content-Type", "application/json")
            let cases: [([UInt8], Int, String)] = [
                (Client.request("POST", "/mcp", [json], body: World.toolCall()), 401, "token-required"),
                (world.mcp(token: "nonsense"), 401, "invalid-token"),
                (world.mcp(token: world.token("tools/call", "other")), 403, "token-mismatch"),
                (world.mcp(tool: "drop_table"), 200, "policy-denied"),
                (Client.request("GET", "/elsewhere"), 404, "unknown-route"),
                (Client.request("GET", "/files/a", host: "other"), 421, "misdirected-request"),
                (
                    Client.request("DELETE", "/files/a", world.bearer("DELETE", "/files/a")), 403,
                    "policy-denied"
                ),
                (Client.request("GET", "/files/../x"), 400, "ambiguous-request"),
                (Client.request("GET", "/files/a", [("X_Forwarded_For", "x")]), 400, "ambiguous-request"),
                (
                    Array("GET /files/a HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n".utf8), 400,
                    "ambiguous-request"
                ),
            ]
            for (bytes, status, slug) in cases {
                let agent = try proxy.agent()
                agent.send(bytes)
                let answer = try #require(agent.receive(), "\(slug)")
                #expect(answer.status == status, "\(slug)")
                #expect(answer.slug == slug)
                #expect(answer.isWhole)
            }
            #expect(proxy.tool.connectionsAccepted == 0)
        }
    }

    @Test func `a body that has to be inspected is bounded, announced or not`() throws {
        try withProxy({ $0.limits.inspectedBodyMax = 2_048 }) { proxy throws in
            let token = proxy.world.token()
            let fields: [(Text, Text)] = [
                ("Authorization", "Bearer " + token), ("Content-Type", "application/json"),
            ]
            let announced = try proxy.agent()
            announced.send(Client.request("POST", "/mcp", fields, length: 4_000))
            #expect(announced.receive()?.status == 413)
            let chunked = try proxy.agent()
            chunked.send(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token
                    + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<5 { chunked.send(Text("200\r\n" + String(repeating: " ", count: 512) + "\r\n")) }
            #expect(chunked.receive()?.status == 413)
            #expect(proxy.tool.connectionsAccepted == 0)
            #expect(try proxy.call(token: token).status == 200)
        }
    }

    @Test func `nobody gets in without an SVID of a trusted domain`() throws {
        try withProxy { proxy throws in
            let stranger = TestAuthority("other.org")
            let authority = proxy.world.authority
            let identities: [TLSIdentity?] = [
                nil, stranger.svid(stranger.id("/agent/a")),
                authority.svid(authority.id("/agent/a")) {
                    $0.uriNames.append("spiffe://example.org/agent/b")
                },
                authority.svid(authority.id("/agent/a")) { $0.isCA = true },
                authority.svid(authority.id("/agent/a")) { $0.to = Timestamp(seconds: 1_600_000_000) },
            ]
            for identity in identities {
                let agent = try proxy.world.connect(proxy.sidecar.port, as: identity)
                agent.send(proxy.world.mcp())
                #expect(agent.receive() == nil)
            }
            #expect(proxy.tool.connectionsAccepted == 0)
            #expect(proxy.records("decision").isEmpty)
        }
    }

    @Test func `a truncated request is answered, and nothing of it goes on`() throws {
        try withProxy { proxy throws in
            let agent = try proxy.agent()
            agent.send(Array(proxy.world.mcp().dropLast(5)))
            agent.endOutput()
            _ = agent.receive()
            #expect(agent.sawEnd())
            #expect(proxy.tool.connectionsAccepted == 0)
        }
    }
}

extension Answer: Equatable {
    static func == (left: Answer, right: Answer) -> Bool {
        left.status == right.status && left.body == right.body
    }
}
