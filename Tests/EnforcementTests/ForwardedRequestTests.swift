import HTTP
import Primitives
import TestKit
import Testing

@testable import Enforcement

@Suite struct ForwardedRequestTests {
    private let scene = Scene()

    private func forwarded(
        _ fields: [(Text, Text)], credential: (name: Text, value: Text)? = nil
    ) throws -> HTTPFields {
        let token = Scene.token("GET", "/v1/orders")
        let open = try scene.open(
            Scene.request("GET", "/v1/orders", [("Authorization", "Bearer " + token)] + fields))
        var random = SeededGenerator(seed: 1)
        return ForwardedRequest.fields(
            for: open, .init(host: "tool.internal", credential: credential), random: &random)
    }

    @Test func `the tool gets its own host, and neither the token nor what we add twice`() throws {
        let fields = try forwarded([("Accept", "*/*")])
        #expect(fields.values("host") == ["tool.internal"])
        #expect(!fields.contains("authorization"))
        #expect(fields.values("accept") == ["*/*"])
        #expect(
            fields.values("forwarded") == ["for=\"127.0.0.1:50000\";host=\"orders-db.tools.svc\";proto=https"]
        )
        #expect(fields.values("sallyport-request-id").count == 1)
        #expect(fields.values("traceparent").count == 1)
    }

    @Test(
        arguments: [
            "Client-Cert", "Client-Cert-Chain", "X-Forwarded-For", "X-Forwarded-Client-Cert",
            "X-Forwarded-Anything",
            "Sallyport-Agent", "Sallyport-Request-Id", "Sallyport-Subject", "DPoP", "X-Real-IP", "Via",
            "Connection",
            "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding",
            "Upgrade",
            "Content-Length", "Expect",
        ] as [Text]) func `what an agent must not be able to say is taken out`(_ name: Text) throws
    {
        for spelling in [name, name.lowercased] {
            let fields = try forwarded([(spelling, "forged")])
            #expect(!fields.values(name).contains("forged"))
        }
    }

    @Test func `what an agent says about the forwarding is replaced`() throws {
        let fields = try forwarded([("Forwarded", "for=1.2.3.4"), ("Forwarded", "for=5.6.7.8")])
        #expect(fields.values("forwarded").count == 1)
        #expect(fields["forwarded"]?.contains("1.2.3.4") == false)
    }

    @Test func `everything else goes on in its order, spelling and number`() throws {
        let sent: [(Text, Text)] = [
            ("X-B", "1"), ("x-a", "2"), ("X-B", "3"), ("Cookie", "a=b"), ("Content-Type", "x/y"),
        ]
        let fields = try forwarded(sent).fields.filter { field in sent.contains { $0.0 == field.name } }
        #expect(fields.map(\.name) == sent.map(\.0))
        #expect(fields.map(\.value) == sent.map(\.1))
    }

    @Test func `the tool's own credential replaces whatever came under its name`() throws {
        let fields = try forwarded(
            [("X-Api-Key", "mine"), ("x-api-key", "mine too")], credential: ("X-API-Key", "real"))
        #expect(fields.values("x-api-key") == ["real"])
    }

    // MARK: W3C Trace Context

    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let parent = Text("00-\(trace)-b7ad6b7169203331-01")

    @Test func `a trace goes on as a child`() throws {
        let child = try #require(try forwarded([("Traceparent", Self.parent)])["traceparent"])
        let parts = child.split(on: 0x2D)
        #expect(child.count == 55)
        #expect(parts[1] == Text(Self.trace))
        #expect(parts[2] != "b7ad6b7169203331")
        #expect(parts[3] == "01")
    }

    @Test(arguments: [
        "", "00", "01-\(trace)-b7ad6b7169203331-01", "00-\(trace)-b7ad6b7169203331-01-x",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-\(trace)-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-\(trace)-b7ad6b716920333g-01",
        "00-\(trace)b7ad6b7169203331-01-0",
    ]) func `a trace that is none begins anew`(_ parent: String) throws {
        #expect(TraceParent.traceID(of: Text(parent)) == nil)
        let child = try #require(try forwarded([("traceparent", Text(parent))])["traceparent"])
        #expect(TraceParent.traceID(of: child) != nil)
        #expect(TraceParent.traceID(of: child) != Text(Self.trace))
    }
}
