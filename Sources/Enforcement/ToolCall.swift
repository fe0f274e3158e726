internal import Crypto
internal import HTTP
public import Primitives
public import Tokens

/// What a request asks the tool to do, in the words that tokens, rules, approvals and the ledger use.
///
/// Made from the bytes that will be forwarded, once, after the last byte anybody judges has arrived.
public struct ToolCall: Sendable {
    public let action: ToolAction
    /// The MCP tool name of a `tools/call`; rules' `tools:` selects on it.
    public let tool: Text?
    /// JSON-RPC id to answer with; nil on other routes.
    public let messageID: JSON?
    /// MCP arguments or the JSON body, for rules' `args.*`; nil when there are none or nobody needed them.
    public let arguments: JSON?
    public let query: [(name: Text, value: Text)]
    /// RFC 9530 form of the body's SHA-256; nil when there is no body, it was not read, or it is JSON.
    public let contentDigest: Text?
    public let contentType: Text?
    /// The judged body; nil when it streams past unread.
    public let body: [UInt8]?
}

extension ToolCall {
    /// Reads an HTTP request.
    ///
    /// `body` is nil when nothing needs it: then there are no arguments and no digest.
    static func http(_ request: HTTPRequest, body: [UInt8]?) throws(Denial) -> ToolCall {
        let query = try readable { () throws(HTTPError) in try request.target.queryItems() }
        let content = try Content(request.fields, body: body)
        var arguments = JSONObject()
        arguments.append("query", .object(queryObject(query)))
        if let json = content.json { arguments.append("body", json) }
        var digested = JSONObject([
            .init(name: "method", value: .string(request.method)),
            .init(name: "target", value: .string(request.target.text)),
        ])
        if let json = content.json {
            digested.append("body", json)
        } else if let digest = content.digest {
            digested.append("content_digest", .string(digest))
        }
        return ToolCall(
            action: ToolAction(
                kind: .http, action: request.method, resource: request.target.text,
                // A body that is not JSON has arguments nobody can read: a token that binds them refuses it.
                arguments: content.isOpaque ? nil : .object(arguments),
                digestInput: body == nil ? nil : .object(digested)),
            tool: nil, messageID: nil, arguments: content.json, query: query, contentDigest: content.digest,
            contentType: content.type, body: body)
    }

    /// The first value of each key: whoever reads a repeated one refuses the request before (contract §3).
    private static func queryObject(_ items: [(name: Text, value: Text)]) -> JSONObject {
        var object = JSONObject()
        for item in items where object[item.name] == nil { object.append(item.name, .string(item.value)) }
        return object
    }

    /// SHA-256 of the judged body's bytes, as the ledger names bytes; nil without one.
    public var bodyDigest: Text? { body.map { Text("sha-256-bytes:" + SHA256.hash($0).base64URL) } }

    /// A decoded key that comes twice or as `k[]`, which tools read in different ways.
    var repeatedQueryKey: Text? {
        var seen: Set<Text> = []
        return query.first { !seen.insert($0.name).inserted || $0.name.hasSuffix("[]") }?.name
    }
}

/// A body as it can be judged: one JSON value, or bytes with a digest.
struct Content {
    let type: Text?
    let json: JSON?
    /// Of a body that is not JSON.
    let digest: Text?
    /// There is a body and it is not JSON.
    var isOpaque: Bool { digest != nil }

    init(_ fields: HTTPFields, body: [UInt8]?) throws(Denial) {
        let types = fields.values("content-type")
        type = types.first
        guard let body, !body.isEmpty else {
            (json, digest) = (nil, nil)
            return
        }
        guard types.count <= 1 else { throw .ambiguous("`content-type` appears twice") }
        try Content.refuseCodings(fields)
        guard let media = try type.map(MediaType.init), media.isJSON else {
            json = nil
            digest = Text("sha-256=:\(Base64.encode(SHA256.hash(body).bytes)):")
            return
        }
        do { json = try JSONParser.parse(body) } catch { throw .ambiguous("the body: \(error)") }
        digest = nil
    }

    /// What is decoded after us may be read differently from what we judged.
    static func refuseCodings(_ fields: HTTPFields) throws(Denial) {
        for coding in fields.values("content-encoding") where !coding.equalsIgnoringCase("identity") {
            throw .unsupportedContent(
                "`content-encoding: \(coding)` cannot be inspected; send the body as it is")
        }
    }
}

/// The part of a `Content-Type` that decides how a body is read (RFC 9110 §8.3).
struct MediaType {
    let isJSON: Bool

    init(_ value: Text) throws(Denial) {
        guard !value.contains(0x2C) else { throw .ambiguous("`content-type` lists several types") }
        let parts = value.split(on: 0x3B).map { $0.trimmed.lowercased }
        let essence = parts[0]
        isJSON = essence == "application/json" || essence.hasSuffix("+json")
        var charsets = 0
        for parameter in parts.dropFirst() {
            guard let equals = parameter.firstIndex(of: 0x3D) else { continue }
            guard parameter.prefix(equals).trimmed == "charset" else { continue }
            charsets += 1
            let name = parameter.dropFirst(equals + 1).trimmed
            guard charsets == 1, ["utf-8", "\"utf-8\""].contains(name) else {
                throw .unsupportedContent("charset `\(name)` cannot be inspected; only utf-8 can")
            }
        }
    }
}

/// Runs a reader of the HTTP module and turns its error into ours.
func readable<Value>(_ read: () throws(HTTPError) -> Value) throws(Denial) -> Value {
    do { return try read() } catch { throw .unreadable(error) }
}
