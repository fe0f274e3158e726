import Crypto
import Primitives
import Reactor
import TestKit
import Testing

@testable import Gateway

@Suite struct HealthTests {
    @Test func `probes are answered, and nothing can be changed`() throws {
        try withProxy { proxy throws in
            #expect(try proxy.health("/livez").text == "ok\n")
            #expect(try proxy.health("/readyz").text == "ok\n")
            let verbose = try proxy.health("/readyz?verbose")
            for name in ["identity", "rules", "ledger", "clock", "serving"] as [Text] {
                #expect(verbose.text.contains("[+]" + name + " ok\n"))
            }
            let version = try proxy.health("/version")
            #expect(version.json?["name"]?.string == "sallyport")
            #expect(
                try proxy.health("/metrics")["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            #expect(try proxy.health("/").status == 404)
            #expect(try proxy.health("/livez/x").status == 404)
            let port = try #require(proxy.sidecar.healthPort)
            for method in ["POST", "PUT", "DELETE", "PATCH"] as [Text] {
                let answer = try #require(Client(port: port).call(method, "/livez"))
                #expect(answer.status == 405)
                #expect(answer["allow"] == "GET, HEAD")
            }
            #expect(Client(port: port).call("HEAD", "/livez")?.status == 200)
        }
    }

    @Test func `probes go on over one connection, and nonsense ends it`() throws {
        try withProxy { proxy throws in
            let port = try #require(proxy.sidecar.healthPort)
            let client = Client(port: port)
            for _ in 0..<5 { #expect(client.call("GET", "/livez")?.status == 200) }
            client.send("nonsense\r\n\r\n")
            #expect(client.receive()?.status == 400)
            #expect(client.sawEnd())
        }
    }

    @Test func `a service answers requests that come together one after another`() throws {
        try withProxy { proxy throws in
            let port = try #require(proxy.sidecar.healthPort)
            let client = Client(port: port)
            client.send(
                Client.request("GET", "/livez") + Client.request("GET", "/version")
                    + Client.request("GET", "/nothing"))
            #expect(
                [client.receive(), client.receive(), client.receive()].map { $0?.status } == [200, 200, 404])
        }
    }
}

@Suite struct ApprovalAPITests {
    private func status(
        _ proxy: Proxy, _ method: Text, _ target: Text, _ body: String? = nil, as person: Text? = "bob",
        _ more: [(Text, Text)] = []
    ) throws -> Int {
        try proxy.approver(method, target, as: person, body, more).status
    }

    @Test func `only people who are known get in`() throws {
        try withProxy { proxy throws in
            #expect(try status(proxy, "GET", "/v1/approvals", as: nil) == 401)
            #expect(try status(proxy, "GET", "/v1/approvals") == 200)
            #expect(try status(proxy, "GET", "/v1/approvals", as: "stranger") == 403)
            let world = proxy.world
            let bearers: [(Text, Int)] = [
                (world.token(), 401), ("x", 401), (world.loginToken("bob", ["exp": .integer(1)]), 401),
                (world.loginToken("bob", ["aud": "other"]), 401),
                (world.loginToken("bob", ["azp": "other"]), 401),
                (
                    world.loginToken(
                        "bob", ["act": .object(["sub": "spiffe://example.org/agent/sales-bot"])]), 403
                ),
            ]
            for (bearer, wanted) in bearers {
                let answer = try proxy.approver(
                    "GET", "/v1/approvals", as: nil, nil, [("Authorization", "Bearer " + bearer)])
                #expect(answer.status == wanted || answer.status == 403 && wanted == 401, "\(answer.text)")
                #expect(answer["cache-control"] == "no-store")
            }
            #expect(
                try status(proxy, "GET", "/v1/approvals", nil, as: nil, [("Authorization", "Basic eDp5")])
                    == 401)
        }
    }

