import Foundation
import Primitives
import Testing

@testable import HTTP

private let vectors = ProcessInfo.processInfo.environment["SALLYPORT_VECTORS"]

/// Requests collected from other projects' smuggling and parser tests.
@Suite(.enabled(if: vectors != nil)) struct CorpusTests {
    private struct Case: Decodable {
        let src: String
        let id: String
        let want: String
        let raw: String

        var bytes: [UInt8] { raw.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
        var name: String { "\(src) \(id)" }
    }

    private static func cases() throws -> [Case] {
        let url = URL(fileURLWithPath: vectors ?? "").appendingPathComponent("h1corpus.json")
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: url))
    }

    @Test func `whatever is accepted is forwarded with one meaning`() throws {
        for testCase in try Self.cases() {
            let served = serve(testCase.bytes)
            #expect(serve(testCase.bytes, pieceBytes: 1).agrees(with: served), "\(testCase.name)")
            for index in 0..<served.wholeCount {
                let fault = forwardingFault(served.requests[index], served.bodies[index])
                #expect(fault == nil, "\(testCase.name)")
            }
        }
    }

    /// Cases that others refuse and we do not, with the reason.
    private static let accepted: [String: String] = [
        "llhttp invalid:HTTP protocol and ANNOUNCE method":
            "any token in upper case is a method; rules name those they allow"
    ]

    /// Cases that others forward and we do not, with the reason.
    private static let refused: [String: HTTPError] = [
        // Only `chunked` is a coding whose end every tool finds.
        "guardian more-compliant-tests/5:Correct TE OK": .unsupportedTransferEncoding,
        "guardian more-compliant-tests/7:Transfer-Encoding: identity and chunked OK":
            .unsupportedTransferEncoding,
        "guardian more-compliant-tests/8:Multiple transfer encoding headers in a single request OK":
            .unsupportedTransferEncoding,
        "guardian more-compliant-tests/9:TE with custom parameters OK": .unsupportedTransferEncoding,
        "guardian rfc-compliant/8:Different Transfer-Encoding headers": .unsupportedTransferEncoding,
        "guardian rfc-compliant/9:Different Transfer-Encoding headers combined": .unsupportedTransferEncoding,
        "guardian rfc-compliant/10:Transfer-Encoding with a param: chunked;custom_param":
            .unsupportedTransferEncoding,
        // Not a URI: RFC 3986 has no such bytes, a fragment is never sent, and a target is never empty.
        "guardian rfc-compliant/11:Compliant URL": .targetByte,
        "guardian rfc-compliant/12:International in URI": .targetByte,
        "guardian rfc-compliant/13:Empty URI": .badRequestLine,
    ]

    @Test func `what others refuse is refused`() throws {
        for testCase in try Self.cases() where testCase.want == "reject" {
            let isListed = Self.accepted[testCase.name] != nil
            #expect((serve(testCase.bytes).wholeCount > 0) == isListed, "\(testCase.name)")
        }
    }

    @Test func `what others forward is forwarded, but for a list`() throws {
        for testCase in try Self.cases() where testCase.want == "forward" {
            #expect(serve(testCase.bytes).error == Self.refused[testCase.name], "\(testCase.name)")
        }
    }
}
