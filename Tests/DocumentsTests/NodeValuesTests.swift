import Documents
import Primitives
import Testing

@Suite struct NodeValuesTests {
    private func value(_ yaml: String) throws -> Node {
        try read("k: \(yaml)\n").mapping(keys: ["k"]).required("k")
    }

    @Test(
        arguments: [
            ("x", JSON.string("x" as Text)), ("\"5\"", .string("5" as Text)),
            ("'true'", .string("true" as Text)),
            ("5", .integer(5)), ("-5", .integer(-5)), ("0", .integer(0)), ("true", .bool(true)),
            ("False", .bool(false)),
            ("null", .null), ("~", .null), ("", .null), ("yes", .string("yes" as Text)),
            ("nULL", .string("nULL" as Text)),
            ("1.2.3", .string("1.2.3" as Text)), ("08:00", .string("08:00" as Text)),
            ("e5", .string("e5" as Text)),
            ("-", .null), ("2026-11-21", .string("2026-11-21" as Text)),
            ("9007199254740993", .integer(9_007_199_254_740_993)),
        ].filter { $0.0 != "-" })
    func `a scalar is JSON by YAML's core schema`(yaml: String, json: JSON) throws {
        #expect(try value(yaml).jsonValue() == json)
    }

    @Test func `numbers are exact`() throws {
        #expect(try value("1e3").jsonValue() == value("1000.0").jsonValue())
        #expect(try value("9007199254740993").jsonValue() != value("9007199254740992").jsonValue())
    }

