internal import Crypto
internal import HTTP
internal import Primitives
internal import Tokens

/// Recognises one MCP request (JSON-RPC 2.0 over Streamable HTTP) without terminating it.
///
/// The three methods that act need a capability. Everything else is not let through yet: session methods
/// (`initialize`, `*/list`, …) come with their own rules.
enum MCPCall {
    private static let envelopeNames: Set<Text> = ["jsonrpc", "id", "method", "params"]
    /// Where each acting method names its resource.
    private static let resourceNames: [Text: Text] = [
        "tools/call": "name", "resources/read": "uri", "prompts/get": "name",
    ]

    static func read(_ request: HTTPRequest, body: [UInt8]) throws(Denial) -> ToolCall {
        guard request.method == "POST" else {
            throw .ambiguous("an MCP route takes one JSON-RPC message by POST, not \(request.method)")
        }
        guard request.target.query == nil else { throw .ambiguous("an MCP request has no query") }
        let content = try Content(request.fields, body: body)
        guard let message = content.json else {
            throw .ambiguous("an MCP request is one JSON value with `content-type: application/json`")
        }
        let envelope = try envelope(of: message)
        guard let resourceName = resourceNames[envelope.method] else {
            throw .policy(rule: nil, reason: "MCP method `\(envelope.method)` is not let through")
        }
        guard let id = envelope.id else { throw .ambiguous("`\(envelope.method)` without an `id`") }
        let params = try parameters(of: envelope, resourceName)
        try compareHeaders(request.fields, envelope.method, params.resource)
        return ToolCall(
            action: ToolAction(
                kind: .mcp, action: envelope.method, resource: params.resource,
                arguments: .object(params.arguments),
                digestInput: .object([
                    "name": .string(params.resource), "arguments": .object(params.arguments),
                ])),
            tool: envelope.method == "tools/call" ? params.resource : nil,
            messageID: id, arguments: .object(params.arguments), query: [], contentDigest: content.digest,
            contentType: content.type, body: body)
    }

    /// The id to answer with when a message was refused before it was understood.
    static func messageID(of body: [UInt8]) -> JSON? {
        guard let id = (try? JSONParser.parse(body))?["id"], isID(id) else { return nil }
        return id
    }

    private struct Envelope {
        let id: JSON?
        let method: Text
        let params: JSON?
    }

    private static func envelope(of message: JSON) throws(Denial) -> Envelope {
        if message.array != nil {
            throw .ambiguous("JSON-RPC batches are refused; send one message a request")
        }
        guard let object = message.object else { throw .ambiguous("a JSON-RPC message is an object") }
        for name in object.names where !envelopeNames.contains(name) {
            throw .ambiguous("`\(name)` does not belong in a JSON-RPC request")
        }
        guard object["jsonrpc"]?.string == "2.0" else { throw .ambiguous("`jsonrpc` must be \"2.0\"") }
        guard let method = object["method"]?.string else { throw .ambiguous("`method` must be a string") }
        if let id = object["id"], !isID(id) { throw .ambiguous("`id` must be a string or an integer") }
        return Envelope(id: object["id"], method: method, params: object["params"])
    }

    private static func isID(_ id: JSON) -> Bool { id.string != nil || id.integer != nil }

    private static func parameters(
        of envelope: Envelope, _ resourceName: Text
    ) throws(Denial) -> (resource: Text, arguments: JSONObject) {
        guard let params = envelope.params?.object else { throw .ambiguous("`params` must be an object") }
        for name in params.names where ![resourceName, "arguments", "_meta"].contains(name) {
            throw .ambiguous("`params.\(name)` is not judged and therefore refused")
        }
        guard let resource = params[resourceName]?.string else {
            throw .ambiguous("`params.\(resourceName)` must be a string")
        }
        if let meta = params["_meta"], meta.object == nil {
            throw .ambiguous("`params._meta` must be an object")
        }
        guard let given = params["arguments"] else { return (resource, JSONObject()) }
        guard let arguments = given.object else { throw .ambiguous("`params.arguments` must be an object") }
        return (resource, arguments)
    }

    /// MCP 2026-07-28: the headers must say what the body says.
    ///
    /// A tool of an older revision would not look.
    private static func compareHeaders(_ fields: HTTPFields, _ method: Text, _ resource: Text) throws(Denial)
    {
        for value in fields.values("mcp-method") where value != method {
            throw .ambiguous("`mcp-method` differs from the body's `method`")
        }
        for value in fields.values("mcp-name") where decoded(value) != resource {
            throw .ambiguous("`mcp-name` differs from the body")
        }
    }

    /// `=?base64?…?=` where the name is not plain ASCII.
    private static func decoded(_ value: Text) -> Text? {
        let opening: Text = "=?base64?"
        guard value.hasPrefix(opening), value.hasSuffix("?=") else { return value }
        return Base64.decode(value.dropFirst(opening.count).dropLast(2).bytes).map { Text($0) }
    }
}
