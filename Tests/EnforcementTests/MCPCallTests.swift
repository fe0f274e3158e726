import HTTP
import Primitives
import TestKit
import Testing
import Tokens

@testable import Enforcement

private func message(
    _ method: String = "tools/call", id: String? = "1", params: String? = #"{"name":"query_orders"}"#,
    more: String = ""
) -> String {
    var members = [#""jsonrpc":"2.0""#]
    if let id { members.append(#""id":\#(id)"#) }
    members.append(#""method":"\#(method)""#)
    if let params { members.append(#""params":\#(params)"#) }
    return "{" + members.joined(separator: ",") + more + "}"
}

@Suite struct MCPCallTests {
    private let scene = Scene()

    private func denial(_ body: String, _ fields: [(Text, Text)] = []) -> Denial? {
        scene.denial(Scene.mcp(body, fields), body)
    }

    @Test func `a tool call is recognised, with its arguments`() throws {
        let body = message(params: #"{"name":"query_orders","arguments":{"limit":5},"_meta":{"a":1}}"#)
        let judged = try scene.run(Scene.mcp(body), body).judged
        #expect(judged.call.action.action == "tools/call")
        #expect(judged.call.action.resource == "query_orders")
        #expect(judged.call.tool == "query_orders")
        #expect(judged.call.arguments == json(#"{"limit":5}"#))
        #expect(judged.call.messageID == .integer(1))
        #expect(judged.call.body == Array(body.utf8))
    }

    @Test(
        arguments: [
            ("tools/call", #"{"name":"x","arguments":{"a":1}}"#, "x", true),
            ("resources/read", #"{"uri":"file:///a"}"#, "file:///a", false),
            ("prompts/get", #"{"name":"p"}"#, "p", false),
        ] as [(String, String, Text, Bool)])
    func `each acting method names its resource`(
        _ method: String, _ params: String, _ resource: Text, _ isTool: Bool
    ) throws {
        let body = message(method, params: params)
        let call = try MCPCall.read(Scene.mcp(body), body: Array(body.utf8))
        #expect(call.action.action == Text(method))
        #expect(call.action.resource == resource)
        #expect(call.tool == (isTool ? resource : nil))
        #expect(call.action.digestInput?["name"]?.string == resource)
    }

    @Test(arguments: [
        "[" + message() + "]", "[]", "1", "null", "\"x\"", "", "{", message() + message(),
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"tools/call","params":{"name":"query_orders"}}"#,
        message(more: #","Method":"tools/list""#), message(more: #","ID":2"#), message(more: #","extra":1"#),
        message(more: #","result":{}"#), message(more: #","error":{}"#),
        message().replacing("\"2.0\"", with: "\"1.0\""), message().replacing("\"2.0\"", with: "2.0"),
        message().replacing("\"jsonrpc\":\"2.0\",", with: ""),
        message().replacing("\"tools/call\"", with: "7"),
        message(id: nil), message(id: "null"), message(id: "1.5"), message(id: "[1]"), message(id: "{}"),
        message(id: "true"), message(params: nil), message(params: "[]"), message(params: "null"),
        message(params: "{}"), message(params: #"{"name":7}"#), message(params: #"{"Name":"query_orders"}"#),
        message(params: #"{"name":"query_orders","uri":"x"}"#),
        message(params: #"{"name":"query_orders","Arguments":{}}"#),
        message(params: #"{"name":"query_orders","arguments":[]}"#),
        message(params: #"{"name":"query_orders","arguments":null}"#),
        message(params: #"{"name":"query_orders","arguments":"{}"}"#),
        message(params: #"{"name":"query_orders","_meta":1}"#),
        message(params: #"{"name":"query_orders","name":"drop_table"}"#),
        message(params: #"{"name":"query_orders","arguments":{"a":1,"a":2}}"#),
        message(params: #"{"name":"query_orders","task":{}}"#), message(params: #"{"name":"\ud800"}"#),
    ]) func `anything but one plain request is ambiguous, and leaves the token unspent`(_ body: String) {
        let denial = denial(body)
        #expect(denial?.slug == "ambiguous-request", "\(body)")
        #expect(denial?.status == 400)
        #expect(scene.claims.asked.isEmpty)
    }

    @Test(arguments: [
        "initialize", "tools/list", "notifications/initialized", "ping", "Tools/Call", "tools/call ",
        "tasks/get",
    ]) func `other methods are not let through`(_ method: String) {
        #expect(denial(message(method))?.slug == "policy-denied")
        #expect(denial(message(method, id: nil))?.slug == "policy-denied")
        #expect(scene.claims.asked.isEmpty)
    }

    @Test(arguments: ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"] as [Text])
    func `only POST carries a message`(_ method: Text) {
        let request = Scene.request(
            method, "/mcp",
            [("Authorization", "Bearer " + Scene.token()), ("Content-Type", "application/json")],
            body: .exactly(2))
        #expect(scene.denial(request, message())?.slug == "ambiguous-request")
    }

    @Test func `a message has no query`() {
        let request = Scene.request(
            "POST", "/mcp?x=1",
            [("Authorization", "Bearer " + Scene.token()), ("Content-Type", "application/json")],
            body: .exactly(2))
        #expect(scene.denial(request, message())?.slug == "ambiguous-request")
    }

    @Test(
        arguments: [
            (nil, "ambiguous-request"), ("text/plain", "ambiguous-request"), ("application/json", nil),
            ("Application/JSON; charset=UTF-8", nil),
            ("application/json; charset=utf-16", "unsupported-content"),
            ("application/json, text/plain", "ambiguous-request"), ("application/problem+json", nil),
            ("application/json; charset=utf-8; charset=utf-8", "unsupported-content"),
        ] as [(Text?, String?)]) func `a message is JSON in UTF-8`(_ type: Text?, _ wanted: String?)
    {
        let fields: [(Text, Text)] = [("Authorization", "Bearer " + Scene.token())] + contentType(type)
        let request = Scene.request("POST", "/mcp", fields, body: .exactly(message().utf8.count))
        #expect(scene.denial(request, message())?.slug == wanted)
    }

    @Test(
        arguments: [
            ([("Mcp-Method", "tools/call"), ("Mcp-Name", "query_orders")], nil),
            ([("Mcp-Method", "tools/list")], "ambiguous-request"),
            ([("Mcp-Method", "Tools/call")], "ambiguous-request"),
            ([("Mcp-Name", "drop_table")], "ambiguous-request"),
            ([("Mcp-Name", "query_orders"), ("Mcp-Name", "drop_table")], "ambiguous-request"),
            ([("Mcp-Name", "=?base64?cXVlcnlfb3JkZXJz?=")], nil),
            ([("Mcp-Name", "=?base64?ZHJvcF90YWJsZQ==?=")], "ambiguous-request"),
            ([("Mcp-Name", "=?base64?***?=")], "ambiguous-request"),
            ([("Mcp-Name", "")], "ambiguous-request"),
        ] as [([(Text, Text)], String?)])
    func `headers say what the body says`(_ fields: [(Text, Text)], _ wanted: String?) {
        #expect(denial(message(), fields)?.slug == wanted)
    }

    @Test func `arguments that are left out are an empty object`() throws {
        let call = try MCPCall.read(Scene.mcp(message()), body: Array(message().utf8))
        #expect(call.action.arguments == json("{}"))
        #expect(call.action.digestInput == json(#"{"name":"query_orders","arguments":{}}"#))
    }

    @Test func `a token binds the exact arguments by their digest`() throws {
        let arguments = #"{"limit":5,"region":"eu"}"#
        let input = json(#"{"name":"query_orders","arguments":\#(arguments)}"#)
        let digest = try ToolAction(
            kind: .mcp, action: "tools/call", resource: "query_orders", digestInput: input
        )
        .argumentsDigest()
        func slug(_ arguments: String) -> String? {
            let body = message(params: #"{"name":"query_orders","arguments":\#(arguments)}"#)
            return scene.denial(Scene.mcp(body, token: Scene.token(digest: digest)), body)?.slug
        }
        #expect(slug(#"{"region":"eu","limit":5}"#) == nil)
        #expect(slug(#"{"limit":5.0,"region":"eu"}"#) == nil)
        #expect(slug(#"{"limit":6,"region":"eu"}"#) == "token-mismatch")
        #expect(slug(#"{"limit":"5","region":"eu"}"#) == "token-mismatch")
        #expect(slug(#"{"limit":-0,"region":"eu"}"#) == "ambiguous-request")
        #expect(slug(#"{"limit":9007199254740993,"region":"eu"}"#) == "ambiguous-request")
    }

    @Test func `a random change of a good message is never let through as another call`() {
        var random = SeededGenerator(seed: 20_261_121)
        let good = Array(message(params: #"{"name":"query_orders","arguments":{"limit":5}}"#).utf8)
        for round in 0..<4_000 {
            var bytes = good
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
                default: bytes.remove(at: place)
                }
            }
            guard let call = try? MCPCall.read(Scene.mcp(message()), body: bytes) else { continue }
            #expect(["tools/call"].contains(call.action.action), "round \(round)")
            #expect(call.tool == call.action.resource, "round \(round)")
            #expect(call.body == bytes, "round \(round)")
        }
    }
}
