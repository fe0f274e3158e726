import Primitives
import Testing

@testable import Tokens

@Suite struct ConstraintTests {
    /// Constraint, values it admits, values it does not; each list a JSON array.
    static let table: [(String, String, String)] = [
        (
            #"{"constraint_type":"exact","value":"EUR"}"#, #"["EUR"]"#,
            #"["eur","EUR ",["EUR"],null,true,0,{"EUR":1}]"#
        ),
        (#"{"constraint_type":"exact","value":1}"#, "[1,1.0,10e-1]", #"[1.0000000000000001,true,"1",0,2]"#),
        (
            #"{"constraint_type":"exact","value":9007199254740993}"#, "[9007199254740993]",
            "[9007199254740992,9007199254740993.5]"
        ),
        (#"{"constraint_type":"exact","value":null}"#, "[null]", #"[0,false,"",[],{}]"#),
        (
            #"{"constraint_type":"exact","value":{"a":1,"b":[2]}}"#, #"[{"b":[2.0],"a":1}]"#,
            #"[{"a":1},{"a":1,"b":[2],"c":0}]"#
        ),
        // The same letter, composed and not: two texts.
        (#"{"constraint_type":"exact","value":"\u00e9"}"#, #"["é"]"#, #"["e\u0301"]"#),
        (#"{"constraint_type":"one_of","values":["a",2]}"#, #"["a",2,2.0]"#, #"["b","2",1,null,["a"]]"#),
        (
            #"{"constraint_type":"not_one_of","excluded":["secret"]}"#, #"["public","SECRET",""]"#,
            #"["secret",["secret"],7,null,true,{"a":"secret"}]"#
        ),
        (
            #"{"constraint_type":"not_one_of","excluded":["secret",5]}"#, #"["public",6]"#,
            #"["secret",5,5.0,null]"#
        ),
        (
            #"{"constraint_type":"range","max":1000}"#, "[0,-5,1000,999.9999,1e3]",
            #"[1000.0001,1e4,"1000",null,[1]]"#
        ),
        (#"{"constraint_type":"range","min":1,"max":2}"#, "[1,2,1.5]", "[0.999999999999999999999,2.1]"),
        (
            #"{"constraint_type":"range","min":1,"max":2,"min_inclusive":false,"max_inclusive":false}"#,
            "[1.5]",
            "[1,2,1.0,2.0]"
        ),
        (#"{"constraint_type":"range","min":0.1}"#, "[0.1,0.10,1e999]", "[0.09999999999999999999,-1e999]"),
        (
            #"{"constraint_type":"contains","required":["a",1]}"#, #"[["a",1],["b",1.0,"a"]]"#,
            #"[["a"],[],"a",["a","1"],{"a":1},null]"#
        ),
        (
            #"{"constraint_type":"subset","allowed":["a","b"]}"#, #"[["a"],["a","b","a"],[]]"#,
            #"[["a","c"],"a",null,{},[["a"]]]"#
        ),
        (#"{"constraint_type":"wildcard"}"#, #"[1,null,"x",[],{"a":{"b":1}}]"#, "[]"),
        (
            #"{"constraint_type":"all","constraints":[{"constraint_type":"range","min":1},{"constraint_type":"range","max":3}]}"#,
            "[1,2,3]", #"[0,4,"2"]"#
        ),
        (
            #"{"constraint_type":"any","constraints":[{"constraint_type":"exact","value":"x"},{"constraint_type":"range","max":3}]}"#,
            #"["x",3]"#, #"["y",4]"#
        ),
    ]

    @Test(arguments: table)
    func `admits what it says and nothing else`(_ text: String, _ good: String, _ bad: String) throws {
        let constraint = try #require(ConstraintReader.read(json(text)))
        for value in json(good).array ?? [] {
            #expect(constraint.admits(value, textIsNumber: false), "\(value)")
        }
        for value in json(bad).array ?? [] {
            #expect(!constraint.admits(value, textIsNumber: false), "\(value)")
        }
    }

    @Test(arguments: [
        "{}", "[]", "7", "null", #""wildcard""#, #"{"constraint_type":7}"#,
        #"{"constraint_type":"regex","value":"a"}"#,
        #"{"constraint_type":"Exact","value":1}"#, #"{"constraint_type":"exact"}"#,
        #"{"constraint_type":"exact","values":1}"#, #"{"constraint_type":"exact","value":1,"note":2}"#,
        #"{"constraint_type":"one_of","values":[]}"#, #"{"constraint_type":"one_of","values":"a"}"#,
        #"{"constraint_type":"one_of","allowed":["a"]}"#, #"{"constraint_type":"not_one_of","excluded":[]}"#,
        #"{"constraint_type":"not_one_of","values":["a"]}"#, #"{"constraint_type":"contains","required":[]}"#,
        #"{"constraint_type":"subset","allowed":[]}"#, #"{"constraint_type":"range"}"#,
        #"{"constraint_type":"range","min":"1"}"#, #"{"constraint_type":"range","max":null}"#,
        #"{"constraint_type":"range","max":1,"inclusive":true}"#,
        #"{"constraint_type":"range","max":1,"max_inclusive":0}"#,
        #"{"constraint_type":"range","min_inclusive":true}"#, #"{"constraint_type":"wildcard","value":1}"#,
        #"{"constraint_type":"all","constraints":[]}"#, #"{"constraint_type":"any"}"#,
        #"{"constraint_type":"any","constraints":[{"constraint_type":"wildcard"},{"constraint_type":"cel"}]}"#,
        nested(9),
    ])
    func `a constraint that is not exactly of its type is none`(_ text: String) {
        #expect(ConstraintReader.read(json(text)) == nil)
    }

    static func nested(_ depth: Int) -> String {
        (1..<depth).reduce(#"{"constraint_type":"wildcard"}"#) { inner, _ in
            #"{"constraint_type":"all","constraints":[\#(inner)]}"#
        }
    }

    @Test func `all and any nest as deep as said`() {
        #expect(ConstraintReader.read(json(Self.nested(8))) != nil)
    }

    @Test(arguments: [
        ("limit", ["limit"]), ("filter.region", ["filter", "region"]), (#"["a.b"]"#, ["a.b"]),
        (#"args["a.b"]"#, ["a.b"]), (#"args["a.b"].c"#, ["a.b", "c"]), ("args.limit", ["args", "limit"]),
        ("args", ["args"]), (#"filter["a\"]\u002e"].x["y"]"#, ["filter", "a\"].", "x", "y"]),
        (#"[""]"#, [""]),
        ("$top", ["$top"]), ("größe", ["größe"]),
    ])
    func `a path descends at dots and not inside brackets`(_ text: String, _ segments: [String]) {
        #expect(ArgumentPath(Text(text))?.segments == segments.map { Text($0) })
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "a[0]", "a[]", #"a["b"#, #"a["b""#, #"a["b"]c"#, "a]", #"a"b"#,
        #"a["\x"]"#, "[",
        #"args["#, #"["a"]["#, String(repeating: "a.", count: 16) + "a",
    ])
    func `what is not a path is refused`(_ text: String) {
        #expect(ArgumentPath(Text(text)) == nil)
        #expect(throws: DetailsError.self) {
            try ArgumentConstraints(
                .object(
                    JSONObject([.init(name: Text(text), value: json(#"{"constraint_type":"wildcard"}"#))])))
        }
    }

    @Test(arguments: [
        [#"["a"]"#, "a"], [#"args["a"]"#, #"["a"]"#], ["a", "a.b"], ["a.b", "a"], ["a.b.c", "a.b"],
        ["a.b", #"a["b"]"#],
    ])
    func `no two constraints name one place`(_ names: [String]) {
        let members = names.map {
            JSONObject.Member(name: Text($0), value: json(#"{"constraint_type":"wildcard"}"#))
        }
        #expect {
            try ArgumentConstraints(.object(JSONObject(members)))
        } throws: {
            if case .overlap? = $0 as? DetailsError { true } else { false }
        }
    }

    /// Constraints as paths to `wildcard`, arguments, and the path that is refused (nil: none).
    @Test(arguments: [
        (["a"], #"{"a":1}"#, String?.none),
        (["a"], "{}", "a"),
        (["a"], #"{"a":1,"b":2}"#, "b"),
        (["a"], #"{"b":2}"#, "b"),
        (["a", "b"], #"{"a":1}"#, "b"),
        (["a.b", "a.c"], #"{"a":{"b":1,"c":{"d":2}}}"#, nil),
        (["a.b"], #"{"a":{"b":1,"c":2}}"#, "a.c"),
        (["a.b"], #"{"a":{}}"#, "a.b"),
        (["a.b"], #"{"a":7}"#, "a"),
        (["a.b"], #"{"a":[{"b":1}]}"#, "a"),
        (["a.b"], #"{"a.b":1}"#, "a.b"),
        ([#"["a.b"]"#], #"{"a.b":1}"#, nil),
        ([#"["a.b"]"#], #"{"a":{"b":1}}"#, "a"),
        ([#"args["a.b"]"#], #"{"a.b":1}"#, nil),
        (["a"], #"{"A":1}"#, "A"),
        (["é"], #"{"e\#u{301}":1}"#, "e\u{301}"),
    ])
    func `the world is closed at every level`(_ names: [String], _ arguments: String, _ refused: String?)
        throws
    {
        let members = names.map {
            JSONObject.Member(name: Text($0), value: json(#"{"constraint_type":"wildcard"}"#))
        }
        let constraints = try ArgumentConstraints(.object(JSONObject(members)))
        let object = try #require(json(arguments).object)
        if let refused {
            #expect(throws: TokenError.constraint(path: refused)) { try constraints.check(object) }
        } else {
            try constraints.check(object)
        }
    }

    @Test func `many arguments are judged in little time`() throws {
        let values = (0..<400).map { "\"v\($0)\"" }.joined(separator: ",")
        let constraints = try ArgumentConstraints(
            json(#"{"a":{"constraint_type":"subset","allowed":[\#(values)]}}"#))
        let items = [JSON](repeating: .string(Text("v399")), count: 100_000)
        try constraints.check(JSONObject([.init(name: "a", value: .array(items))]))
    }
}
