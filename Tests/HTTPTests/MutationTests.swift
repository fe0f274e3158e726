import Primitives
import Testing

@testable import HTTP

@Suite struct MutationTests {
    private static let seed: UInt64 = 0x5A11_9047
    private static let budget = Duration.milliseconds(1500)

    private static let requests: [String] = [
        "GET /a/b?c=d%20e HTTP/1.1\r\nHost: tool:8443\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
        "POST /v1/orders HTTP/1.1\r\nHost: tool\r\n"
            + "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"a\":12345}",
        "PUT http://tool/x HTTP/1.1\r\nHost: tool\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: [::1]:80\r\nConnection: keep-alive\r\nTE: trailers\r\n\r\n"
            + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    ]

    private static let responses: [String] = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    ]

    private static let splices: [String] = [
        "\r\n", "\n", "\r", " ", "\t", "\0", ":", "%2e", "%", "//", "/../", "0",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n", "Content-Length: 0\r\n", ", chunked", "chunked", "_", ";", "\r\n\r\n",
        "Host: tool\r\n", "GET / HTTP/1.1",
    ]

    private static func mutated(_ text: String, _ random: inout SeededRandom) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(contentsOf: (splices.randomElement(using: &random) ?? "").utf8, at: index)
            case 3: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
            default:
                bytes.insert(
                    contentsOf: bytes[index...].prefix(Int.random(in: 1...20, using: &random)), at: index)
            }
        }
        return bytes
    }

    @Test func `whatever is accepted means the same to the next reader`() {
        var random = SeededRandom(seed: Self.seed)
        let clock = ContinuousClock()
        let end = clock.now + Self.budget
        var accepted = 0
        while clock.now < end {
            let bytes = Self.mutated(Self.requests.randomElement(using: &random) ?? "", &random)
            let served = serve(bytes)
            let slow = serve(bytes, pieceBytes: Int.random(in: 1...9, using: &random))
            #expect(slow.agrees(with: served), "seed \(Self.seed): \(Text(bytes))")
            for index in 0..<served.wholeCount {
                accepted += 1
                let fault = forwardingFault(served.requests[index], served.bodies[index])
                #expect(fault == nil, "seed \(Self.seed): \(Text(bytes))")
            }
        }
        #expect(accepted > 100)
    }

    @Test func `no response, however broken, does more than fail`() {
        var random = SeededRandom(seed: Self.seed)
        let clock = ContinuousClock()
        let end = clock.now + Self.budget / 2
        while clock.now < end {
            let bytes = Self.mutated(Self.responses.randomElement(using: &random) ?? "", &random)
            let method: Text = Bool.random(using: &random) ? "GET" : "HEAD"
            let whole = answer(bytes, to: method, ending: true)
            let slow = answer(bytes, to: method, pieceBytes: 1, ending: true)
            #expect((whole.error == nil) == (slow.error == nil), "seed \(Self.seed): \(Text(bytes))")
            #expect(whole.isWhole || whole.error != nil)
            if whole.error == nil { #expect(whole == slow) }
        }
    }
}