    @Test(arguments: ["010", "0x1F", "0o17", "+5", ".5", "5.", "1_000", ".inf", "-.INF", ".NaN", "-.5e3"])
    func `a number that JSON would not read is refused`(yaml: String) {
        #expect(
            refusal(of: yaml) { _ = try $0.jsonValue() }
                == "f.yaml:1:1: `\(yaml)` is not a plain decimal number; write it as one, or quote it if text is meant"
        )
        #expect(refusal(of: yaml) { _ = try $0.text() } != nil)
    }

    @Test(arguments: [
        ("5", "expected text, found the number `5`; put it in quotes if text is meant"),
        ("true", "expected text, found `true`; put it in quotes if text is meant"),
        ("[a]", "expected text, found a list"), ("{a: b}", "expected text, found a mapping"),
        ("~", "expected text, found nothing"),
    ])
    func `text is not guessed`(yaml: String, message: String) {
        #expect(refusal(of: yaml) { _ = try $0.text() } == "f.yaml:1:1: \(message)")
    }

    @Test(arguments: [
        ("x", "expected a whole number from 1 to 20, found the text `x`"),
        ("\"5\"", "expected a whole number from 1 to 20, found the text `5`; leave out the quotes"),
        ("0", "expected a whole number from 1 to 20, found the number `0`"),
        ("2.0", "expected a whole number from 1 to 20, found the number `2.0`"),
        ("1e1", "expected a whole number from 1 to 20, found the number `1e1`"),
        (
            "99999999999999999999",
            "expected a whole number from 1 to 20, found the number `99999999999999999999`"
        ),
        ("[]", "expected a whole number from 1 to 20, found a list"),
    ])
    func `a whole number is in its range`(yaml: String, message: String) throws {
        #expect(try value("20").int(in: 1...20) == 20)
        #expect(try value("-3").int(in: -3...0) == -3)
        #expect(refusal(of: yaml) { _ = try $0.int(in: 1...20) } == "f.yaml:1:1: \(message)")
    }

    @Test func `a boolean is true or false`() throws {
        #expect(try value("true").bool() && !value("false").bool())
        #expect(
            refusal(of: "yes") { _ = try $0.bool() }
                == "f.yaml:1:1: expected `true` or `false`, found the text `yes`")
        #expect(refusal(of: "'true'") { _ = try $0.bool() } != nil)
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("15s", .seconds(15)), ("5m", .seconds(300)),
        ("2h", .seconds(7200)),
        ("0s", .zero), ("'5m'", .seconds(300)), ("999999999h", .seconds(999_999_999 * 3600)),
    ])
    func `a duration is a number and a unit`(yaml: String, duration: Duration) throws {
        #expect(try value(yaml).duration() == duration)
    }

    @Test(arguments: ["15", "s", "1m30s", "-5s", "5 s", "1.5h", "5M", "1000000000h", "[5s]", "~", "5d"])
    func `anything else is no duration`(yaml: String) {
        #expect(
            refusal(of: "k: \(yaml)") { _ = try $0.members()[0].value.duration() }?
                .hasPrefix("f.yaml:1:4: expected a duration such as `500ms`, `15s`, `5m` or `2h`, found ")
                == true)
    }

    @Test func `a duration outside its range says the range`() {
        #expect(
            refusal(of: "2h") { _ = try $0.duration(in: .milliseconds(500) ... .seconds(3600)) }
                == "f.yaml:1:1: expected a duration from `500ms` to `1h`, found the text `2h`")
    }

    @Test func `a size is a number and a unit`() throws {
        #expect(try value("64KiB").size() == 65_536)
        #expect(try value("1MiB").size() == 1_048_576)
        #expect(try value("2GiB").size() == 2_147_483_648)
        #expect(try value("512B").size() == 512)
        for yaml in ["64", "64KB", "64kib", "KiB", "-1B", "1.5MiB"] {
            #expect(
                refusal(of: yaml) { _ = try $0.size() }?.contains("expected a size such as `64KiB`") == true)
        }
        #expect(
            refusal(of: "2GiB") { _ = try $0.size(in: 1...1024) }
                == "f.yaml:1:1: expected a size from 1 to 1024 bytes, found the text `2GiB`")
    }

    @Test func `a list is a list`() throws {
        #expect(try value("[a, 'b']").texts() == ["a", "b"])
        #expect(try value("[]").texts().isEmpty)
        #expect(
            refusal(of: "a") { _ = try $0.texts() }
                == "f.yaml:1:1: expected a list of texts, found the text `a`; write `[a]`")
        #expect(
            refusal(of: "{a: b}") { _ = try $0.items() } == "f.yaml:1:1: expected a list, found a mapping")
        #expect(
            refusal(of: "- a\n- 5") { _ = try $0.texts() }
                == "f.yaml:2:3: expected text, found the number `5`; put it in quotes if text is meant")
    }

    @Test func `a choice suggests the nearest name`() throws {
        let options = ["Allow": 1, "Deny": 2, "Hold": 3]
        #expect(try value("Deny").choice(options) == 2)
        #expect(
            refusal(of: "allow") { _ = try $0.choice(options) }
                == "f.yaml:1:1: unknown value `allow`; did you mean `Allow`?")
        #expect(
            refusal(of: "Permission") { _ = try $0.choice(options) }
                == "f.yaml:1:1: unknown value `Permission`; valid here: `Allow`, `Deny`, `Hold`")
    }

    @Test func `a mapping has only the keys of its list`() throws {
        let root = try read("listen: x\nroutes: y\n")
        let reader = try root.mapping(keys: ["listen", "routes", "limits"])
        #expect(try reader.required("listen").text() == "x")
        #expect(reader.optional("limits") == nil)
        #expect(reader.presentKeys == ["listen", "routes"])
        #expect(
            refusal(of: "a: 1") { _ = try $0.mapping(keys: ["a", "b"]).required("b") }
                == "f.yaml:1:1: `b` is missing")
        #expect(
            refusal(of: "listen: x\nrotues: y") { _ = try $0.mapping(keys: ["listen", "routes"]) }
                == "f.yaml:2:1: unknown key `rotues`; did you mean `routes`?")
        #expect(
            refusal(of: "zzzzzz: y") { _ = try $0.mapping(keys: ["listen", "routes"]) }
                == "f.yaml:1:1: unknown key `zzzzzz`; valid here: `listen`, `routes`")
        #expect(
            refusal(of: "[a]") { _ = try $0.mapping(keys: []) }
                == "f.yaml:1:1: expected a mapping, found a list")
    }

    @Test func `the header names version and kind`() {
        func header(_ yaml: String) -> String? {
            refusal(of: yaml) { try $0.mapping(keys: ["apiVersion", "kind"]).requireHeader(kind: "Proxy") }
        }
        #expect(header("apiVersion: sallyport.dev/v1\nkind: Proxy") == nil)
        #expect(
            header("apiVersion: v2\nkind: Proxy")
                == "f.yaml:1:13: expected `sallyport.dev/v1`, found the text `v2`")
        #expect(
            header("apiVersion: sallyport.dev/v1\nkind: Proxi")
                == "f.yaml:2:7: expected `Proxy`, found the text `Proxi`")
        #expect(header("apiVersion: sallyport.dev/v1") == "f.yaml:1:1: `kind` is missing")
    }

    @Test func `long or odd text is cut in messages`() {
        #expect(Quoted.name("a\nb") == "`a?b`")
        #expect(
            Quoted.name(Text(String(repeating: "x", count: 100))) == "`" + String(repeating: "x", count: 80)
                + "…`")
    }

    @Test(
        arguments: [
            ("foo", "for"), ("agent", "agents"), ("aproval", "approval"), ("mehtods", "methods"),
            ("Tools", "tools"),
            ("xyz", nil), ("", nil),
        ] as [(String, String?)])
    func `the nearest name is found`(name: String, nearest: String?) {
        let names = ["for", "agents", "approval", "methods", "tools"]
        #expect(Suggestion.nearest(to: Text(name), among: names) == nearest)
    }
}
