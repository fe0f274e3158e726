import Primitives
import Testing

@testable import HTTP

@Suite struct HTTP1ServerTests {
    private static let post = "POST /a HTTP/1.1\r\nHost: tool\r\nContent-Length: 4\r\n\r\nbody"
    private static let get = "GET /b HTTP/1.1\r\nHost: tool\r\n\r\n"

    private func started(_ text: String, limits: HTTPLimits = HTTPLimits()) throws -> Box {
        let box = Box(limits)
        box.server.receive(Array(text.utf8))
        guard case .request = try box.server.nextEvent() else { throw HTTPError.truncated }
        return box
    }

    /// Lets a test hold the engine in a constant.
    private final class Box {
        var server: HTTP1Server
        init(_ limits: HTTPLimits) { server = HTTP1Server(limits: limits) }
        var shouldClose: Bool { server.shouldClose }
        var wantsInput: Bool { server.wantsInput }
        var isIdle: Bool { server.isIdle }
        var isReadingBody: Bool { server.isReadingBody }
        var owesResponse: Bool { server.owesResponse }
        var peerHasEnded: Bool { server.peerHasEnded }
        var output: String { String(decoding: server.takeOutput(), as: UTF8.self) }
    }

    @Test func `a pipelined request is not handed out before the answer to the one before it`() throws {
        let box = try started(Self.post + Self.get)
        #expect(try box.server.nextEvent() == .body(Array("body".utf8)))
        #expect(try box.server.nextEvent() == .end)
        #expect(try box.server.nextEvent() == nil)
        box.server.send(HTTPResponse(status: 200), body: .exactly(2), to: "POST")
        #expect(try box.server.nextEvent() == nil)
        box.server.sendBody(Array("ok".utf8))
        #expect(try box.server.nextEvent() == nil)
        box.server.sendEnd()
        guard case .request(let second) = try box.server.nextEvent() else { throw HTTPError.truncated }
        #expect(second.target.text == "/b")
        #expect(box.output == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(!box.shouldClose)
    }

    @Test func `reading pauses when the agent sends too far ahead`() throws {
        var limits = HTTPLimits()
        limits.headBytesMax = 100
        limits.bufferedBytesMax = 1000
        let box = try started(Self.get, limits: limits)
        _ = try box.server.nextEvent()
        box.server.receive([UInt8](repeating: 0x47, count: 1000))
        #expect(box.wantsInput)
        box.server.receive([0x47])
        #expect(!box.wantsInput)
    }

