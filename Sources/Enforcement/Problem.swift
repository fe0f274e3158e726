public import HTTP
public import Primitives

/// The proxy's own answers: RFC 9457 problems, or JSON-RPC where the route speaks MCP.
public struct Problem: Sendable {
    public let response: HTTPResponse
    public let body: [UInt8]

    /// What every answer names so that a person can find its record.
    public struct Reference: Sendable {
        public let call: CallID

        public init(call: CallID) { self.call = call }
    }

    public init(_ denial: Denial, for reference: Reference, answering route: RouteProtocol, message id: JSON?)
    {
        if case .mcp = route, let answer = Problem.jsonRPC(denial, reference, id) {
            self = answer
        } else {
            self.init(
                status: denial.status, fields: Problem.fields(of: denial), type: "application/problem+json",
                json: Problem.document(denial, reference))
        }
    }

    private init(status: Int, fields: [(Text, Text)], type: Text, json: JSON) {
        response = HTTPResponse(status: status, fields: HTTPFields([("content-type", type)] + fields))
        body = json.encoded + [0x0A]
    }

    /// The id to answer with when an MCP message was refused before it was understood.
    public static func messageID(of body: [UInt8]) -> JSON? { MCPCall.messageID(of: body) }

    static func document(_ denial: Denial, _ reference: Reference) -> JSON {
        var rule: Text?
        if case .policy(let name, _) = denial { rule = name }
        return .object([
            "type": .string("https://sallyport.dev/problems/\(denial.slug)"),
            "title": .string(denial.slug.split(separator: "-").joined(separator: " ")),
            "status": .integer(Int64(denial.status)),
            "detail": .string(denial.detail),
            "decision_id": .string(reference.call.text),
            "request_id": .string(reference.call.text),
            "rule": rule.map { .string($0) },
            "approval": denial.approval.map { .string($0.text) },
        ])
    }

    private static func fields(of denial: Denial) -> [(Text, Text)] {
        var fields: [(Text, Text)] = [
            ("cache-control", "no-store"),
            ("proxy-status", Text("sallyport; error=\(denial.proxyError)")),
        ]
        if let challenge = denial.challenge { fields.append(("www-authenticate", Text(challenge))) }
        if let seconds = denial.retryAfterSeconds { fields.append(("retry-after", Text(String(seconds)))) }
        return fields
    }

    /// MCP (contract §3): denials and approval outcomes of a request are results a model can read; everything
    /// else keeps its HTTP status with a JSON-RPC error in the body.
    ///
    /// Nil without a message to answer: then plain HTTP.
    private static func jsonRPC(_ denial: Denial, _ reference: Reference, _ id: JSON?) -> Problem? {
        let data = document(denial, reference)
        if denial.isReadableResult, let id {
            return Problem(
                status: 200, fields: fields(of: denial).filter { $0.0 != "retry-after" },
                type: "application/json",
                json: .object([
                    "jsonrpc": "2.0", "id": id,
                    "result": .object([
                        "content": .array([
                            .object([
                                "type": "text",
                                "text": .string("\(denial.detail) (decision \(reference.call))"),
                            ])
                        ]),
                        "isError": .bool(true),
                        "_meta": .object(["sallyport.dev/problem": data]),
                    ]),
                ]))
        }
        guard id != nil || denial.isTokenProblem else { return nil }
        return Problem(
            status: denial.status, fields: fields(of: denial), type: "application/json",
            json: .object([
                "jsonrpc": "2.0", "id": id ?? .null,
                "error": .object([
                    // Outside the range JSON-RPC and MCP reserve: the HTTP status says the same.
                    "code": .integer(Int64(denial.status)), "message": .string(denial.detail), "data": data,
                ]),
            ]))
    }
}

extension Denial {
    var approval: CallID? {
        switch self {
        case .approvalDenied(let id), .approvalExpired(let id), .superseded(let id), .approvalPending(let id):
            id
        default: nil
        }
    }

    fileprivate var isTokenProblem: Bool {
        switch self {
        case .tokenRequired, .invalidToken, .replayed, .mismatch: true
        default: false
        }
    }

    /// What a model should read as the outcome of its tool call.
    fileprivate var isReadableResult: Bool {
        switch self {
        case .policy, .approvalDenied, .approvalExpired, .approvalPending: true
        default: false
        }
    }
}
