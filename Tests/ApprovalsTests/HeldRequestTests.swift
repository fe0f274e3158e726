import Approvals
import Foundation
import Primitives
import Testing

struct `Digest of a held request` {
    static let vectors: [JSON] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Fixtures/approval-digests.json")
        guard let bytes = try? Data(contentsOf: file), let json = try? JSONParser.parse(Array(bytes)) else {
            return []
        }
        return json["vectors"]?.array ?? []
    }()

    @Test func `there are three published vectors`() { #expect(Self.vectors.count == 3) }

    @Test(arguments: vectors)
    func `is as published`(_ vector: JSON) throws {
        let members = try #require(vector["request"])
        let request = try Self.request(members)
        #expect(request.canonical == members)
        #expect(try Text(request.canonical.canonical()) == vector["canonical"]?.string)
        #expect(try request.digest() == vector["digest"]?.string)
    }

    static func request(_ members: JSON) throws -> HeldRequest {
        func text(_ name: Text) throws -> Text { try #require(members[name]?.string) }
        var headers: [(Text, Text)] = []
        for member in members["headers"]?.object?.members ?? [] {
            for value in member.value.array ?? [] {
                headers.append((member.name, try #require(value.string)))
            }
        }
        return HeldRequest(
            agent: try SPIFFEID(try text("agent")), issuer: try text("iss"), subject: try text("subject"),
            actors: try #require(members["act"]?.array).compactMap(\.string), audience: try text("audience"),
            kind: try text("protocol"), host: try text("host"), action: try text("action"),
            resource: try text("resource"), arguments: members["arguments"],
            contentDigest: members["contentDigest"]?.string, contentType: members["contentType"]?.string,
            headers: headers)
    }

    typealias Change = @Sendable (inout HeldRequest) throws -> Void
    static let changes: [(String, Change)] = [
        ("agent", { $0.agent = try SPIFFEID("spiffe://example.org/agent/other") }),
        ("iss", { $0.issuer = "https://other.example.org" }),
        ("subject", { $0.subject = "bob@example.org" }),
        ("act", { $0.actors.append("spiffe://example.org/agent/other") }),
        ("audience", { $0.audience = "spiffe://example.org/tool/other" }),
        ("protocol", { $0.kind = "http" }),
        ("host", { $0.host = "other.tools.svc" }),
        ("action", { $0.action = "resources/read" }),
        ("resource", { $0.resource = "drop_orders" }),
        ("arguments", { $0.arguments = .object(["limit": .integer(5001)]) }),
        ("no arguments", { $0.arguments = nil }),
        ("contentDigest", { $0.contentDigest = "sha-256=:AA==:" }),
        ("contentType", { $0.contentType = "text/plain" }),
        ("a header", { $0.headers = [("X-Region", "eu")] }),
    ]

    @Test(arguments: changes)
    func `changes with every member`(_ name: String, _ change: Change) throws {
        let before = try World.request()
        var after = before
        try change(&after)
        #expect(try before.digest() != after.digest(), "\(name)")
    }

    @Test func `does not depend on how a header name or an equal number is written`() throws {
        var (left, right) = (try World.request(), try World.request())
        left.headers = [("X-Region", "eu"), ("x-region", "us")]
        right.headers = [("x-region", "eu"), ("X-REGION", "us")]
        right.arguments = try JSONParser.parse(Array(#"{"limit": 5.0e3}"#.utf8))
        #expect(try left.digest() == right.digest())
        right.headers.reverse()
        #expect(try left.digest() != right.digest())
    }

    @Test(arguments: ["9007199254740993", "-0", "1e400"])
    func `is refused for a number without exact canonical form`(_ number: String) throws {
        var (world, request) = (try World(), try World.request())
        request.arguments = try JSONParser.parse(Array(#"{"limit": \#(number)}"#.utf8))
        #expect(throws: CanonicalJSONError.self) { try request.digest() }
        #expect(throws: PlacementError.self) { try world.place(request) }
    }

    @Test func `text that is not UTF-8 is never held, so no two such texts share an approval`() throws {
        var world = try World()
        var requests = [try World.request(), try World.request(), try World.request()]
        requests[0].headers = [("x-region", Text([0xFF]))]
        requests[1].resource = Text([0xC0, 0x80])
        requests[2].arguments = .object([
            "query": .object(JSONObject([.init(name: Text([0xFE]), value: .null)]))
        ])
        for request in requests {
            #expect(throws: PlacementError.notUTF8) { try world.place(request) }
        }
    }
}
