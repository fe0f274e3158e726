import Crypto
import Primitives
import Testing

@testable import Tokens

@Suite struct AuthorizationTests {
    static func token(_ action: String, _ identifier: String, _ more: String = "") throws -> VerifiedToken {
        try TokenMint().claim(
            "authorization_details", TokenMint.details(action: action, identifier: identifier, more: more)
        ).verified()
    }

    private func judge(_ token: VerifiedToken, _ action: ToolAction) -> TokenError? {
        do throws(TokenError) {
            try token.authorizes(action)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a token is for one action on one resource`() throws {
        let token = try Self.token("tools/call", "query_orders")
        #expect(judge(token, .init(kind: .mcp, action: "tools/call", resource: "query_orders")) == nil)
        for (kind, action, resource, error) in [
            (ToolAction.Kind.mcp, Text("resources/read"), Text("query_orders"), TokenError.wrongAction),
            (.mcp, "tools/call", "query_order", .wrongResource),
            (.mcp, "tools/call", "Query_orders", .wrongResource),
            (.mcp, "tools/call", "", .wrongResource), (.http, "tools/call", "query_orders", .wrongAction),
            (.grpc, "tools/call", "query_orders", .wrongAction), (.http, "GET", "query_orders", .wrongAction),
        ] {
            #expect(judge(token, .init(kind: kind, action: action, resource: resource)) == error)
            #expect(error.isMismatch)
        }
    }

    @Test func `an HTTP method never stands for an action of another protocol`() throws {
        let grpc = try Self.token("grpc", "/orders.v1.Orders/List")
        #expect(judge(grpc, .init(kind: .grpc, action: "grpc", resource: "/orders.v1.Orders/List")) == nil)
        #expect(
            judge(grpc, .init(kind: .http, action: "grpc", resource: "/orders.v1.Orders/List"))
                == .wrongAction)
        let lower = try Self.token("get", "/x")
        #expect(judge(lower, .init(kind: .http, action: "get", resource: "/x")) == .wrongAction)
        let made = try Self.token("tools/list", "x")
        #expect(judge(made, .init(kind: .mcp, action: "tools/list", resource: "x")) == .wrongAction)
    }

    static let region = #","constraints":{"query.region":{"constraint_type":"exact","value":"eu"}}"#
    static let limit = #","constraints":{"query.limit":{"constraint_type":"range","max":1000}}"#
    static let body = #","constraints":{"body.n":{"constraint_type":"range","max":5}}"#
    static let both =
        #","constraints":{"query.region":{"constraint_type":"wildcard"},"body":{"constraint_type":"wildcard"}}"#
    static let whole = #","constraints":{"query":{"constraint_type":"wildcard"}}"#

    /// Identifier, more of the token, target, arguments (nil: unread), verdict.
    static let http: [(String, String, String, String?, TokenError?)] = [
        ("/v1/orders", "", "/v1/orders", nil, nil),
        ("/v1/orders", "", "/v1/orders?", nil, .wrongResource),
        ("/v1/orders", "", "/v1/orders?a=1", nil, .wrongResource),
        ("/v1/orders", "", "/v1/orders/", nil, .wrongResource),
        ("/v1/orders", "", "/v1/Orders", nil, .wrongResource),
        ("/v1/orders?a=1&b=2", "", "/v1/orders?a=1&b=2", nil, nil),
        ("/v1/orders?a=1&b=2", "", "/v1/orders?b=2&a=1", nil, .wrongResource),
        ("/v1/orders?a=1", "", "/v1/orders", nil, .wrongResource),
        ("/v1/orders", region, "/v1/orders?region=eu", #"{"query":{"region":"eu"}}"#, nil),
        (
            "/v1/orders", region, "/v1/orders?region=us", #"{"query":{"region":"us"}}"#,
            .constraint(path: "query.region")
        ),
        (
            "/v1/orders", region, "/v1/orders?region=eu&x=1", #"{"query":{"region":"eu","x":"1"}}"#,
            .constraint(path: "query.x")
        ),
        ("/v1/orders", region, "/v1/orders", #"{"query":{}}"#, .constraint(path: "query.region")),
        ("/v1/orders", region, "/v1/orders", "{}", .constraint(path: "query")),
        ("/v1/orders", region, "/v1/other?region=eu", #"{"query":{"region":"eu"}}"#, .wrongResource),
        (
            "/v1/orders", region, "/v1/orders?region=eu", #"{"query":{"region":"eu"},"body":{}}"#,
            .constraint(path: "body")
        ),
        ("/v1/orders", region, "/v1/orders?region=eu", nil, .argumentsUnread),
        ("/v1/orders", region, "/v1/orders?region=eu", "[]", .constraint(path: "")),
        ("/v1/orders", limit, "/v1/orders?limit=1000", #"{"query":{"limit":"1000"}}"#, nil),
        ("/v1/orders", limit, "/v1/orders?limit=1e3", #"{"query":{"limit":"1e3"}}"#, nil),
        (
            "/v1/orders", limit, "/v1/orders?limit=1001", #"{"query":{"limit":"1001"}}"#,
            .constraint(path: "query.limit")
        ),
        (
            "/v1/orders", limit, "/v1/orders?limit=0x1", #"{"query":{"limit":"0x1"}}"#,
            .constraint(path: "query.limit")
        ),
        (
            "/v1/orders", limit, "/v1/orders?limit=%201", #"{"query":{"limit":" 1"}}"#,
            .constraint(path: "query.limit")
        ),
        ("/v1/orders", body, "/v1/orders", #"{"query":{},"body":{"n":5}}"#, nil),
        ("/v1/orders", body, "/v1/orders", #"{"query":{},"body":{"n":"5"}}"#, .constraint(path: "body.n")),
        (
            "/v1/orders", body, "/v1/orders", #"{"query":{},"body":{"n":5,"m":1}}"#,
            .constraint(path: "body.m")
        ),
        ("/v1/orders", body, "/v1/orders", #"{"query":{}}"#, .constraint(path: "body")),
        ("/v1/orders", body, "/v1/orders?x=1", #"{"query":{"x":"1"},"body":{"n":5}}"#, .wrongResource),
        ("/v1/orders?x=1", body, "/v1/orders?x=1", #"{"query":{"x":"1"},"body":{"n":5}}"#, nil),
        ("/v1/orders?region=eu", region, "/v1/orders?region=eu", #"{"query":{"region":"eu"}}"#, nil),
        (
            "/v1/orders?region=us", region, "/v1/orders?region=us", #"{"query":{"region":"us"}}"#,
            .constraint(path: "query.region")
        ),
        ("/v1/orders?x=1", region, "/v1/orders?region=eu", #"{"query":{"region":"eu"}}"#, .wrongResource),
        ("/v1/orders", both, "/v1/orders?region=x", #"{"query":{"region":"x"},"body":[1]}"#, nil),
        ("/v1/orders", whole, "/v1/orders?any=1", #"{"query":{"any":"1"}}"#, .wrongResource),
        ("/v1/orders", whole, "/v1/orders", #"{"query":{}}"#, nil),
    ]

    @Test(arguments: http)
    func `an HTTP target is compared byte for byte, and the query too`(
        _ identifier: String, _ more: String, _ target: String, _ arguments: String?, _ verdict: TokenError?
    ) throws {
        let token = try Self.token("GET", identifier, more)
        let action = ToolAction(
            kind: .http, action: "GET", resource: Text(target), arguments: arguments.map(json))
        #expect(judge(token, action) == verdict)
        #expect(token.needsArguments == !more.isEmpty)
    }

    @Test func `constraints on an MCP call judge its arguments, and text is no number there`() throws {
        let token = try Self.token(
            "tools/call", "query_orders", #","constraints":{"limit":{"constraint_type":"range","max":1000}}"#)
        #expect(token.needsArguments)
        for (arguments, verdict) in [
            (#"{"limit":1000}"#, TokenError?.none), (#"{"limit":1000.5}"#, .constraint(path: "limit")),
            (#"{"limit":"10"}"#, .constraint(path: "limit")), ("{}", .constraint(path: "limit")),
            (#"{"limit":1,"query":"*"}"#, .constraint(path: "query")), ("[]", .constraint(path: "")),
            ("null", .constraint(path: "")),
        ] {
            let action = ToolAction(
                kind: .mcp, action: "tools/call", resource: "query_orders", arguments: json(arguments))
            #expect(judge(token, action) == verdict)
        }
        #expect(
            judge(token, .init(kind: .mcp, action: "tools/call", resource: "query_orders"))
                == .argumentsUnread)
        let query = try Self.token("tools/call", "q", Self.limit)
        let text = ToolAction(
            kind: .mcp, action: "tools/call", resource: "q", arguments: json(#"{"query":{"limit":"5"}}"#))
        #expect(judge(query, text) == .constraint(path: "query.limit"))
    }

    @Test func `a gRPC message has no arguments to constrain`() throws {
        let token = try Self.token("grpc", "/a.B/C", Self.body)
        let action = ToolAction(
            kind: .grpc, action: "grpc", resource: "/a.B/C", arguments: json(#"{"body":{"n":1}}"#))
        #expect(judge(token, action) == .argumentsUnread)
    }

    @Test func `a digest binds the exact arguments, in whatever order they come`() throws {
        let input = json(#"{"name":"query_orders","arguments":{"b":[1.50,"é"],"a":{"y":1e1,"x":null}}}"#)
        let digest = "sha-256:" + SHA256.hash(try input.canonical()).base64URL
        let token = try Self.token("tools/call", "query_orders", #","args_digest":"\#(digest)""#)
        #expect(token.needsArguments)
        func verdict(_ input: JSON?) -> TokenError? {
            judge(
                token, .init(kind: .mcp, action: "tools/call", resource: "query_orders", digestInput: input))
        }
        #expect(verdict(input) == nil)
        #expect(
            verdict(json(#"{"arguments":{"a":{"x":null,"y":10},"b":[1.5,"\u00e9"]},"name":"query_orders"}"#))
                == nil)
        #expect(verdict(json(#"{"name":"query_orders","arguments":{}}"#)) == .argumentsDigest)
        #expect(
            verdict(json(#"{"name":"query_orders","arguments":{"b":[1.5,"e\u0301"],"a":{"y":10,"x":null}}}"#))
                == .argumentsDigest)
        #expect(verdict(nil) == .argumentsUnread)
        #expect(verdict(json(#"{"n":9007199254740993}"#)) == .argumentsNotCanonical(.numberLosesPrecision))
        #expect(verdict(json(#"{"n":-0}"#)) == .argumentsNotCanonical(.negativeZero))
        #expect(verdict(json(#"{"n":1e400}"#)) == .argumentsNotCanonical(.numberOverflows))
    }

    @Test func `the digest has one text`() throws {
        let action = ToolAction(kind: .mcp, action: "tools/call", resource: "x", digestInput: json("{}"))
        #expect(try action.argumentsDigest() == "sha-256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o")
        #expect(try ToolAction(kind: .mcp, action: "tools/call", resource: "x").argumentsDigest() == nil)
    }

    @Test func `every reason has words and a bounded label`() {
        let reasons: [TokenError] = [
            .malformed(.tooLong), .type, .keyID, .payloadNotJSON(.unexpectedEnd), .claim("x"), .unknownIssuer,
            .unknownKey, .algorithm, .signature, .audience, .clientID, .confirmation, .proofKeyUnsupported,
            .binding,
            .notYetValid, .expired, .lifetimeTooLong, .issuedInFuture, .tokenID, .details(.actions),
            .wrongAction,
            .wrongResource, .constraint(path: "x"), .argumentsUnread, .argumentsDigest,
            .argumentsNotCanonical(.negativeZero),
        ]
        for reason in reasons {
            #expect(!reason.description.isEmpty)
            #expect(reason.metricsName.utf8.allSatisfy { 0x61...0x7A ~= $0 || $0 == 0x5F })
        }
        #expect(reasons.filter(\.isMismatch).count == 6)
    }
}
