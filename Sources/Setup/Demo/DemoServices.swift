internal import Gateway
internal import HTTP
internal import Primitives
internal import Reactor

/// The sample tool: plain HTTP and MCP `tools/call`, unmodified and unaware of any proxy.
///
/// It counts what reaches it.
final class DemoTool: ServiceEndpoint {
    func handle(
        _ request: ServiceRequest, on loop: Loop, _ respond: @escaping @Sendable (ServiceResponse) -> Void
    ) {
        respond(answer(request))
    }

    private func answer(_ request: ServiceRequest) -> ServiceResponse {
        let orders: Text = "/v1/orders/"
        switch request.path {
        case "/mcp": return mcp(request.body)
        case "/v1/refunds":
            let amount = (try? JSONParser.parse(request.body))?["amount"] ?? .null
            return .json(201, .object(["refund": "R-1", "amount": amount]))
        default:
            guard request.path.hasPrefix(orders) else { return .text(404, "no such thing\n") }
            return .json(
                200,
                .object(["order": .string(request.path.dropFirst(orders.count)), "total": .integer(129)]))
        }
    }

    private func mcp(_ body: [UInt8]) -> ServiceResponse {
        guard let message = try? JSONParser.parse(body), let id = message["id"],
            let params = message["params"],
            let name = params["name"]?.string
        else { return .text(400, "not a tool call\n") }
        let limit = params["arguments"]?["limit"]?.integer ?? 10
        return .json(
            200,
            .object([
                "jsonrpc": "2.0", "id": id,
                "result": .object([
                    "content": .array([
                        .object(["type": "text", "text": .string("\(name): \(limit) orders")])
                    ]),
                    "isError": .bool(false),
                ]),
            ]))
    }
}

/// The demo's token issuer and login, for the printed `curl` lines.
///
/// Throw-away: it gives a token to anybody on loopback.
final class DemoIssuer: ServiceEndpoint {
    private let world: DemoWorld
    private let clock: SystemClock

    init(_ world: DemoWorld, clock: SystemClock) { (self.world, self.clock) = (world, clock) }

    func handle(
        _ request: ServiceRequest, on loop: Loop, _ respond: @escaping @Sendable (ServiceResponse) -> Void
    ) {
        respond(answer(request))
    }

    private func answer(_ request: ServiceRequest) -> ServiceResponse {
        let items = (try? request.head.target.queryItems()) ?? []
        func value(_ name: Text) -> Text? { items.first { $0.name == name }?.value }
        let now = clock.now.time
        switch request.path {
        case "/token":
            guard let action = value("action"), let resource = value("resource"), !resource.isEmpty,
                let token = try? world.token(action, resource, argumentsDigest: value("args_digest"), at: now)
            else { return .text(400, "say action= and resource=\n") }
            return .text(200, token.string)
        case "/login":
            guard let person = value("person"), ["alice", "bob", "carol"].contains(person),
                let token = try? world.loginToken(for: person, at: now)
            else { return .text(400, "say person=alice, bob or carol\n") }
            return .text(200, token.string)
        default: return .text(404, "there are /token and /login\n")
        }
    }
}
