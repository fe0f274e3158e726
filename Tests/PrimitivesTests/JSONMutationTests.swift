import Foundation
import Primitives
import TestKit
import Testing

/// Random values and damaged texts: nothing crashes, and what is accepted means one thing.
@Suite struct JSONMutationTests {
    private static func value(_ random: inout SeededGenerator, depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: .integer(Int64.random(in: .min ... .max, using: &random))
        case 3: JSONNumber(fraction(&random)).map { .number($0) } ?? .null
        case 4, 5: .string(text(&random))
        case 6:
            .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(&random, depth: depth - 1) })
        default: .object(object(&random, depth: depth))
        }
    }

    private static func fraction(_ random: inout SeededGenerator) -> Text {
        let (whole, rest) = (
            Int8.random(in: .min ... .max, using: &random), UInt8.random(in: 0...99, using: &random)
        )
        return Text("\(whole).\(rest)e-3")
    }

    private static func object(_ random: inout SeededGenerator, depth: Int) -> JSONObject {
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0..<16, using: &random) {
            let name = text(&random)
            if object[name] == nil { object.append(name, value(&random, depth: depth - 1)) }
        }
        return object
    }

    private static func text(_ random: inout SeededGenerator) -> Text {
        let scalars: [Unicode.Scalar] = [
            "a", "b", "\"", "\\", "\0", "\n", "\u{7F}", "é", "\u{301}", "€", "\u{FFFD}", "😀",
        ]
        var view = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
            view.append(scalars.randomElement(using: &random) ?? "x")
        }
        return Text(String(view))
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func `what is written is read back, byte for byte`(_ seed: UInt64)
        throws
    {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<150 {
            let value = Self.value(&random, depth: 3)
            let read = try JSONParser.parse(value.encoded)
            #expect(read == value && read.encoded == value.encoded, "seed \(seed)")
            let canonical = try value.canonical(numbers: .rounded)
            #expect(try JSONParser.parse(canonical).canonical(numbers: .rounded) == canonical, "seed \(seed)")
        }
    }

    @Test(arguments: [UInt64(5), 6, 7]) func `damaged texts are refused or mean what they say`(_ seed: UInt64)
        throws
    {
        var random = SeededGenerator(seed: seed)
        let interesting: [UInt8] =
            Array("{}[]\",:\\u0123eE+-. tfn\0\n".utf8) + [0x80, 0xC3, 0xED, 0xF4, 0xFF]
        for _ in 0..<800 {
            var bytes = Self.value(&random, depth: 2).encoded
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                guard let place = bytes.indices.randomElement(using: &random) else { break }
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = interesting.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: place)
                }
            }
            guard let read = try? JSONParser.parse(bytes) else { continue }
            #expect(UTF8Check.isValid(bytes), "seed \(seed)")
            #expect(try JSONParser.parse(read.encoded) == read, "seed \(seed)")
            // Another reader accepts it too, if the numbers are within its range.
            if (try? read.canonical(numbers: .rounded)) == nil { continue }
            #expect(throws: Never.self, "seed \(seed): \(Text(bytes))") {
                try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            }
        }
    }

    @Test(arguments: [UInt64(8), 9]) func `every prefix of a text is refused or a text of its own`(
        _ seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        let bytes = JSON.object(["a": Self.value(&random, depth: 3), "b": .array([.null])]).encoded
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self, "seed \(seed), \(count) bytes") {
                try JSONParser.parse(Array(bytes.prefix(count)))
            }
        }
    }
}
