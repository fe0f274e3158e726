import Primitives

@testable import HTTP

/// What a server engine made of some bytes: whole requests with their bodies, and the error that ended it.
struct Served: Equatable {
    var requests: [HTTPRequest] = []
    var bodies: [[UInt8]] = []
    var wholeCount = 0
    var error: HTTPError?
    var output: [UInt8] = []
    var closes = false

    /// The same requests, and refused or not for whatever reason.
    func agrees(with other: Served) -> Bool {
        requests == other.requests && wholeCount == other.wholeCount && (error == nil) == (other.error == nil)
            && bodies.prefix(wholeCount) == other.bodies.prefix(wholeCount)
    }
}

/// Feeds `bytes` in pieces and answers every request with an empty 200 once it is whole.
func serve(
    _ bytes: [UInt8], pieceBytes: Int = .max, ending: Bool = false, limits: HTTPLimits = HTTPLimits()
) -> Served {
    var server = HTTP1Server(limits: limits)
    var served = Served()
    var rest = bytes[...]
    repeat {
        server.receive(Array(rest.prefix(pieceBytes)))
        rest = rest.dropFirst(pieceBytes)
        if ending && rest.isEmpty { server.receiveEnd() }
        pump(&server, &served)
    } while !rest.isEmpty
    served.closes = server.shouldClose
    return served
}

func serve(_ text: String, pieceBytes: Int = .max, ending: Bool = false, limits: HTTPLimits = HTTPLimits())
    -> Served
{
    serve(Array(text.utf8), pieceBytes: pieceBytes, ending: ending, limits: limits)
}

private func pump(_ server: inout HTTP1Server, _ served: inout Served) {
    do throws(HTTPError) {
        while let event = try server.nextEvent() {
            switch event {
            case .request(let request):
                served.requests.append(request)
                served.bodies.append([])
            case .body(let piece):
                served.bodies[served.bodies.count - 1] += piece
            case .end:
                served.wholeCount += 1
                server.send(HTTPResponse(status: 200), body: .none)
                server.sendEnd()
            case .response, .informational:
                preconditionFailure("a server reads requests")
            }
        }
    } catch {
        served.error = error
        if server.owesResponse {
            server.send(HTTPResponse(status: error.status), body: .none)
            server.sendEnd()
        }
    }
    served.output += server.takeOutput()
}

/// What a client engine made of some bytes after one request.
struct Answered: Equatable {
    var informational: [HTTPResponse] = []
    var response: HTTPResponse?
    var body: [UInt8] = []
    var isWhole = false
    var error: HTTPError?
    var isReusable = false
}

func answer(
    _ bytes: [UInt8], to method: Text = "GET", pieceBytes: Int = .max, ending: Bool = false,
    limits: HTTPLimits = HTTPLimits()
) -> Answered {
    var client = HTTP1Client(limits: limits)
    client.send(HTTPRequestHead(method: method, target: target("/"), fields: HTTPFields([("Host", "tool")])))
    client.sendEnd()
    _ = client.takeOutput()
    var answered = Answered()
    var rest = bytes[...]
    repeat {
        client.receive(Array(rest.prefix(pieceBytes)))
        rest = rest.dropFirst(pieceBytes)
        if ending && rest.isEmpty { client.receiveEnd() }
        pump(&client, &answered)
    } while !rest.isEmpty
    answered.isReusable = client.isReusable
    return answered
}

func answer(
    _ text: String, to method: Text = "GET", pieceBytes: Int = .max, ending: Bool = false,
    limits: HTTPLimits = HTTPLimits()
) -> Answered {
    answer(Array(text.utf8), to: method, pieceBytes: pieceBytes, ending: ending, limits: limits)
}

private func pump(_ client: inout HTTP1Client, _ answered: inout Answered) {
    do throws(HTTPError) {
        while let event = try client.nextEvent() {
            switch event {
            case .informational(let response): answered.informational.append(response)
            case .response(let response): answered.response = response
            case .body(let piece): answered.body += piece
            case .end: answered.isWhole = true
            case .request: preconditionFailure("a client reads responses")
            }
        }
    } catch {
        answered.error = error
    }
}

func target(_ text: Text) -> RequestTarget {
    guard let target = try? RequestTarget(text) else { preconditionFailure("\(text) is canonical") }
    return target
}

func refusal(of target: Text) -> HTTPError? {
    do throws(HTTPError) {
        _ = try RequestTarget(target)
        return nil
    } catch {
        return error
    }
}

/// As the proxy forwards it: framed anew by the client engine.
func forwarded(_ request: HTTPRequest, _ body: [UInt8]) -> [UInt8] {
    var client = HTTP1Client()
    let head = HTTPRequestHead(
        method: request.method, target: request.target, fields: request.fields, body: request.body)
    client.send(head)
    client.sendBody(body)
    client.sendEnd()
    return client.takeOutput()
}

/// Fields that reach the tool.
func endToEnd(_ fields: HTTPFields) -> [HTTPField] {
    fields.fields.filter { !HopByHop.isHopByHop($0.key) && $0.key != "content-length" && $0.key != "expect" }
}

/// Nil when what would be forwarded is read as exactly this request; otherwise what is wrong.
func forwardingFault(_ request: HTTPRequest, _ body: [UInt8]) -> String? {
    let bytes = forwarded(request, body)
    let again = serve(bytes)
    guard again.error == nil else { return "refused: \(again.error?.description ?? "")" }
    guard again.requests.count == 1, again.wholeCount == 1, let second = again.requests.first else {
        return "not one"
    }
    guard second.method == request.method, second.target.text == request.target.text else {
        return "request line"
    }
    guard endToEnd(second.fields) == endToEnd(request.fields), second.host == request.host else {
        return "fields"
    }
    guard second.body == request.body, again.bodies == [body] else { return "body" }
    return nil
}

/// The same numbers for the same seed (xorshift64*).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed | 1 }
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}
