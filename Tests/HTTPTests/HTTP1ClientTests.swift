import Primitives
import Testing

@testable import HTTP

@Suite struct HTTP1ClientTests {
    private static let good: [(String, Text, BodyLength, String, Bool)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", .exactly(2), "ok", true),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "GET", .exactly(0), "", true),
        ("HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n", "GET", .exactly(0), "", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nT: u\r\n\r\n", "GET",
            .chunked, "ok", true
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "GET", .exactly(2), "ok",
            false
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", .exactly(2), "ok", false),
        (
            "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", "GET", .exactly(2),
            "ok", true
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", .none, "", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", .none, "", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", "GET", .none, "", true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", .none, "", true),
        (
            "HTTP/1.1 404 caf\u{e9} [x]\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
            "GET", .exactly(0), "", true
        ),
    ]

    @Test(arguments: good)
    func `reads a response that has one meaning`(
        _ text: String, _ method: Text, _ length: BodyLength, _ body: String, _ stays: Bool
    ) {
        for pieceBytes in [Int.max, 1, 3] {
            let answered = answer(text, to: method, pieceBytes: pieceBytes)
            #expect(answered.error == nil && answered.isWhole)
            #expect(answered.response?.body == length)
            #expect(answered.body == Array(body.utf8))
            #expect(answered.isReusable == stays)
        }
    }

    private static let bad: [(String, HTTPError)] = [
        ("HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\n", .bareLineFeed),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", .badStatusLine),
        ("HTTP/2 200\r\n\r\n", .badStatusLine), ("HTTP/1.2 200 OK\r\n\r\n", .badStatusLine),
        ("http/1.1 200 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1  200 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 20 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 099 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 600 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1\r\n\r\n", .badStatusLine), ("ICY 200 OK\r\n\r\n", .badStatusLine),
        ("\r\n", .badStatusLine),
        ("HTTP/1.1 200 O\u{0}K\r\n\r\n", .controlByte), ("HTTP/1.1 200 O\rK\r\n\r\n", .bareCarriageReturn),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .obsoleteFolding),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .spaceBeforeColon),
        ("HTTP/1.1 200 OK\r\nA: \u{1}\r\n\r\n", .controlByte),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", .badContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", .badContentLength),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            .transferEncodingWithContentLength
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferEncoding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        ("HTTP/1.1 204 No\r\nContent-Length: x\r\n\r\n", .badContentLength),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            .unexpectedUpgrade
        ),
        ("HTTP/1.1 200 OK\r\nConnection: Set-Cookie\r\n\r\n", .connectionOption("set-cookie")),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .badChunk),
    ]

    @Test(arguments: bad) func `refuses a response that may be read in two ways`(
        _ text: String, _ error: HTTPError
    ) {
        for pieceBytes in [Int.max, 1] {
            let answered = answer(text, pieceBytes: pieceBytes)
            #expect(answered.error == error)
            #expect(!answered.isWhole && !answered.isReusable)
        }
    }

    @Test func `a body without a length ends with the connection`() {
        let text = "HTTP/1.1 200 OK\r\n\r\nall of it"
        let open = answer(text)
        #expect(!open.isWhole && open.response?.body == .untilClose && open.response?.keepAlive == false)
        let ended = answer(text, ending: true)
        #expect(ended.isWhole && ended.body == Array("all of it".utf8) && !ended.isReusable)
    }

    private static let cut: [(String, HTTPError)] = [
        ("", .closedBeforeResponse), ("HTTP/1.1 200", .truncated),
        ("HTTP/1.1 100 C\r\n\r\n", .closedBeforeResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", .truncated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", .truncated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", .truncated),
    ]

    @Test(arguments: cut) func `a response cut off is an error`(_ text: String, _ error: HTTPError) {
        let answered = answer(text, ending: true)
        #expect(answered.error == error && !answered.isWhole)
    }

    @Test func `informational responses pass, but not for ever`() {
        let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        let final = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        let answered = answer(hint + hint + final)
        #expect(answered.informational.map(\.status) == [103, 103])
        #expect(answered.isWhole && answered.isReusable)
        #expect(answer(String(repeating: hint, count: 17) + final).error == .tooManyInformational)
    }

    @Test func `bytes nobody asked for end the connection`() throws {
        let answered = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n")
        #expect(answered.isWhole && answered.error == .unsolicitedResponse && !answered.isReusable)
        var client = HTTP1Client()
        client.receive(Array("HTTP/1.1 408 Request Timeout\r\n\r\n".utf8))
        let isReusable = client.isReusable
        #expect(!isReusable)
        #expect(throws: HTTPError.unsolicitedResponse) { try client.nextEvent() }
    }

    @Test func `a request is framed by us and carries nothing of the hop before`() {
        var client = HTTP1Client()
        let fields = HTTPFields([
            ("Host", "tool"), ("Connection", "close"), ("Content-Length", "9"), ("Transfer-Encoding", "gzip"),
            ("TE", "trailers"),
            ("Expect", "100-continue"), ("Keep-Alive", "1"), ("X-a", "b"), ("Upgrade", "h2c"),
            ("Proxy-Connection", "x"),
        ])
        client.send(HTTPRequestHead(method: "POST", target: target("/a?b"), fields: fields, body: .chunked))
        client.sendBody([])
        client.sendBody(Array("0123456789abcdef".utf8))
        client.sendEnd()
        let output = String(decoding: client.takeOutput(), as: UTF8.self)
        #expect(
            output == "POST /a?b HTTP/1.1\r\nHost: tool\r\nX-a: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "10\r\n0123456789abcdef\r\n0\r\n\r\n")
    }

    @Test func `a response may come before the request is whole, and then the connection is spent`() throws {
        var client = HTTP1Client()
        let fields = HTTPFields([("Host", "tool")])
        client.send(HTTPRequestHead(method: "POST", target: target("/"), fields: fields, body: .exactly(4)))
        client.sendBody([1, 2])
        client.receive(Array("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n".utf8))
        guard case .response(let response) = try client.nextEvent() else { throw HTTPError.truncated }
        #expect(response.status == 413)
        #expect(try client.nextEvent() == .end)
        var isReusable = client.isReusable
        #expect(!isReusable)
        client.sendBody([3, 4])
        client.sendEnd()
        isReusable = client.isReusable
        #expect(isReusable)
    }

    @Test func `one connection carries one request after the other`() throws {
        var client = HTTP1Client()
        var server = HTTP1Server()
        for round in 1...3 {
            let fields = HTTPFields([("Host", "tool")])
            client.send(HTTPRequestHead(method: "GET", target: target(Text("/\(round)")), fields: fields))
            client.sendEnd()
            server.receive(client.takeOutput())
            guard case .request(let request) = try server.nextEvent() else { throw HTTPError.truncated }
            #expect(request.target.text == Text("/\(round)"))
            #expect(try server.nextEvent() == .end)
            server.send(HTTPResponse(status: 200), body: .chunked)
            server.sendBody([UInt8(round)])
            server.sendEnd()
            client.receive(server.takeOutput())
            guard case .response = try client.nextEvent() else { throw HTTPError.truncated }
            #expect(try client.nextEvent() == .body([UInt8(round)]))
            #expect(try client.nextEvent() == .end)
            let isReusable = client.isReusable
            #expect(isReusable)
        }
    }
}