    @Test func `other hosts and origins are turned away`() throws {
        try withProxy { proxy throws in
            let port = try #require(proxy.sidecar.approvalsPort)
            let bearer: [(Text, Text)] = [("Authorization", "Bearer " + proxy.world.loginToken("bob"))]
            func status(_ host: Text, _ origin: Text?) throws -> Int {
                let fields = bearer + (origin.map { [("Origin", $0)] as [(Text, Text)] } ?? [])
                return try #require(Client(port: port).call("GET", "/v1/approvals", fields, host: host))
                    .status
            }
            #expect(try status("localhost", nil) == 200)
            #expect(try status(Text("localhost:\(port)"), nil) == 200)
            #expect(try status("evil.example", nil) == 421)
            #expect(try status("localhost", "http://localhost") == 200)
            #expect(try status("localhost", "https://evil.example") == 403)
            #expect(try status("localhost", "null") == 403)
        }
    }

    @Test func `what is not there is not found, and what cannot be done says what can`() throws {
        try withProxy { proxy throws in
            let id = "01JD3V6M0S9Q8ZP2N4X7C5B1KT"
            #expect(try status(proxy, "GET", "/") == 404)
            #expect(try status(proxy, "GET", "/v1/approvals/x") == 404)
            #expect(try status(proxy, "GET", Text("/v1/approvals/\(id)")) == 404)
            #expect(try status(proxy, "POST", Text("/v1/approvals/\(id)/reviews"), "{}") == 404)
            #expect(try status(proxy, "GET", Text("/v1/approvals/\(id)/reviews/1")) == 404)
            #expect(try status(proxy, "POST", "/v1/approvals", "{}") == 405)
            #expect(try status(proxy, "GET", Text("/v1/approvals/\(id)/reviews")) == 405)
            for query in ["limit=0", "limit=101", "limit=x", "status=x", "cursor=x", "x=1"] as [Text] {
                #expect(try status(proxy, "GET", "/v1/approvals?" + query) == 400, "\(query)")
            }
            #expect(try status(proxy, "GET", "/v1/approvals?status=pending&limit=100") == 200)
        }
    }

