import Crypto
import HTTP
import Primitives
import Testing
import Tokens

@testable import Enforcement

/// A field, if there is a type.
func contentType(_ type: Text?) -> [(Text, Text)] {
    guard let type else { return [] }
    return [("Content-Type", type)]
}

@Suite struct HTTPCallTests {
    private let scene = Scene()

    private func call(
        _ method: Text, _ target: Text, _ type: Text?, _ body: String?, _ more: [(Text, Text)] = []
    ) throws(Denial) -> ToolCall {
        try ToolCall.http(
            Scene.request(method, target, contentType(type) + more), body: body.map { Array($0.utf8) })
    }

    private func slug(_ type: Text?, _ body: String, _ more: [(Text, Text)] = []) -> String? {
        do throws(Denial) {
            _ = try call("POST", "/v1/orders", type, body, more)
            return nil
        } catch {
            return error.slug
        }
    }

    private func digest(_ body: String) -> Text {
        Text("sha-256=:\(Base64.encode(SHA256.hash(Array(body.utf8)).bytes)):")
    }

    @Test func `the action is the method, the resource the whole target`() throws {
        let call = try call("GET", "/v1/orders?limit=5&region=eu%20west", nil, nil)
        #expect(call.action.action == "GET")
        #expect(call.action.resource == "/v1/orders?limit=5&region=eu%20west")
        #expect(call.query.map(\.name) == ["limit", "region"])
        #expect(call.query.map(\.value) == ["5", "eu west"])
        #expect(call.action.arguments?["query"] == json(#"{"limit":"5","region":"eu west"}"#))
        #expect(call.tool == nil)
        #expect(call.messageID == nil)
    }

