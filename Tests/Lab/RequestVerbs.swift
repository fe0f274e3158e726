import HTTP
import Primitives

/// `target` and `http1`.
enum RequestVerbs {
    /// `{"target":"/a?x=1"}`: the target as it is judged.
    static func target(_ input: JSON) -> Text? {
        input["target"]?.string.flatMap { try? RequestTarget($0).text }
    }

    /// `{"bytes":"<base64>"}`: the requests that one connection's bytes are, each answered when it is whole.
    static func http1(_ input: JSON) -> Text? {
        guard let bytes = input.bytes("bytes") else { return nil }
        var server = HTTP1Server()
        var requests: [JSON] = []
        server.receive(bytes)
        do throws(HTTPError) {
            try read(from: &server, into: &requests)
            server.receiveEnd()
            try read(from: &server, into: &requests)
        } catch {
            return error == .truncated ? "incomplete" : nil
        }
        guard !requests.isEmpty else { return "incomplete" }
        return Text(JSON.object(["requests": .array(requests)]).encoded)
    }

    private static func read(from server: inout HTTP1Server, into requests: inout [JSON]) throws(HTTPError) {
        var request: HTTPRequest?
        var bodyBytes: Int64 = 0
        while let event = try server.nextEvent() {
            switch event {
            case .request(let head): (request, bodyBytes) = (head, 0)
            case .body(let piece): bodyBytes += Int64(piece.count)
            case .end:
                guard let whole = request else { preconditionFailure("a request begins before it ends") }
                requests.append(described(whole, bodyBytes))
                server.send(HTTPResponse(status: 204), body: .none)
                server.sendEnd()
            case .response, .informational: preconditionFailure("an agent sends no responses")
            }
        }
    }

    private static func described(_ request: HTTPRequest, _ bodyBytes: Int64) -> JSON {
        .object([
            "method": .string(request.method), "target": .string(request.target.text),
            "fields": .array(request.fields.fields.map { .array([.string($0.name), .string($0.value)]) }),
            "bodyBytes": .integer(bodyBytes),
        ])
    }
}
