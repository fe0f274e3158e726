import Primitives
import Testing

@testable import HTTP

@Suite struct RequestReadingTests {
    private static let good: [(String, BodyLength)] = [
        ("GET / HTTP/1.1\r\nHost: tool\r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nhOST:tool:8443\t \r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", .none),
        ("GET http://tool/a?b HTTP/1.1\r\nHost: TOOL\r\n\r\n", .none),
        ("GET / HTTP/1.0\r\nHost: tool\r\n\r\n", .none),
        ("DELETE /a HTTP/1.1\r\nHost: tool\r\nContent-Length: 2\r\n\r\nok", .exactly(2)),
        ("POST /a HTTP/1.1\r\nHost: tool\r\nContent-Length: 0\r\n\r\n", .exactly(0)),
        ("POST /a HTTP/1.1\r\nHost: tool\r\nContent-Length: 002\r\n\r\nok", .exactly(2)),
        (
            "POST /a HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            .chunked
        ),
        (
            "POST /a HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "2;a=\"b\"\r\nok\r\n000\r\nX: y\r\n\r\n",
            .chunked
        ),
        ("X-WIPE! / HTTP/1.1\r\nHost: tool\r\n\r\n", .none),
        (
            "GET / HTTP/1.1\r\nHost: tool\r\nEmpty:\r\nLatin: caf\u{e9}\r\n"
                + "Connection: close, TE,\r\nTE: trailers\r\n\r\n",
            .none
        ),
        ("GET / HTTP/1.1\r\nHost: tool\r\nUpgrade-Insecure-Requests: 1\r\nMy_Field.x: 1\r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nHost: tool\r\nX-Forwarded-For: 1.1.1.1\r\nSallyport-Agent: me\r\n\r\n", .none),
    ]

    @Test(arguments: good) func `reads what has one meaning`(_ text: String, _ body: BodyLength) {
        let served = serve(text)
        #expect(served.error == nil)
        #expect(served.wholeCount == 1)
        #expect(served.requests.first?.body == body)
    }

    private static func with(_ field: String) -> String {
        "POST / HTTP/1.1\r\nHost: tool\r\n\(field)\r\n\r\n0\r\n\r\n"
    }

