import Primitives
import TestKit
import Testing

private typealias Decimal = Primitives.Decimal

private func decimal(_ text: String) throws -> Decimal { try #require(Decimal(Array(text.utf8)), "\(text)") }

@Suite struct DecimalTests {
    @Test(arguments: [
        ["1000", "1e3", "1000.0", "1E+3", "10.00e2", "0.1e4", "10000e-1"],
        ["0", "-0", "0.0", "0e9", "-0.000e-99"],
        ["0.5", "5e-1", "0.50", "50E-2"], ["-12.5", "-1.25e1", "-125e-1"], ["1e999999", "10e999998"],
    ])
    func `spellings of one value are equal`(_ spellings: [String]) throws {
        let values = try spellings.map(decimal)
        #expect(Set(values).count == 1)
        for value in values { #expect(value == values[0] && !(value < values[0])) }
    }

    @Test(arguments: [
        ("9007199254740993", "9007199254740992"), ("0.1", "0.1000000000000000055511151231257827"),
        ("1e400", "1e401"), ("1e-400", "0"), ("-1", "1"),
        ("100000000000000000000000000001", "100000000000000000000000000000"),
    ])
    func `values that floats confuse are different`(_ left: String, _ right: String) throws {
        #expect(try decimal(left) != decimal(right))
    }

    @Test func `order is that of the numbers`() throws {
        let sorted = [
            "-1e999999", "-1000.1", "-1e3", "-999", "-1.5", "-1", "-0.5", "-1e-9", "0", "1e-999999", "1e-9",
            "0.09", "0.1",
            "0.10000000001", "0.5", "1", "1.0000001", "9", "10", "11", "99", "100", "9007199254740992",
            "9007199254740993",
            "1e20", "1e999999",
        ]
        let values = try sorted.map(decimal)
        #expect(values.shuffled().sorted() == values)
        for (left, right) in zip(values, values.dropFirst()) { #expect(left < right && left != right) }
    }

    @Test(arguments: [
        "", "-", "+1", "01", "-01", "00", ".5", "1.", "1.e3", "1e", "1e+", "1e-", "e3", "1e1.5", "0x1",
        "1_000", "1,000", " 1",
        "1 ", "1\n", "--1", "1-", "NaN", "Infinity", "-Infinity", "1e1000000", "1e-1000000",
        "1e99999999999999999999", "٣",
        "1\u{0}", "1E5F",
    ])
    func `what JSON calls no number is none`(_ text: String) { #expect(Decimal(Array(text.utf8)) == nil) }

    @Test(
        arguments: [
            ("0", 0), ("-0.0", 0), ("1e3", 1000), ("1.5e1", 15), ("-12", -12), ("9223372036854775807", .max),
            ("-9223372036854775808", .min), ("9.223372036854775807e18", .max), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("1e19", nil), ("1e999999", nil), ("0.5", nil), ("1.5", nil),
            ("1e-1", nil),
            ("9223372036854775807.5", nil), ("1000000000000000000", 1_000_000_000_000_000_000),
        ] as [(String, Int64?)])
    func `a whole number that fits is an integer, nothing else is`(_ text: String, _ value: Int64?) throws {
        #expect(try decimal(text).int64 == value)
    }

    @Test(arguments: [0, 1, -1, 10, -1000, 1234567890, .max, .min, .min + 1] as [Int64])
    func `integers become decimals and come back`(_ value: Int64) throws {
        #expect(Decimal(value).int64 == value)
        #expect(try Decimal(value) == decimal(String(value)))
    }

    /// A number as an integer count of 10^-12, exact in 128 bits.
    private struct Sample {
        let text: String
        let scaled: Int128

        init(_ random: inout SeededGenerator) {
            let mantissa = Int128(Int64.random(in: -99_999...99_999, using: &random))
            let exponent = Int.random(in: -12...12, using: &random)
            scaled = mantissa * (0..<(exponent + 12)).reduce(Int128(1)) { power, _ in power * 10 }
            text = Self.spelling(mantissa, exponent, &random)
        }

        private static func spelling(_ mantissa: Int128, _ exponent: Int, _ random: inout SeededGenerator)
            -> String
        {
            let zeros = Int.random(in: 0...3, using: &random)
            let padding = String(repeating: "0", count: zeros)
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where mantissa != 0: return "\(mantissa)\(padding)e\(exponent - zeros)"
            case 1: return "\(mantissa).0\(padding)E\(exponent < 0 ? "" : "+")\(exponent)"
            default: return "\(mantissa)e\(exponent)"
            }
        }
    }

    @Test(arguments: [UInt64(1), 2, 3]) func `equality and order agree with exact integers`(_ seed: UInt64)
        throws
    {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3_000 {
            let (left, right) = (Sample(&random), Sample(&random))
            let (a, b) = (try decimal(left.text), try decimal(right.text))
            let label: Comment = "seed \(seed): \(left.text) and \(right.text)"
            #expect((a == b) == (left.scaled == right.scaled), label)
            #expect((a < b) == (left.scaled < right.scaled), label)
            #expect((b < a) == (right.scaled < left.scaled), label)
            if a == b { #expect(a.hashValue == b.hashValue, label) }
            #expect(try decimal(a.description) == a, label)
        }
    }

    @Test(arguments: [
        ("1e21", "1e+21"), ("1e20", "100000000000000000000"), ("1e-6", "0.000001"), ("1e-7", "1e-7"),
        ("-0", "0"),
        ("12.50", "12.5"), ("-0.00123", "-0.00123"), ("1.5e300", "1.5e+300"),
        ("123456789012345678901234", "1.23456789012345678901234e+23"),
    ])
    func `a value is shown as ECMAScript lays numbers out`(_ text: String, _ shown: String) throws {
        #expect(try decimal(text).description == shown)
    }
}
