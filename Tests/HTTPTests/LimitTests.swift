import Primitives
import Testing

@testable import HTTP

@Suite struct LimitTests {
    private static func head(fields count: Int) -> String {
        "GET / HTTP/1.1\r\nHost: tool\r\n" + String(repeating: "A: b\r\n", count: count - 1) + "\r\n"
    }

    private static func head(bytes count: Int) -> String {
        let rest = "GET / HTTP/1.1\r\nHost: tool\r\nA: \r\n\r\n".utf8.count
        return "GET / HTTP/1.1\r\nHost: tool\r\nA: " + String(repeating: "x", count: count - rest)
            + "\r\n\r\n"
    }

    private static func head(target count: Int) -> String {
        "GET /" + String(repeating: "x", count: count - 1) + " HTTP/1.1\r\nHost: tool\r\n\r\n"
    }

    private static func chunked(_ body: String) -> String {
        "POST / HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    }

    private static func trailers(bytes count: Int) -> String {
        chunked("0\r\nA: " + String(repeating: "x", count: count - 5) + "\r\n\r\n")
    }

    private static let chunkLine = String(repeating: "x", count: 254)

    private static let bounds: [(String, String, HTTPError)] = [
        (head(fields: 100), head(fields: 101), .tooManyFields),
        (head(bytes: 64 * 1024), head(bytes: 64 * 1024 + 1), .headTooLarge),
        (head(target: 8 * 1024), head(target: 8 * 1024 + 1), .targetTooLong),
        (chunked("0;" + chunkLine + "\r\n\r\n"), chunked("0;x" + chunkLine + "\r\n\r\n"), .chunkLineTooLong),
        (trailers(bytes: 8 * 1024 - 2), trailers(bytes: 8 * 1024 + 1), .trailersTooLarge),
        (
            chunked("0\r\n" + String(repeating: "A: b\r\n", count: 100) + "\r\n"),
            chunked("0\r\n" + String(repeating: "A: b\r\n", count: 101) + "\r\n"), .trailersTooLarge
        ),
    ]

    @Test(arguments: bounds)
    func `the last that fits is read and the first that does not is refused`(
        _ fits: String, _ not: String, _ error: HTTPError
    ) {
        for pieceBytes in [Int.max, 1] {
            let whole = serve(fits, pieceBytes: pieceBytes)
            #expect(whole.error == nil && whole.wholeCount == 1)
            #expect(serve(not, pieceBytes: pieceBytes).error == error)
        }
    }

    private static let endless: [(String, String, HTTPError)] = [
        ("", "A", .targetTooLong), ("GET /", "x", .targetTooLong),
        ("GET / HTTP/1.1\r\nA: ", "x", .headTooLarge),
        ("GET / HTTP/1.1\r\n", "A: b\r\n", .tooManyFields), (chunked(""), "0", .chunkLineTooLong),
        (chunked("0\r\nA: "), "x", .trailersTooLarge),
    ]

    @Test(arguments: endless)
    func `what never ends is refused at its limit`(_ start: String, _ more: String, _ error: HTTPError) {
        #expect(serve(start + String(repeating: more, count: 70_000), pieceBytes: 1000).error == error)
    }

    @Test func `statuses say which limit it was`() {
        #expect(HTTPError.targetTooLong.status == 414)
        #expect(HTTPError.headTooLarge.status == 431)
        #expect(HTTPError.tooManyFields.status == 431)
        #expect(HTTPError.expectationFailed.status == 417)
        #expect(HTTPError.unsupportedVersion.status == 505)
        #expect(HTTPError.connectRefused.status == 501)
        #expect(HTTPError.badChunk.status == 400)
    }

    @Test func `a slow head and a slow body cost no more than fast ones`() {
        let head = Self.head(bytes: 60_000)
        let body =
            "POST / HTTP/1.1\r\nHost: tool\r\nContent-Length: 200000\r\n\r\n"
            + String(repeating: "x", count: 200_000)
        let clock = ContinuousClock()
        let elapsed = clock.measure {
            #expect(serve(head, pieceBytes: 1).wholeCount == 1)
            #expect(serve(body, pieceBytes: 1).wholeCount == 1)
        }
        // A rescan of the head alone would be 1.8 billion steps.
        #expect(elapsed < .seconds(5))
    }
}