    private static let badLines: [(String, HTTPError)] = [
        ("\r\nGET / HTTP/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        (" GET / HTTP/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("\u{16}\u{3}\u{1}", .badRequestLine),
        ("GET /\r\n\r\n", .badRequestLine),
        ("GET  HTTP/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET  / HTTP/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET / HTTP/1.1 \r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET / /b HTTP/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET /\tHTTP/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET / http/1.1\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET / HTTP/1.10\r\nHost: tool\r\n\r\n", .badRequestLine),
        ("GET / HTTP/1.2\r\nHost: tool\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/0.9\r\nHost: tool\r\n\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
        ("get / HTTP/1.1\r\nHost: tool\r\n\r\n", .badMethod),
        ("G(T / HTTP/1.1\r\nHost: tool\r\n\r\n", .badMethod),
        ("\(String(repeating: "A", count: 33)) / HTTP/1.1\r\nHost: tool\r\n\r\n", .badMethod),
        ("CONNECT tool:443 HTTP/1.1\r\nHost: tool\r\n\r\n", .connectRefused),
        ("TRACE / HTTP/1.1\r\nHost: tool\r\n\r\n", .traceRefused),
        ("OPTIONS * HTTP/1.1\r\nHost: tool\r\n\r\n", .targetForm),
        ("GET / HTTP/1.1\nHost: tool\r\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: tool\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: tool\r\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: tool\r\nA: b\rC: d\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: tool\r\nA\r: b\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: tool\r\n\r\r\n\r\n", .bareCarriageReturn),
        ("GET /\r HTTP/1.1\r\nHost: tool\r\n\r\n", .targetByte),
    ]

    @Test(arguments: badLines) func `refuses a line that is not exactly right`(
        _ text: String, _ error: HTTPError
    ) {
        expectRefused(text, error)
    }

    private static let badFields: [(String, HTTPError)] = [
        (with("Content-Length : 2"), .spaceBeforeColon),
        (with("Content-Length\t: 2"), .spaceBeforeColon),
        (with("A: b\r\n c"), .obsoleteFolding),
        (with("A: b\r\n\tc"), .obsoleteFolding),
        (with("A: b\u{0}c"), .controlByte),
        (with("A: b\u{7f}c"), .controlByte),
        (with(": b"), .badFieldName),
        (with("A"), .badFieldName),
        (with("A(: b"), .badFieldName),
        (with("\u{e9}: b"), .badFieldName),
        (with("Host: tool"), .duplicateHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", .duplicateHost),
        ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.0\r\n\r\n", .missingHost),
        ("GET http://tool/ HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: user@tool\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: tool/x\r\n\r\n", .badHost),
        ("GET http://other/ HTTP/1.1\r\nHost: tool\r\n\r\n", .hostDisagrees),
        ("GET http://tool:80/ HTTP/1.1\r\nHost: tool\r\n\r\n", .hostDisagrees),
        (with("Connection: Authorization"), .connectionOption("authorization")),
        (with("Connection: close\r\nConnection: keep-alive, X-Secret"), .connectionOption("x-secret")),
        (with("Content_Length: 2"), .protectedAlias("Content_Length")),
        (with("Transfer_Encoding: chunked"), .protectedAlias("Transfer_Encoding")),
        (with("Sallyport_Agent: me"), .protectedAlias("Sallyport_Agent")),
        (with("X-Forwarded_For: me"), .protectedAlias("X-Forwarded_For")),
        (with("X-HTTP-Method-Override: DELETE"), .overrideField("X-HTTP-Method-Override")),
        (with("X_Original_URL: /admin"), .overrideField("X_Original_URL")),
        (with("Upgrade: websocket"), .upgradeRefused),
        (with("Upgrade: h2c"), .upgradeRefused),
        (with("HTTP2-Settings: AAMAAABkAAQAAP__"), .upgradeRefused),
        (with("Connection: HTTP2-Settings"), .connectionOption("http2-settings")),
        (with("Expect: 200-ok"), .expectationFailed),
        (with("Expect: 100-continue\r\nExpect: 100-continue"), .expectationFailed),
    ]

    @Test(arguments: badFields) func `refuses a field that may be read in two ways`(
        _ text: String, _ error: HTTPError
    ) {
        expectRefused(text, error)
    }

    private static let badFraming: [(String, HTTPError)] = [
        (with("Content-Length: 5\r\nTransfer-Encoding: chunked"), .transferEncodingWithContentLength),
        (with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), .unsupportedTransferEncoding),
        (with("Transfer-Encoding: chunked, chunked"), .unsupportedTransferEncoding),
        (with("Transfer-Encoding: gzip, chunked"), .unsupportedTransferEncoding),
        (with("Transfer-Encoding: identity"), .unsupportedTransferEncoding),
        (with("Transfer-Encoding: chunked;x"), .unsupportedTransferEncoding),
        (with("Transfer-Encoding: \"chunked\""), .unsupportedTransferEncoding),
        (with("Transfer-Encoding:"), .unsupportedTransferEncoding),
        (with("Transfer-Encoding: \u{b}chunked"), .controlByte),
        (
            "POST / HTTP/1.0\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .transferEncodingInHTTP10
        ),
        (with("Content-Length: 5\r\nContent-Length: 5"), .badContentLength),
        (with("Content-Length: 5, 5"), .badContentLength),
        (with("Content-Length: +5"), .badContentLength),
        (with("Content-Length: -5"), .badContentLength),
        (with("Content-Length: 0x5"), .badContentLength),
        (with("Content-Length: 5 5"), .badContentLength),
        (with("Content-Length:"), .badContentLength),
        (with("Content-Length: 1000000000000000"), .badContentLength),
        (with("Content-Length: 18446744073709551617"), .badContentLength),
    ]

    @Test(arguments: badFraming) func `refuses a body without one certain end`(
        _ text: String, _ error: HTTPError
    ) {
        expectRefused(text, error)
    }

    private static let badChunks: [(String, HTTPError)] = [
        ("2\nok\r\n0\r\n\r\n", .bareLineFeed), ("2\r\nok\n0\r\n\r\n", .badChunk),
        ("2\r\nokk\r\n0\r\n\r\n", .badChunk),
        ("2\r\nok0\r\n\r\n", .badChunk), ("\r\n", .badChunk), ("0x2\r\nok\r\n", .badChunk),
        ("+2\r\nok\r\n", .badChunk),
        (" 2\r\nok\r\n", .badChunk), ("2 \r\nok\r\n", .badChunk), ("2 ;x\r\nok\r\n", .badChunk),
        ("2;\r\nok\r\n", .badChunk), ("-1\r\n", .badChunk),
        ("2_0\r\n", .badChunk), ("g\r\n", .badChunk), ("0000000000000002\r\nok\r\n", .badChunk),
        ("ffffffffffffffff\r\n", .badChunk), ("2;a\u{0}\r\nok\r\n", .controlByte),
        ("2;a\rb\r\nok\r\n", .bareCarriageReturn),
        ("2;\nok\r\n", .bareLineFeed), ("0\r\nA : b\r\n\r\n", .spaceBeforeColon),
        ("0\r\nA: b\n\r\n", .bareLineFeed),
        ("0\r\n A: b\r\n\r\n", .obsoleteFolding), ("0\r\nGET / HTTP/1.1\r\n\r\n", .spaceBeforeColon),
    ]

    @Test(arguments: badChunks) func `refuses a chunked body that is not exactly right`(
        _ body: String, _ error: HTTPError
    ) {
        let served = serve("POST / HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        #expect(served.error == error)
        #expect(served.wholeCount == 0)
        #expect(served.closes)
    }

    private func expectRefused(_ text: String, _ error: HTTPError) {
        for pieceBytes in [Int.max, 1] {
            let served = serve(text, pieceBytes: pieceBytes)
            #expect(served.error == error)
            #expect(served.requests.isEmpty)
            #expect(served.closes)
            #expect(served.output.starts(with: "HTTP/1.1 \(error.status) ".utf8))
            #expect(!error.description.isEmpty)
        }
    }

    @Test func `keeps names, values and order as they came`() {
        let served = serve("GET /a?b=c HTTP/1.1\r\nhoST: Tool:1\r\nX-A:  1\t2 \r\nx-a: 3\r\n\r\n")
        let fields = served.requests.first?.fields
        #expect(fields?.fields.map(\.name) == ["hoST", "X-A", "x-a"])
        #expect(fields?.values("x-a") == ["1\t2", "3"])
        #expect(fields?["x-a"] == "1\t2")
        #expect(fields?["x-b"] == nil)
        #expect(served.requests.first?.host == "tool:1")
    }

    private static let persistence: [(String, String, Bool)] = [
        ("1.1", "", true), ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive, Close\r\n", false),
        ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
    ]

    @Test(arguments: persistence)
    func `a connection persists as the version and Connection say`(
        _ version: String, _ field: String, _ stays: Bool
    ) {
        let served = serve("GET / HTTP/\(version)\r\nHost: tool\r\n\(field)\r\n")
        #expect(served.requests.first?.keepAlive == stays)
        #expect(served.closes == !stays)
    }

    @Test func `a message cut off is no message`() {
        let text = "POST / HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        for count in 1..<text.utf8.count {
            let served = serve(Array(text.utf8.prefix(count)), ending: true)
            #expect(served.error == .truncated)
            #expect(served.wholeCount == 0)
        }
        let whole = serve(text, ending: true)
        #expect(whole.error == nil && whole.wholeCount == 1 && whole.closes)
        #expect(serve("", ending: true).error == nil)
    }

    @Test func `a byte at a time reads the same as all at once`() {
        for (text, _) in Self.good + [(Self.good.map(\.0).joined(), .none)] {
            let whole = serve(text)
            for pieceBytes in [1, 2, 3, 7, 64] {
                #expect(serve(text, pieceBytes: pieceBytes).agrees(with: whole))
            }
        }
    }
}
