import Foundation
import Primitives
import TestKit
import Testing

private func canonical(_ text: String, _ numbers: JSON.CanonicalNumbers = .rounded) throws -> Text {
    Text(try JSONParser.parse(Array(text.utf8)).canonical(numbers: numbers))
}

@Suite struct CanonicalJSONTests {
    @Test func `the example of RFC 8785 §3.2.2 is as printed there`() throws {
        let input = #"""
            {
              "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """#
        let output =
            #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
            + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        #expect(try canonical(input) == Text(output))
    }

    @Test func `names are in the order of their UTF-16 code units (RFC 8785 §3.2.3)`() throws {
        let input = #"""
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
             "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """#
        let value = try JSONParser.parse(canonical(input).bytes)
        #expect(
            value.object?.members.map(\.value.string) == [
                "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
                "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
            ])
    }

    /// RFC 8785 appendix B.
    private static let numbers: [(bits: UInt64, text: Text)] = [
        (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"), (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157e+308"),
        (0xFFEF_FFFF_FFFF_FFFF, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
        (0xC340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44B5_2D02_C7E1_4AF5, "9.999999999999997e+22"), (0x44B5_2D02_C7E1_4AF6, "1e+23"),
        (0x44B5_2D02_C7E1_4AF7, "1.0000000000000001e+23"), (0x444B_1AE4_D6E2_EF4E, "999999999999999700000"),
        (0x444B_1AE4_D6E2_EF4F, "999999999999999900000"), (0x444B_1AE4_D6E2_EF50, "1e+21"),
        (0x3EB0_C6F7_A0B5_ED8C, "9.999999999999997e-7"), (0x3EB0_C6F7_A0B5_ED8D, "0.000001"),
        (0x41B3_DE43_5555_5553, "333333333.3333332"), (0x41B3_DE43_5555_5554, "333333333.33333325"),
        (0x41B3_DE43_5555_5555, "333333333.3333333"), (0x41B3_DE43_5555_5556, "333333333.3333334"),
        (0x41B3_DE43_5555_5557, "333333333.33333343"), (0xBECB_F647_612F_3696, "-0.0000033333333333333333"),
        (0x4314_3FF3_C1CB_0959, "1424953923781206.2"),
    ]

    @Test(arguments: numbers) func `numbers are as RFC 8785 appendix B prints them`(
        _ bits: UInt64, _ text: Text
    ) throws {
        let long = String(format: "%.17e", Double(bitPattern: bits))
        #expect(try canonical(long) == text)
        #expect(try canonical(text.string) == text)
        // The canonical text is exact about itself.
        #expect(try canonical(text.string, .exact) == text)
    }

    @Test(arguments: [UInt64(1), 2]) func `any double is printed so that it is read back`(_ seed: UInt64)
        throws
    {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3_000 {
            let double = Double(bitPattern: random.next())
            guard double.isFinite, double != 0 else { continue }
            let text = try canonical(String(format: "%.17e", double))
            #expect(Double(text.string) == double, "seed \(seed): \(text)")
            #expect(try canonical(text.string, .exact) == text, "seed \(seed): \(text)")
        }
    }

    @Test(
        arguments: [
            ("9007199254740993", .numberLosesPrecision), ("0.10000000000000001", .numberLosesPrecision),
            ("1e-400", .numberLosesPrecision), ("333333333.33333329", .numberLosesPrecision),
            ("9007199254740992.5", .numberLosesPrecision), ("-0", .negativeZero), ("-0.0", .negativeZero),
            ("-0e5", .negativeZero),
            ("1e309", .numberOverflows), ("-1e309", .numberOverflows), ("1e999999", .numberOverflows),
            ("179769313486231580793e289", .numberOverflows),
        ] as [(String, CanonicalJSONError)])
    func `a number that its canonical text would change has none`(
        _ text: String, _ reason: CanonicalJSONError
    ) {
        for wrapped in [text, "[\(text)]", "{\"a\":{\"b\":\(text)}}"] {
            #expect(throws: reason) { try canonical(wrapped, .exact) }
        }
        #expect(!reason.description.isEmpty)
    }

    @Test(arguments: [
        ("9007199254740993", "9007199254740992"), ("1e-400", "0"), ("-0", "0"),
        ("0.10000000000000001", "0.1"),
    ])
    func `RFC 8785 by itself rounds`(_ text: String, _ rounded: String) throws {
        #expect(try canonical(text) == Text(rounded))
        #expect(throws: CanonicalJSONError.numberOverflows) { try canonical("1e309") }
    }

    @Test(arguments: [
        ("1000", "1e3"), ("1.0", "1"), ("0.5", "5e-1"), ("{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}"),
        ("\"\\u0041\\/\"", "\"A/\""), ("[ 1 , 2 ]", "[1,2]"),
    ])
    func `spellings of one value have one canonical text`(_ left: String, _ right: String) throws {
        #expect(try canonical(left, .exact) == canonical(right, .exact))
    }

    @Test(arguments: [
        ("9007199254740992", "9007199254740994"), ("\"é\"", "\"e\u{301}\""), ("{\"a\":null}", "{}"),
        ("[1,2]", "[2,1]"),
        ("1", "\"1\""), ("{\"a\":{\"b\":1}}", "{\"a\":1,\"b\":1}"),
    ])
    func `different values have different canonical texts`(_ left: String, _ right: String) throws {
        #expect(try canonical(left, .exact) != canonical(right, .exact))
    }
}
