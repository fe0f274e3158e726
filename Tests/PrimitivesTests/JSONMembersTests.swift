import Primitives
import TestKit
import Testing

@Suite struct JSONMembersTests {
    private static let wanted: [Text] = ["call", "claim", "é"]
    private static let line = #"""
        {"v":1,"seq":12,"time":"2026-11-21T00:00:00Z","call":"c-1","n":-1.5e3,"zero":0,"list":[1,{"a":"b"}],
        "claim":{"iss":"i","jti":"\u00e9\"","exp":1795168815},"text":"caf\u00e9 é","flag":true,"none":null}
        """#

    private static func whole(_ bytes: [UInt8]) -> JSONObject? {
        (try? JSONParser.parse(bytes))?.object.map { object in
            JSONObject(object.members.filter { wanted.contains($0.name) })
        }
    }

    private static func some(_ bytes: [UInt8]) -> JSONObject? { try? JSONParser.members(wanted, of: bytes) }

    @Test func `keeps the members that are wanted, in their order`() throws {
        let object = try JSONParser.members(Self.wanted, of: Array(Self.line.utf8))
        #expect(object.names == ["call", "claim"])
        #expect(object["claim"]?["jti"]?.string == "é\"")
    }

    @Test(arguments: [
        "", "1", "[]", "null", "{", "{}", " { } ", "{} x", #"{"a":1,}"#, #"{"a":01}"#, #"{"a":-}"#,
        #"{"a":1.}"#,
        #"{"a":1e999999999}"#, #"{"a":tru}"#, #"{"a":true}"#, #"{"a":"\x"}"#, #"{"a":"\ud800"}"#,
        #"{"a":"b}"#,
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"call":1,"c\u0061ll":2}"#, #"{"c\u0061ll":2}"#,
        #"{"é":1}"#, #"{"é":1,"é":2}"#, #"{"\u00e9":1}"#, #"{"a":{"b":1,"b":2}}"#, #"{"a":[1,]}"#, #"{a:1}"#,
        #"{"a" 1}"#, #"{"a":1 "b":2}"#, #"{"a":123456789012345678901234567890}"#, "{\"a\":\"\u{1}\"}",
        "{\"a\":1\n}", #"{"a":0}"#, #"{"a":00}"#, #"{"":1}"#, #"{"":1,"":2}"#, #"{"a":9"#, #"{"a":""#,
    ])
    func `refuses and keeps what the whole parser does`(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(Self.some(bytes) == Self.whole(bytes))
    }

    @Test func `limits are those of the whole parser`() {
        let many = Array(("{" + (0..<200).map { "\"m\($0)\":1" }.joined(separator: ",") + "}").utf8)
        for values in [0, 1, 100, 200, 201, 202] {
            let limits = JSONParser.Limits(valuesMax: values)
            #expect(
                ((try? JSONParser.parse(many, limits: limits)) == nil)
                    == ((try? JSONParser.members([], of: many, limits: limits)) == nil), "\(values)")
        }
        let deep = Array(#"{"a":[[[1]]]}"#.utf8)
        for depth in 0...6 {
            let limits = JSONParser.Limits(depthMax: depth)
            #expect(
                ((try? JSONParser.parse(deep, limits: limits)) == nil)
                    == ((try? JSONParser.members(["b"], of: deep, limits: limits)) == nil), "\(depth)")
        }
    }

    @Test func `after any change of a few bytes both parsers agree`() {
        let seed: UInt64 = 17
        var random = SeededGenerator(seed: seed)
        let line = Array(Self.line.utf8)
        let alphabet = Array("{}[]\",:\\0123eE.-+tfn\n\u{1} éa".utf8) + [0xFF, 0xC3]
        for round in 0..<20_000 {
            var changed = line
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: changed[place] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                case 1: changed.remove(at: place)
                default:
                    changed.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: place)
                }
            }
            guard Self.some(changed) == Self.whole(changed) else {
                Issue.record("seed \(seed), round \(round): \(Text(changed))")
                return
            }
        }
    }
}
