import Primitives
import Testing

private func parse(_ text: String) throws -> JSON { try JSONParser.parse(Array(text.utf8)) }

@Suite struct JSONParserTests {
    @Test(
        arguments: [
            ("null", .null), (" \t\r\ntrue ", .bool(true)), ("false", .bool(false)),
            ("\"\"", .string(Text(""))),
            ("[]", .array([])), ("[ ]", .array([])), ("{}", .object([:])), ("{ }", .object([:])),
            ("[null,1]", .array([.null, .integer(1)])),
            ("{\"a\":{\"b\":[]}}", .object(["a": .object(["b": .array([])])])),
            ("-0.5e+1", .integer(-5)),
            ("\"a\\u0041\\n\\/\\\"\\\\\\b\\f\\r\\t\"", .string(Text("aA\n/\"\\\u{8}\u{C}\r\t"))),
            ("\"\\ud83d\\ude00\"", .string(Text("😀"))), ("\"😀é\u{7F}\"", .string(Text("😀é\u{7F}"))),
            ("\"\\u0000\"", .string(Text("\0"))),
            ("\"\\uFFFF\\uD7FF\\uE000\"", .string(Text("\u{FFFF}\u{D7FF}\u{E000}"))),
        ] as [(String, JSON)])
    func `JSON is read`(_ text: String, _ value: JSON) throws { #expect(try parse(text) == value) }

    @Test(
        arguments: [
            ("", .unexpectedEnd), (" ", .unexpectedEnd), ("nul", .unexpectedEnd),
            ("nulL", .unexpectedByte(at: 3)),
            ("True", .unexpectedByte(at: 0)), ("[", .unexpectedEnd), ("[1", .unexpectedEnd),
            ("[1,]", .unexpectedByte(at: 3)),
            ("[,1]", .unexpectedByte(at: 1)), ("[1 2]", .unexpectedByte(at: 3)),
            ("]", .unexpectedByte(at: 0)),
            ("{", .unexpectedEnd), ("{\"a\"", .unexpectedEnd), ("{\"a\":", .unexpectedEnd),
            ("{\"a\":1", .unexpectedEnd),
            ("{\"a\":1,}", .unexpectedByte(at: 7)), ("{a:1}", .unexpectedByte(at: 1)),
            ("{'a':1}", .unexpectedByte(at: 1)),
            ("{\"a\" 1}", .unexpectedByte(at: 5)), ("{1:1}", .unexpectedByte(at: 1)),
            ("{\"a\":1 \"b\":2}", .unexpectedByte(at: 7)),
            ("1 2", .trailingBytes(at: 2)), ("{}{}", .trailingBytes(at: 2)),
            ("null\0", .trailingBytes(at: 4)),
            ("1/**/", .trailingBytes(at: 1)), ("// a\n1", .unexpectedByte(at: 0)),
            ("\u{A0}1", .unexpectedByte(at: 0)),
            ("\u{FEFF}1", .unexpectedByte(at: 0)), ("\u{B}1", .unexpectedByte(at: 0)),
            ("01", .badNumber(at: 0)), ("[-]", .badNumber(at: 1)), ("1.", .badNumber(at: 0)),
            ("1e", .badNumber(at: 0)),
            ("1e1000000", .badNumber(at: 0)), ("+1", .unexpectedByte(at: 0)), (".5", .unexpectedByte(at: 0)),
            ("NaN", .unexpectedByte(at: 0)), ("Infinity", .unexpectedByte(at: 0)),
            ("-Infinity", .badNumber(at: 0)),
            ("\"a", .unexpectedEnd), ("\"a\\", .unexpectedEnd), ("\"\\u12", .unexpectedEnd),
            ("\"\\x41\"", .badEscape(at: 1)),
            ("\"\\u00G0\"", .badEscape(at: 1)), ("\"\\U0041\"", .badEscape(at: 1)),
            ("\"\\'\"", .badEscape(at: 1)),
            ("\"a\nb\"", .controlCharacter(at: 2)), ("\"\t\"", .controlCharacter(at: 1)),
            ("\"\0\"", .controlCharacter(at: 1)),
            ("\"\\ud83d\"", .loneSurrogate(at: 1)), ("\"\\ude00\"", .loneSurrogate(at: 1)),
            ("\"\\ud83dx\"", .loneSurrogate(at: 1)), ("\"\\ud83d\\n\"", .loneSurrogate(at: 1)),
            ("\"\\ud83d\\ud83d\"", .loneSurrogate(at: 1)), ("\"\\ude00\\ud83d\"", .loneSurrogate(at: 1)),
        ] as [(String, JSONError)])
    func `anything else is refused with its reason and place`(_ text: String, _ reason: JSONError) {
        #expect(throws: reason) { try parse(text) }
        #expect(!reason.description.isEmpty)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
            [0xE2, 0x28, 0xA1],
            [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func `text that is not UTF-8 is refused, in values and in names`(_ bytes: [UInt8]) {
        #expect(!UTF8Check.isValid(bytes))
        #expect(throws: JSONError.badUTF8(at: 1)) { try JSONParser.parse([0x22] + bytes + [0x22]) }
        let name: [UInt8] = [0x7B, 0x22, 0x61] + bytes + Array("\":1}".utf8)
        #expect(throws: JSONError.badUTF8(at: 3)) { try JSONParser.parse(name) }
    }

    @Test func `every scalar is read, plain and escaped`() throws {
        for value in stride(from: UInt32(0x20), to: 0x11_0000, by: 97) {
            guard let scalar = Unicode.Scalar(value), scalar != "\"", scalar != "\\" else { continue }
            let plain = Array(String(scalar).utf8)
            #expect(UTF8Check.isValid(plain))
            let escaped = String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
            let value = try JSONParser.parse([0x22] + plain + [0x22])
            #expect(value.string == Text(plain))
            #expect(try parse("\"\(escaped)\"") == value)
        }
    }

    // MARK: Names

    @Test(arguments: [
        ("{\"a\":1,\"a\":1}", 7), ("{\"a\":1,\"b\":2,\"a\":3}", 13), ("{\"a\":1,\"\\u0061\":2}", 7),
        ("{\"\":1,\"\":2}", 6), ("[{\"x\":{\"a\":1,\"a\":2}}]", 13), ("{\"é\":1,\"\\u00e9\":2}", 8),
    ])
    func `a name that comes twice is refused at any depth, however it is spelled`(
        _ text: String, _ place: Int
    ) {
        #expect(throws: JSONError.duplicateName(at: place)) { try parse(text) }
    }

    @Test func `a name that comes twice is found among many`() throws {
        for count in [11, 12, 13, 14, 100] {
            let members = (0..<count).map { "\"n\($0)\":0" }
            #expect(try parse("{" + members.joined(separator: ",") + "}").object?.count == count)
            for place in [0, count / 2, count - 1] {
                let twice = (members + ["\"n\(place)\":1"]).joined(separator: ",")
                #expect(throws: JSONError.self) { try parse("{\(twice)}") }
            }
        }
    }

    @Test func `names that only look alike are two`() throws {
        let object = try parse("{\"é\":1,\"e\\u0301\":2,\"K\":3,\"\u{212A}\":4,\"a\":5,\"A\":6}").object
        #expect(object?.count == 6)
        #expect(object?["e\u{301}"]?.integer == 2 && object?["K"]?.integer == 3)
    }

    @Test func `a corpus of plain JSON may allow names twice`() throws {
        let limits = JSONParser.Limits(allowsDuplicateNames: true)
        #expect(try JSONParser.parse(Array("{\"a\":1,\"a\":2}".utf8), limits: limits).object?.count == 2)
    }

    // MARK: Depth

    @Test(arguments: ["[", "{\"a\":"]) func `nesting has its limit`(_ opening: String) throws {
        let closing = opening == "[" ? "]" : "}"
        func nested(_ depth: Int) -> [UInt8] {
            Array(
                (String(repeating: opening, count: depth) + "1" + String(repeating: closing, count: depth))
                    .utf8)
        }
        #expect(throws: Never.self) { try JSONParser.parse(nested(64)) }
        #expect(throws: JSONError.tooDeep(at: 64 * opening.utf8.count)) { try JSONParser.parse(nested(65)) }
        #expect(throws: Never.self) { try JSONParser.parse(nested(3), limits: .init(depthMax: 3)) }
        #expect(throws: JSONError.self) { try JSONParser.parse(nested(4), limits: .init(depthMax: 3)) }
        let endless = Array(String(repeating: opening, count: 200_000).utf8)
        #expect(throws: JSONError.self) { try JSONParser.parse(endless) }
    }

    // MARK: Values

    @Test func `numbers keep their text and their exact value`() throws {
        let value = try parse("[9007199254740993,1.10,1E2]")
        let numbers = try #require(value.array)
        #expect(numbers[0].integer == 9_007_199_254_740_993)
        #expect(numbers[1] == .number(try #require(JSONNumber("1.1"))))
        #expect(numbers[2].integer == 100)
        #expect(Text(value.encoded) == "[9007199254740993,1.10,1E2]")
    }

    @Test func `objects are equal whatever the order of their members, arrays are not`() throws {
        #expect(try parse("{\"a\":1,\"b\":[2]}") == parse("{\"b\":[2.0],\"a\":1e0}"))
        #expect(try parse("{\"a\":1}") != parse("{\"a\":1,\"b\":null}"))
        #expect(try parse("{\"a\":null}") != parse("{\"b\":null}"))
        #expect(try parse("[1,2]") != parse("[2,1]"))
        #expect(try parse("1") != parse("\"1\"") && parse("null") != parse("false"))
    }

    @Test func `a value is only what it is`() throws {
        let object = try parse("{\"s\":\"x\",\"n\":1.5,\"b\":true,\"z\":null,\"a\":[]}")
        #expect(object["s"]?.string == "x" && object["s"]?.number == nil && object["s"]?.bool == nil)
        #expect(object["n"]?.number != nil && object["n"]?.integer == nil && object["n"]?.string == nil)
        #expect(object["b"]?.bool == true && object["b"]?.integer == nil)
        #expect(object["z"]?.isNull == true && object["a"]?.isNull == false)
        #expect(object["a"]?.array == [] && object["a"]?.object == nil)
        #expect(object["missing"] == nil && object["s"]?["x"] == nil)
        #expect(object.object?.names == ["s", "n", "b", "z", "a"])
    }

    @Test func `a member without a value is left out`() {
        let value = JSON.object(["a": .integer(1), "b": nil, "c": .null])
        #expect(Text(value.encoded) == #"{"a":1,"c":null}"#)
    }

    @Test func `control characters, quotes and backslashes are escaped, nothing else`() {
        let value = JSON.string(Text("a\"\\/\u{8}\t\n\u{C}\r\u{1}\u{1F}\u{7F}é\u{2028}"))
        #expect(Text(value.encoded) == Text(#""a\"\\/\b\t\n\f\r\u0001\u001f"# + "\u{7F}é\u{2028}\""))
        #expect(Text(JSON.string(Text([0x61, 0xFF])).encoded) == "\"a\u{FFFD}\"")
    }
}