    @Test func `a JSON body is the arguments`() throws {
        for type in ["application/json", "application/vnd.x+json", "APPLICATION/JSON ; Charset=\"utf-8\""]
            as [Text]
        {
            let call = try call("POST", "/v1/orders", type, #"{"a":1.50}"#)
            #expect(call.arguments == json(#"{"a":1.5}"#))
            #expect(call.action.arguments?["body"] == json(#"{"a":1.5}"#))
            #expect(
                call.action.digestInput == json(#"{"method":"POST","target":"/v1/orders","body":{"a":1.5}}"#))
        }
    }

    @Test func `any other body is bytes with a digest, and has no arguments`() throws {
        for type in [nil, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"]
            as [Text?]
        {
            let call = try call("POST", "/v1/orders", type, "a=1")
            #expect(call.arguments == nil)
            #expect(call.action.arguments == nil)
            #expect(call.contentDigest == digest("a=1"))
            #expect(call.action.digestInput?["content_digest"]?.string == digest("a=1"))
        }
    }

    @Test func `no body, an empty one and one that nobody read are told apart where it matters`() throws {
        let empty = try call("POST", "/v1/orders", "application/json", "")
        #expect(empty.contentDigest == nil)
        #expect(empty.arguments == nil)
        #expect(empty.action.digestInput == json(#"{"method":"POST","target":"/v1/orders"}"#))
        #expect(empty.action.arguments?["body"] == nil)
        let unread = try call("POST", "/v1/orders", "application/json", nil)
        #expect(unread.action.digestInput == nil)
        #expect(unread.body == nil)
    }

    @Test(
        arguments: [
            ("application/json", "{", "ambiguous-request"), ("application/json", "{}{}", "ambiguous-request"),
            ("application/json", #"{"a":1,"a":2}"#, "ambiguous-request"),
            ("application/json", "NaN", "ambiguous-request"),
            ("application/json", #""\ud800""#, "ambiguous-request"),
            ("application/json", "\u{FEFF}{}", "ambiguous-request"),
            ("application/json; charset=latin1", "{}", "unsupported-content"),
            ("text/plain; charset=utf-16", "x", "unsupported-content"),
            ("application/json, application/json", "{}", "ambiguous-request"),
            ("application/json", String(repeating: "[", count: 10_000), "ambiguous-request"),
        ] as [(Text, String, String)])
    func `a body that could be read in two ways is refused`(_ type: Text, _ body: String, _ wanted: String) {
        #expect(slug(type, body) == wanted)
    }

    @Test func `two content types are ambiguous`() {
        #expect(slug("application/json", "{}", [("Content-Type", "text/plain")]) == "ambiguous-request")
    }

    @Test(arguments: ["gzip", "br", "identity, gzip", "x"] as [Text])
    func `what is decoded after us is not judged`(_ coding: Text) {
        #expect(slug("application/json", "{}", [("Content-Encoding", coding)]) == "unsupported-content")
        #expect(slug("application/json", "{}", [("Content-Encoding", "identity")]) == nil)
    }

    // MARK: Queries

    @Test(
        arguments: ["limit=1&limit=2000", "limit=1&LIMIT=2000", "limit[]=5", "limit%5B0%5D=5", "Limit[x]=5"]
            as [Text])
    func `a query key that a rule reads has one meaning`(_ query: Text) {
        let target = "/v1/orders?" + query
        let request = Scene.request(
            "GET", target, [("Authorization", "Bearer " + Scene.token("GET", target))])
        #expect(scene.denial(request)?.slug == "ambiguous-request")
        #expect(scene.claims.asked.isEmpty)
    }

    @Test func `a query key that nobody reads may repeat`() {
        let target: Text = "/v1/orders?tag=a&tag=b"
        let request = Scene.request(
            "GET", target, [("Authorization", "Bearer " + Scene.token("GET", target))])
        #expect(scene.denial(request) == nil)
    }

    @Test(arguments: ["tag=a&tag=b", "tag%5B%5D=a"] as [Text])
    func `no query key repeats under a token that binds arguments`(_ query: Text) {
        let constraints = #"{"query.tag":{"constraint_type":"wildcard"}}"#
        let token = Scene.token("GET", "/v1/orders", constraints: constraints)
        let request = Scene.request("GET", "/v1/orders?" + query, [("Authorization", "Bearer " + token)])
        #expect(scene.denial(request)?.slug == "ambiguous-request")
    }

    @Test(arguments: ["a=%", "a=%zz", "a=%ff"] as [Text])
    func `a query that cannot be decoded is unreadable`(_ query: Text) {
        // Broken escapes do not even make a target; what decodes to no text is found when it is read.
        guard let target = try? RequestTarget("/v1/orders?" + query) else { return }
        let request = HTTPRequest(method: "GET", target: target, host: "orders-db.tools.svc")
        #expect(throws: Denial.self) { try ToolCall.http(request, body: nil) }
    }

    // MARK: Rules

    @Test func `rules read the query and headers`() {
        func slug(_ method: Text, _ target: Text, _ fields: [(Text, Text)] = []) -> String? {
            let token: (Text, Text) = ("Authorization", "Bearer " + Scene.token(method, target))
            return scene.denial(Scene.request(method, target, [token] + fields))?.slug
        }
        #expect(slug("GET", "/v1/orders?limit=1000") == nil)
        #expect(slug("GET", "/v1/orders?limit=1001") == "policy-denied")
        #expect(slug("PUT", "/v1/orders/7", [("X-Amount", "100")]) == nil)
        #expect(slug("PUT", "/v1/orders/7", [("X-Amount", "101")]) == "policy-denied")
        #expect(slug("PUT", "/v1/orders/7", [("X-Amount", "1"), ("x-amount", "101")]) == "policy-denied")
        #expect(slug("DELETE", "/v1/orders/7") == "policy-denied")
    }

    @Test func `an http rule never matches on an mcp route`() {
        let body = Scene.toolCall("drop_everything")
        #expect(
            scene.denial(Scene.mcp(body, token: Scene.token("tools/call", "drop_everything")), body)?.slug
                == "policy-denied")
    }

    @Test func `rules that came while the body streamed past unread do not get to guess`() throws {
        let token = Scene.token("POST", "/v1/orders")
        let open = try scene.open(
            Scene.request("POST", "/v1/orders", [("Authorization", "Bearer " + token)], body: .exactly(9)))
        #expect(!open.inspectsBody)
        let newer = Scene.load(
            """
            apiVersion: sallyport.dev/v1
            kind: ActionPolicy
            metadata: { name: newer }
            spec:
              rules:
              - name: small
                effect: Allow
                http: { methods: [POST], paths: ["/v1/orders"] }
                when: [{ key: args.amount, operator: LessThan, value: 10 }]
            """)
        do throws(Denial) {
            _ = try scene.enforcer.admit(open, body: nil, under: newer, at: Now(Scene.now))
            Issue.record("it was judged by what nobody read")
        } catch {
            #expect(error.slug == "control-unavailable")
        }
        #expect(scene.claims.asked.isEmpty)
    }

    // MARK: Digests

    @Test(
        arguments: [
            (#"{"amount":5}"#, "application/json"), ("a=1", "application/x-www-form-urlencoded"), ("", nil),
        ] as [(String, Text?)])
    func `a token binds the exact call by its digest`(_ body: String, _ type: Text?) throws {
        let bound = try call("POST", "/v1/orders", type, body)
        let token = Scene.token("POST", "/v1/orders", digest: try bound.action.argumentsDigest())
        func slug(_ body: String, _ target: Text = "/v1/orders", _ token: Text) -> String? {
            let length: BodyLength = body.isEmpty ? .none : .exactly(body.utf8.count)
            let fields: [(Text, Text)] = [("Authorization", "Bearer " + token)]
            return scene.denial(
                Scene.request("POST", target, fields + contentType(type), body: length), body)?.slug
        }
        #expect(slug(body.isEmpty ? "x" : body + " x", "/v1/orders", token) != nil)
        #expect(slug(body, "/v1/orders?x=1", token) == "token-mismatch")
        #expect(scene.claims.asked.isEmpty)
        #expect(slug(body, "/v1/orders", token) == nil)
    }
}
