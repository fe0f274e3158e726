import Foundation
import Primitives
import Testing

/// Vectors of others, outside this repository: the directory in `SALLYPORT_VECTORS`.
///
/// Without it these tests are skipped.
private enum Vectors {
    static let directory = ProcessInfo.processInfo.environment["SALLYPORT_VECTORS"]

    static func files(_ folder: String) throws -> [(name: String, bytes: [UInt8])] {
        let path = "\(directory ?? "")/\(folder)"
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { name in
            (name, Array(try #require(FileManager.default.contents(atPath: "\(path)/\(name)"))))
        }
    }
}

@Suite(.enabled(if: Vectors.directory != nil)) struct JSONVectorTests {
    @Test func `JSONTestSuite's texts get its verdict`() throws {
        let files = try Vectors.files("json/test_parsing")
        #expect(files.count == 318)
        let limits = JSONParser.Limits(allowsDuplicateNames: true)
        for (name, bytes) in files {
            let isAccepted = (try? JSONParser.parse(bytes, limits: limits)) != nil
            switch name.utf8.first {
            case UInt8(ascii: "y"): #expect(isAccepted, "\(name)")
            case UInt8(ascii: "n"): #expect(!isAccepted, "\(name)")
            default: break
            }
        }
    }

    /// Of the texts about which a parser may decide: those that everybody reads alike.
    @Test func `JSONTestSuite's open questions are answered by refusal when readers differ`() throws {
        for (name, bytes) in try Vectors.files("json/test_parsing") where name.utf8.first == UInt8(ascii: "i")
        {
            guard let value = try? JSONParser.parse(bytes) else { continue }
            #expect(UTF8Check.isValid(bytes), "\(name)")
            #expect(try JSONParser.parse(value.encoded) == value, "\(name)")
        }
    }

    @Test func `the JCS vectors come out byte for byte`() throws {
        let outputs = try Vectors.files("jcs/testdata/output")
        let inputs = try Vectors.files("jcs/testdata/input")
        #expect(inputs.count == outputs.count && !inputs.isEmpty)
        for (input, output) in zip(inputs, outputs) {
            #expect(input.name == output.name)
            let value = try JSONParser.parse(input.bytes)
            #expect(try value.canonical(numbers: .rounded) == output.bytes, "\(input.name)")
        }
    }
}
