import Policies
import Primitives
import Testing

/// How one `when` item answers, seen through an Allow, a Deny, and a Deny with `onMissing: Ignore`.
struct Answers: Equatable {
    let allow, deny, denyIgnoring: Bool

    static let yes = Answers(allow: true, deny: true, denyIgnoring: true)
    static let no = Answers(allow: false, deny: false, denyIgnoring: false)
    /// Absent, or of another type: against the caller.
    static let missing = Answers(allow: false, deny: true, denyIgnoring: false)
}

@Suite struct ConditionTests {
    private func answers(_ item: String, _ request: AccessRequest, hasOnMissing: Bool = true) throws
        -> Answers
    {
        func matches(_ effect: String, _ extra: String) throws -> Bool {
            let set = try policySet("- { name: r, effect: \(effect), when: [{ \(item)\(extra) }] }")
            return set.decide(request).matched == ["r"]
        }
        let deny = try matches("Deny", "")
        return Answers(
            allow: try matches("Allow", ""), deny: deny,
            denyIgnoring: hasOnMissing ? try matches("Deny", ", onMissing: Ignore") : deny)
    }

    @Test(arguments: [
        ("Equals, value: 5", #"{"x":5}"#, Answers.yes), ("Equals, value: 5", #"{"x":5.0}"#, .yes),
        ("Equals, value: 5", #"{"x":0.5e1}"#, .yes), ("Equals, value: 5", #"{"x":6}"#, .no),
        ("Equals, value: 5", #"{"x":"5"}"#, .missing), ("Equals, value: '5'", #"{"x":5}"#, .missing),
        ("Equals, value: 5", #"{}"#, .missing), ("Equals, value: 5", #"{"x":null}"#, .missing),
        ("Equals, value: 5", #"{"x":{"y":5}}"#, .missing), ("Equals, value: 5", #"{"X":5}"#, .missing),
        ("Equals, value: 9007199254740993", #"{"x":9007199254740992}"#, .no),
        ("Equals, value: 9007199254740993", #"{"x":9007199254740993}"#, .yes),
        ("Equals, value: true", #"{"x":true}"#, .yes), ("Equals, value: true", #"{"x":false}"#, .no),
        ("Equals, value: true", #"{"x":"true"}"#, .missing), ("Equals, value: 'é'", "{\"x\":\"é\"}", .yes),
        ("Equals, value: \"\\u00e9\"", "{\"x\":\"e\u{301}\"}", .no),
        ("NotEquals, value: a", #"{"x":"b"}"#, .yes), ("NotEquals, value: a", #"{"x":"a"}"#, .no),
        ("NotEquals, value: a", #"{"x":1}"#, .missing), ("NotEquals, value: a", #"{}"#, .missing),
        ("In, value: [a, b, 3]", #"{"x":"b"}"#, .yes), ("In, value: [a, b, 3]", #"{"x":3}"#, .yes),
        ("In, value: [a, b, 3]", #"{"x":4}"#, .no), ("In, value: [a, b, 3]", #"{"x":true}"#, .missing),
        ("NotIn, value: [a, b]", #"{"x":"c"}"#, .yes), ("NotIn, value: [a, b]", #"{"x":"a"}"#, .no),
        ("NotIn, value: [a, b]", #"{"x":1}"#, .missing), ("NotIn, value: [a, b]", #"{}"#, .missing),
        ("GreaterThan, value: 1000", #"{"x":1000}"#, .no),
        ("GreaterThan, value: 1000", #"{"x":1000.001}"#, .yes),
        ("GreaterThan, value: 1000", #"{"x":"1001"}"#, .missing),
        ("GreaterThan, value: 1000", #"{"x":1e999}"#, .yes),
        ("GreaterOrEqual, value: 1000", #"{"x":1000}"#, .yes),
        ("GreaterOrEqual, value: 1000", #"{"x":999}"#, .no),
        ("LessThan, value: -1", #"{"x":-2}"#, .yes), ("LessThan, value: -1", #"{"x":-1}"#, .no),
        ("LessOrEqual, value: -1", #"{"x":-1}"#, .yes), ("LessOrEqual, value: -1", #"{"x":0}"#, .no),
        ("Matches, value: '[a-z]+'", #"{"x":"abc"}"#, .yes),
        ("Matches, value: '[a-z]+'", #"{"x":"abc1"}"#, .no),
        ("Matches, value: '[a-z]+'", #"{"x":5}"#, .missing),
        ("Matches, value: '(a+)+[b-z]'", "{\"x\":\"\(String(repeating: "a", count: 5000))!\"}", .missing),
        ("NotMatches, value: '[a-z]+'", #"{"x":"a1"}"#, .yes),
        ("NotMatches, value: '[a-z]+'", #"{"x":"a"}"#, .no),
        ("NotMatches, value: '(a+)+[b-z]'", "{\"x\":\"\(String(repeating: "a", count: 5000))!\"}", .missing),
        ("StartsWith, value: /data/", #"{"x":"/data/a"}"#, .yes),
        ("StartsWith, value: /data/", #"{"x":"/Data/a"}"#, .no),
        ("EndsWith, value: .pdf", #"{"x":"a.pdf"}"#, .yes),
        ("EndsWith, value: .pdf", #"{"x":"a.pdf "}"#, .no),
        ("Contains, value: bc", #"{"x":"abcd"}"#, .yes), ("Contains, value: bc", #"{"x":"acbd"}"#, .no),
        ("Contains, value: bc", #"{"x":7}"#, .missing),
    ])
    func `an operator on a value`(test: String, arguments: String, expected: Answers) throws {
        #expect(try answers("key: args.x, operator: \(test)", toolCall("t", arguments)) == expected)
    }

    @Test(arguments: [
        ("Exists", #"{"x":1}"#, Answers.yes), ("Exists", #"{"x":null}"#, .yes), ("Exists", #"{}"#, .no),
        ("DoesNotExist", #"{"x":1}"#, .no), ("DoesNotExist", #"{}"#, .yes),
        ("DoesNotExist", #"{"x":[]}"#, .no),
    ])
    func `presence is asked for by name`(test: String, arguments: String, expected: Answers) throws {
        #expect(
            try answers("key: args.x, operator: \(test)", toolCall("t", arguments), hasOnMissing: false)
                == expected)
    }

    @Test(arguments: [
        ("Equals, value: a", #"{"x":["a","a"]}"#, Answers.yes),
        ("Equals, value: a", #"{"x":["a","b"]}"#, Answers(allow: false, deny: true, denyIgnoring: true)),
        ("Equals, value: a", #"{"x":["b","c"]}"#, .no), ("Equals, value: a", #"{"x":[]}"#, .missing),
        ("Equals, value: a", #"{"x":["a",1]}"#, Answers(allow: false, deny: true, denyIgnoring: true)),
        ("Equals, value: a", #"{"x":["b",1]}"#, .missing), ("Equals, value: a", #"{"x":[["a"]]}"#, .missing),
        ("NotIn, value: [a]", #"{"x":["b","c"]}"#, .yes),
        ("NotIn, value: [a]", #"{"x":["a","b"]}"#, Answers(allow: false, deny: true, denyIgnoring: true)),
        ("GreaterThan, value: 5", #"{"x":[1,9]}"#, Answers(allow: false, deny: true, denyIgnoring: true)),
    ])
    func `over an array a deny wants any element and an allow all`(
        test: String, arguments: String, expected: Answers
    ) throws {
        #expect(try answers("key: args.x, operator: \(test)", toolCall("t", arguments)) == expected)
    }

    @Test func `an array too long to look at counts as absent`() throws {
        let items = [String](repeating: "1", count: 1025).joined(separator: ",")
        #expect(
            try answers("key: args.x, operator: Equals, value: 1", toolCall("t", "{\"x\":[\(items)]}"))
                == .missing)
    }

    @Test(arguments: [
        ("args.a.b", #"{"a":{"b":1}}"#, Answers.yes), ("args.a.b", #"{"a.b":1}"#, .missing),
        ("'args[\"a.b\"]'", #"{"a.b":1}"#, .yes), ("'args[\"a.b\"]'", #"{"a":{"b":1}}"#, .missing),
        ("'args[\"a.b\"].c[\"d\"]'", #"{"a.b":{"c":{"d":1}}}"#, .yes),
        ("'args.a[\"]\"]'", #"{"a":{"]":1}}"#, .yes),
        ("args.a.b", #"{"a":1}"#, .missing), ("args.a.b", #"{"a":[{"b":1}]}"#, .missing),
        ("args.a.b", "[1]", .missing),
    ])
    func `dots descend objects and brackets are literal`(key: String, arguments: String, expected: Answers)
        throws
    {
        #expect(try answers("key: \(key), operator: Equals, value: 1", toolCall("t", arguments)) == expected)
    }

    @Test func `what is behind an array is neither there nor not there`() throws {
        let request = try toolCall("t", #"{"a":[{"b":1}]}"#)
        let fail = Answers(allow: false, deny: true, denyIgnoring: true)
        #expect(try answers("key: args.a.b, operator: Exists", request, hasOnMissing: false) == fail)
        #expect(try answers("key: args.a.b, operator: DoesNotExist", request, hasOnMissing: false) == fail)
    }

    @Test func `no arguments at all are absent arguments`() throws {
        #expect(try answers("key: args.x, operator: Equals, value: 1", toolCall("t", nil)) == .missing)
        #expect(try answers("key: args.x, operator: Equals, value: 1", http("GET", "/")) == .missing)
        #expect(
            try answers("key: args.x, operator: Equals, value: 1", http("POST", "/", body: #"{"x":1}"#))
                == .yes)
    }

    @Test(arguments: [
        ("limit", "1001", Answers.yes), ("limit", "1e4", .yes), ("limit", "1000", .no),
        ("limit", "01001", .missing),
        ("limit", "+1001", .missing), ("limit", "", .missing), ("limit", " 1001", .missing),
        ("other", "1001", .missing),
    ])
    func `query and header text counts as a decimal for numeric operators`(
        name: String, value: String, expected: Answers
    ) throws {
        let item = "operator: GreaterThan, value: 1000"
        let query = try http("GET", "/", query: [(Text(name), Text(value))])
        #expect(try answers("key: query.limit, \(item)", query) == expected)
        let header = try http("GET", "/", headers: [Text(name): [Text(value)]])
        #expect(try answers("key: header.LIMIT, \(item)", header) == expected)
    }

    @Test func `several values of one name are an array`() throws {
        let request = try http("GET", "/", query: [("a", "1"), ("a", "2")], headers: ["x": ["1", "2"]])
        let any = Answers(allow: false, deny: true, denyIgnoring: true)
        #expect(try answers("key: query.a, operator: Equals, value: '1'", request) == any)
        #expect(try answers("key: header.x, operator: Equals, value: '1'", request) == any)
        #expect(try answers("key: header.x, operator: In, value: ['1', '2']", request) == .yes)
    }

    @Test(arguments: [
        ("agent.id", "spiffe://example.org/agent/sales-bot"), ("agent.trustDomain", "example.org"),
        ("subject", "alice"),
        ("action", "tools/call"), ("resource", "t"), ("http.method", "POST"), ("http.path", "/mcp"),
        ("http.host", "orders"), ("token.issuer", "https://broker"), ("source.ip", "10.0.0.7"),
    ])
    func `every key reads its attribute`(key: String, value: String) throws {
        #expect(try answers("key: \(key), operator: Equals, value: '\(value)'", toolCall("t", "{}")) == .yes)
        #expect(try answers("key: \(key), operator: Equals, value: 'x\(value)'", toolCall("t", "{}")) == .no)
    }

    @Test func `optional attributes may be absent`() throws {
        #expect(try answers("key: actor.depth, operator: LessOrEqual, value: 2", toolCall("t", "{}")) == .yes)
        #expect(try answers("key: token.txn, operator: Equals, value: x", toolCall("t", "{}")) == .missing)
        #expect(try answers("key: subject, operator: Equals, value: x", mcp("ping")) == .missing)
        #expect(try answers("key: grpc.method, operator: Equals, value: x", toolCall("t", "{}")) == .missing)
    }
}
