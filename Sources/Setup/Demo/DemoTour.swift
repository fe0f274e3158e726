internal import Approvals
internal import Crypto
internal import Ledger
internal import Primitives
internal import Reactor

/// Plays the story of one agent and checks every step of it against the running demo.
public struct DemoTour {
    private let demo: Demo
    private let say: (String) -> Void
    private var step = 0
    private var failures = 0

    public init(_ demo: Demo, say: @escaping (String) -> Void) { (self.demo, self.say) = (demo, say) }

    /// True when every step behaved.
    public mutating func play() -> Bool {
        let token = bearer("GET", "/v1/orders/42")
        let read = DemoClient.Request(method: "GET", target: "/v1/orders/42", fields: [token])
        check("The agent reads an order with a capability for exactly that", demo.agent.send(read), 200)
        check("The same token again is refused", demo.agent.send(read), 401, "token-replayed")
        alteredArguments()
        check(
            "Another workload presents a token of the agent", demo.rogue.send(order()), 401, "invalid-token")
        check(
            "A rule denies a tool, in words a model can read",
            demo.agent.send(call("drop_orders", limit: nil)), 200,
            "policy-denied")
        held(
            "A query of 5000 orders waits; Alice approves it; it runs once",
            call("query_orders", limit: 5000), approve: true)
        held("A refund of 250 waits; Bob denies it; the tool never hears of it", refund(250), approve: false)
        ledger()
        return failures == 0
    }

    // MARK: Requests

    private func bearer(_ action: Text, _ resource: Text, argumentsDigest: Text? = nil) -> (Text, Text) {
        let token = try? demo.world.token(
            action, resource, argumentsDigest: argumentsDigest, at: demo.clock.now.time)
        return ("authorization", "Bearer " + (token ?? ""))
    }

    private func order() -> DemoClient.Request {
        DemoClient.Request(method: "GET", target: "/v1/orders/42", fields: [bearer("GET", "/v1/orders/42")])
    }

    private static func message(_ tool: Text, _ arguments: JSON) -> [UInt8] {
        JSON.object([
            "jsonrpc": "2.0", "id": .integer(1), "method": "tools/call",
            "params": .object(["name": .string(tool), "arguments": arguments]),
        ]).encoded
    }

    private func call(_ tool: Text, limit: Int64?) -> DemoClient.Request {
        let arguments = JSON.object(["limit": limit.map { .integer($0) }])
        return DemoClient.Request(
            method: "POST", target: "/mcp",
            fields: [bearer("tools/call", tool), ("content-type", "application/json")],
            body: Self.message(tool, arguments))
    }

    private func refund(_ amount: Int64) -> DemoClient.Request {
        DemoClient.Request(
            method: "POST", target: "/v1/refunds",
            fields: [bearer("POST", "/v1/refunds"), ("content-type", "application/json")],
            body: JSON.object(["order": "42", "amount": .integer(amount)]).encoded)
    }

    // MARK: Steps

    /// The token binds a limit of 10; the call asks for 500.
    private mutating func alteredArguments() {
        let bound = JSON.object([
            "name": "query_orders", "arguments": .object(["limit": .integer(10)]),
        ])
        let digest = (try? bound.canonical()).map { Text("sha-256:" + SHA256.hash($0).base64URL) }
        let answer = demo.agent.send(
            DemoClient.Request(
                method: "POST", target: "/mcp",
                fields: [
                    bearer("tools/call", "query_orders", argumentsDigest: digest),
                    ("content-type", "application/json"),
                ],
                body: Self.message("query_orders", .object(["limit": .integer(500)]))))
        check("Arguments altered after the token was issued are refused", answer, 403, "token-mismatch")
    }

    private mutating func held(_ title: String, _ request: DemoClient.Request, approve: Bool) {
        let waiting = demo.agent.start(request)
        let person: Text = approve ? "alice" : "bob"
        guard let login = try? demo.world.loginToken(for: person, at: demo.clock.now.time) else {
            return fail(title, "no login")
        }
        let fields: [(Text, Text)] = [
            ("authorization", "Bearer " + login), ("content-type", "application/json"),
        ]
        guard let pending = pendingApproval(fields), let id = pending["id"]?.string,
            let digest = pending["digest"]
        else {
            return fail(title, "no approval appeared")
        }
        let review = JSON.object([
            "decision": approve ? "approve" : "deny", "reason": "looked at it", "digest": digest,
        ])
        let reviewed = demo.approvals.send(
            DemoClient.Request(
                method: "POST", target: "/v1/approvals/" + id + "/reviews", fields: fields,
                body: review.encoded))
        guard reviewed.status == 201 else { return fail(title, "the review was answered \(reviewed.status)") }
        let answer = waiting.receiveAll()?.first ?? DemoClient.Answer(status: 0, body: [])
        check(title, answer, approve ? 200 : 403, approve ? "" : "approval-denied")
    }

    private func pendingApproval(_ fields: [(Text, Text)]) -> JSON? {
        let list = DemoClient.Request(method: "GET", target: "/v1/approvals?status=pending", fields: fields)
        for _ in 0..<200 {
            if let first = demo.approvals.send(list).json["approvals"]?.array?.first { return first }
            Host.sleep(.milliseconds(20))
        }
        return nil
    }

    private mutating func ledger() {
        let directory = demo.world.directory + "/ledger"
        let report = try? LedgerVerification(of: LedgerFiles([directory])).report
        outcome(
            "The ledger verifies: every line carries the hash of the line before", report?.isIntact == true,
            report.map { "\($0.records) records" } ?? "it cannot be read")
        let edited = demo.world.directory + "/edited"
        let line = try? editedCopy(of: directory, to: edited)
        let verdict = try? LedgerVerification(of: LedgerFiles([edited])).report
        outcome(
            "One changed digit in a copy of it is found, and the line is named",
            line != nil && verdict?.firstBroken?.line == line,
            verdict?.firstBroken.map { "\($0)" } ?? "nothing was found")
    }

    /// Copies the ledger and changes a digit in the record of the first allowed call; returns its line.
    private func editedCopy(of directory: Text, to copy: Text) throws -> Int? {
        var changed: Int?
        let target = try Directory.make(copy)
        let source = try Directory(directory)
        for name in try source.names() where name.hasSuffix(".jsonl") {
            var lines = Text(try source.read(name, bytesMax: 64 << 20)).split(on: 0x0A)
            if changed == nil, let index = lines.firstIndex(where: { $0.contains("\"decision\":\"allow\"") })
            {
                var bytes = lines[index].bytes
                guard let digit = bytes.lastIndex(where: \.isASCIIDigit) else { return nil }
                bytes[digit] = bytes[digit] == 0x31 ? 0x32 : 0x31
                lines[index] = Text(bytes)
                changed = index + 1
            }
            _ = try target.create(name).write(Array(lines.map(\.bytes).joined(separator: [0x0A])), at: 0)
        }
        return changed
    }

    // MARK: Telling

    private mutating func check(
        _ title: String, _ answer: DemoClient.Answer, _ status: Int, _ problem: Text = ""
    ) {
        let found = "\(answer.status)" + (answer.problem.isEmpty ? "" : " \(answer.problem)")
        outcome(title, answer.status == status && answer.problem == problem, found)
    }

    private mutating func fail(_ title: String, _ why: String) { outcome(title, false, why) }

    private mutating func outcome(_ title: String, _ isRight: Bool, _ found: String) {
        step += 1
        if !isRight { failures += 1 }
        say(
            "\(step < 10 ? " " : "")\(step)  \(isRight ? "ok    " : "FAILED")  \(title)\n            → \(found)"
        )
    }
}