    @Test func `a review says what it decides about what, and nothing else`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            let id = try #require(approval["id"]?.string)
            let digest = try #require(approval["digest"]?.string)
            let target = "/v1/approvals/" + id + "/reviews"
            let bodies: [(String, Int)] = [
                ("", 400), ("{", 400), ("[]", 400), (#"{"decision":"approve","decision":"approve"}"#, 400),
                (#"{"digest":"\#(digest)"}"#, 422), (#"{"decision":"maybe","digest":"\#(digest)"}"#, 422),
                (#"{"decision":"approve"}"#, 422), (#"{"decision":"approve","digest":"sha-256:x"}"#, 412),
                (#"{"decision":"approve","digest":"\#(digest)","x":1}"#, 422),
                (#"{"decision":"approve","digest":1}"#, 422),
                (#"{"decision":"deny","digest":"\#(digest)"}"#, 422),
            ]
            for (body, wanted) in bodies {
                #expect(try status(proxy, "POST", target, body) == wanted, "\(body)")
            }
            let good = #"{"decision":"approve","digest":"\#(digest)"}"#
            #expect(try status(proxy, "POST", target, good, as: "alice") == 403)
            #expect(try status(proxy, "POST", target, good, as: "mallory") == 404)
            let plain = try #require(proxy.sidecar.approvalsPort)
            let untyped = Client(port: plain).call(
                "POST", target, [("Authorization", "Bearer " + proxy.world.loginToken("bob"))],
                body: Array(good.utf8))
            #expect(untyped?.status == 415)
            #expect(try status(proxy, "POST", target, good, [("If-Match", "\"other\"")]) == 412)
            #expect(proxy.tool.requests.isEmpty)
            #expect(proxy.records("approval.reviewed").isEmpty)
            let tag = try #require(try proxy.approver("GET", "/v1/approvals/" + id)["etag"])
            #expect(try status(proxy, "GET", "/v1/approvals/" + id, nil, [("If-None-Match", tag)]) == 304)
            #expect(try status(proxy, "POST", target, good, [("If-Match", tag)]) == 201)
            #expect(agent.receive()?.status == 200)
            #expect(try status(proxy, "POST", target, good, as: "carol") == 409)
        }
    }

    @Test func `nobody sees what they may not decide`() throws {
        try withProxy { proxy throws in
            let (agent, approval) = try proxy.heldCall()
            let id = try #require(approval["id"]?.string)
            let list = try proxy.approver("GET", "/v1/approvals", as: "mallory")
            #expect(list.status == 200)
            #expect(list.json?["approvals"]?.array?.isEmpty == true)
            #expect(try status(proxy, "GET", "/v1/approvals/" + id, as: "mallory") == 404)
            agent.close()
        }
    }

    @Test func `a list comes in pages`() throws {
        try withProxy { proxy throws in
            let held = try (0..<5).map { try proxy.heldCall(5_000 + $0) }
            var seen: [Text] = []
            var target: Text? = "/v1/approvals?status=pending&limit=2"
            while let next = target {
                let page = try #require(try proxy.approver("GET", next).json)
                seen += page["approvals"]?.array?.compactMap { $0["id"]?.string } ?? []
                target = page["nextCursor"]?.string.map {
                    "/v1/approvals?status=pending&limit=2&cursor=" + $0
                }
            }
            #expect(seen == held.compactMap { $0.approval["id"]?.string })
            #expect(try proxy.approvals("?status=consumed").isEmpty)
            for call in held { call.agent.close() }
        }
    }
}

@Suite struct WebhookTests {
    private static let secret = Array("a secret of the webhook".utf8)

    /// A proxy that announces its holds to a scripted receiver.
    private func withHook(_ body: (Proxy, ScriptedUpstream) throws -> Void) throws {
        let loops = EventLoops(count: 1)
        defer { loops.shutdown() }
        let hook = try ScriptedUpstream(on: loops)
        try withProxy({
            $0.approvals.webhook = WebhookSettings(
                endpoint: hook.endpoint, tls: nil, host: "hooks.example.org", target: "/hook?a=1",
                secret: Self.secret)
        }) { proxy throws in try body(proxy, hook) }
    }

    @Test func `a hold is announced once, signed, and without its arguments`() throws {
        try withHook { proxy, hook throws in
            let (agent, approval) = try proxy.heldCall()
            #expect(hook.hasReceived(1))
            let request = try #require(hook.requests.first)
            #expect(request.method == "POST")
            #expect(request.target == "/hook?a=1")
            #expect(request.values("host") == ["hooks.example.org"])
            let event = try JSONParser.parse(request.body)
            #expect(event["specversion"]?.string == "1.0")
            #expect(event["type"]?.string == "dev.sallyport.approval.requested")
            #expect(event["data"]?["approval"] == approval["id"])
            #expect(!Text(request.body).contains("5000"))
            // Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`.
            let id = try #require(request.values("webhook-id").first)
            let stamp = try #require(request.values("webhook-timestamp").first)
            let code = HMACSHA256.code(over: (id + "." + stamp + ".").bytes + request.body, key: Self.secret)
            #expect(request.values("webhook-signature") == [Text("v1," + Base64.encode(code))])
            #expect(eventually { (try? proxy.metric(#"webhook_deliveries_total{result="ok"}"#)) == 1 })
            agent.close()
            let again = try proxy.agent()
            again.send(proxy.world.mcp(5_000))
            #expect(eventually { (try? proxy.approvals())?.first?["attached"]?.bool == true })
            #expect(hook.requests.count == 1)
        }
    }

    @Test func `a receiver that fails holds nothing up, and is tried again`() throws {
        try withHook { proxy, hook throws in
            hook.script(.respond(500))
            let (agent, approval) = try proxy.heldCall()
            #expect(hook.hasReceived(1))
            #expect(eventually { (try? proxy.metric(#"webhook_deliveries_total{result="failed"}"#)) == 1 })
            try proxy.review(approval)
            #expect(agent.receive()?.status == 200)
            #expect(hook.hasReceived(2, within: .seconds(20)))
            #expect(hook.requests[0].values("webhook-id") == hook.requests[1].values("webhook-id"))
        }
    }
}