    private static let framings: [(String, BodyLength, Int, String)] = [
        ("GET / HTTP/1.1", .none, 200, "Content-Length: 0\r\n\r\n"),
        ("GET / HTTP/1.1", .exactly(2), 200, "Content-Length: 2\r\n\r\nok"),
        ("GET / HTTP/1.1", .chunked, 200, "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("GET / HTTP/1.1", .untilClose, 200, "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("GET / HTTP/1.0", .chunked, 200, "Connection: close\r\n\r\nok"),
        ("GET / HTTP/1.0", .exactly(2), 200, "Content-Length: 2\r\nConnection: close\r\n\r\nok"),
        ("HEAD / HTTP/1.1", .exactly(2), 200, "Content-Length: 2\r\n\r\n"),
        ("HEAD / HTTP/1.1", .chunked, 200, "\r\n"),
        ("GET / HTTP/1.1", .exactly(2), 204, "\r\n"),
        ("GET / HTTP/1.1", .none, 304, "\r\n"),
    ]

    @Test(arguments: framings)
    func `a response is framed for whom it goes to`(
        _ line: String, _ body: BodyLength, _ status: Int, _ rest: String
    ) throws {
        let box = try started("\(line)\r\nHost: tool\r\n\r\n")
        #expect(try box.server.nextEvent() == .end)
        let fields = HTTPFields([
            ("Transfer-Encoding", "gzip"), ("Connection", "x"), ("Keep-Alive", "5"), ("X", "y"),
        ])
        box.server.send(HTTPResponse(status: status, reason: "", fields: fields), body: body)
        if body != .none { box.server.sendBody(Array("ok".utf8)) }
        box.server.sendEnd()
        #expect(box.output == "HTTP/1.1 \(status) \r\nX: y\r\n" + rest)
        #expect(box.shouldClose == (line.hasSuffix("1.0")))
    }

    @Test func `an HTTP/1_0 agent that asks for it keeps its connection`() throws {
        let box = try started("GET / HTTP/1.0\r\nHost: tool\r\nConnection: keep-alive\r\n\r\n")
        #expect(try box.server.nextEvent() == .end)
        box.server.sendInformational(HTTPResponse(status: 103))
        box.server.send(HTTPResponse(status: 200), body: .exactly(0))
        box.server.sendEnd()
        #expect(box.output == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
        #expect(box.isIdle && !box.shouldClose)
    }

    @Test func `the length of what HEAD asked about is kept`() throws {
        let box = try started("HEAD / HTTP/1.1\r\nHost: tool\r\n\r\n")
        box.server.send(
            HTTPResponse(status: 200, fields: HTTPFields([("content-length", "42")])), body: .none)
        box.server.sendEnd()
        #expect(box.output == "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n")
        #expect(box.isIdle)
    }

    @Test func `no value can end its field`() throws {
        let box = try started(Self.get)
        let fields = HTTPFields([("X", "a\r\nSet-Cookie: b\u{0}c")])
        box.server.send(HTTPResponse(status: 200, reason: "O\nK", fields: fields), body: .none)
        #expect(box.output == "HTTP/1.1 200 O K\r\nX: a  Set-Cookie: b c\r\nContent-Length: 0\r\n\r\n")
    }

    @Test func `100 Continue is said once and only to who waits for it`() throws {
        let box = try started(
            "POST / HTTP/1.1\r\nHost: tool\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
        box.server.sendContinue()
        box.server.sendContinue()
        #expect(box.output == "HTTP/1.1 100 Continue\r\n\r\n")
        let other = try started(Self.post)
        other.server.sendContinue()
        #expect(other.output.isEmpty)
    }

    @Test func `an answer instead of 100 Continue closes, for nobody knows what comes next`() throws {
        let box = try started(
            "POST / HTTP/1.1\r\nHost: tool\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        box.server.send(HTTPResponse(status: 403), body: .none)
        #expect(!box.shouldClose)
        box.server.sendEnd()
        #expect(box.output.hasSuffix("Connection: close\r\n\r\n"))
        #expect(box.shouldClose)
        box.server.receive(Array(Self.get.utf8))
        #expect(try box.server.nextEvent() == nil)
    }

    @Test(arguments: [0, 2, 4]) func `an early answer leaves the rest of a small request unread by anyone`(
        _ sent: Int
    ) throws {
        let box = try started(String(Self.post.dropLast(4 - sent)))
        #expect(box.isReadingBody)
        box.server.send(HTTPResponse(status: 403), body: .none)
        box.server.sendEnd()
        box.server.receive(Array("body".utf8.dropFirst(sent)) + Array(Self.get.utf8))
        guard case .request(let second) = try box.server.nextEvent() else { throw HTTPError.truncated }
        #expect(second.target.text == "/b")
    }

    @Test func `an early answer to a large request closes`() throws {
        let box = try started("POST / HTTP/1.1\r\nHost: tool\r\nContent-Length: 10000000\r\n\r\n")
        box.server.send(HTTPResponse(status: 413), body: .none)
        box.server.sendEnd()
        #expect(box.output.hasSuffix("Connection: close\r\n\r\n"))
        #expect(box.shouldClose)
    }

    @Test func `an early answer to an endless request closes in the end`() throws {
        let box = try started("POST / HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n")
        box.server.send(HTTPResponse(status: 403), body: .none)
        box.server.sendEnd()
        let piece = Array("8000\r\n".utf8) + [UInt8](repeating: 0, count: 0x8000) + Array("\r\n".utf8)
        for _ in 0..<2 {
            box.server.receive(piece)
            #expect(try box.server.nextEvent() == nil)
            #expect(!box.shouldClose)
        }
        box.server.receive(piece)
        #expect(try box.server.nextEvent() == nil)
        #expect(box.shouldClose)
    }

    @Test func `draining answers what is in flight and then closes`() throws {
        let box = try started(Self.post + Self.get)
        box.server.closeAfterResponse()
        #expect(!box.shouldClose)
        #expect(try box.server.nextEvent() == .body(Array("body".utf8)))
        #expect(try box.server.nextEvent() == .end)
        box.server.send(HTTPResponse(status: 200), body: .none)
        box.server.sendEnd()
        #expect(box.output == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        #expect(try box.server.nextEvent() == nil)
        #expect(box.shouldClose)
    }

    @Test func `draining an idle connection closes it at once`() {
        var server = HTTP1Server()
        var closes = server.shouldClose
        #expect(!closes)
        server.closeAfterResponse()
        closes = server.shouldClose
        #expect(closes)
    }

    @Test func `an agent that closes its side still gets its answer`() throws {
        let box = try started(Self.get)
        box.server.receiveEnd()
        #expect(try box.server.nextEvent() == .end)
        #expect(box.peerHasEnded && !box.shouldClose && !box.wantsInput)
        box.server.send(HTTPResponse(status: 200), body: .none)
        box.server.sendEnd()
        #expect(box.shouldClose)
    }

    @Test func `a response that cannot be finished has no end`() throws {
        let box = try started(Self.get)
        box.server.send(HTTPResponse(status: 200), body: .chunked)
        box.server.sendBody([0x41])
        box.server.abandonResponse()
        #expect(box.output == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n")
        #expect(box.shouldClose)
        let short = try started(Self.get)
        short.server.send(HTTPResponse(status: 200), body: .exactly(2))
        short.server.sendEnd()
        #expect(short.shouldClose)
    }

    @Test func `an error behind a response that has begun is not answered`() throws {
        let box = try started("POST / HTTP/1.1\r\nHost: tool\r\nTransfer-Encoding: chunked\r\n\r\n")
        box.server.send(HTTPResponse(status: 200), body: .chunked)
        box.server.receive(Array("x\r\n".utf8))
        #expect(throws: HTTPError.badChunk) { try box.server.nextEvent() }
        #expect(try box.server.nextEvent() == nil)
        #expect(!box.owesResponse && box.shouldClose)
        _ = box.output
        box.server.sendBody([1])
        box.server.sendEnd()
        box.server.send(HTTPResponse(status: 400), body: .none)
        #expect(box.output.isEmpty && box.shouldClose)
    }

    @Test func `an agent too slow with its head can be told so`() throws {
        var server = HTTP1Server()
        server.receive(Array("GET / HT".utf8))
        #expect(try server.nextEvent() == nil)
        server.send(HTTPResponse(status: 408), body: .none)
        server.sendEnd()
        let output = String(decoding: server.takeOutput(), as: UTF8.self)
        #expect(output == "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        let closes = server.shouldClose
        #expect(closes)
    }
}
