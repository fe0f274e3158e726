import Primitives
import Testing

@testable import HTTP

@Suite struct FieldsTests {
    @Test func `fields are found, replaced and removed in any spelling`() {
        var fields = HTTPFields([("A", " 1 "), ("b", "2"), ("a", "3")])
        #expect(fields.count == 3 && fields["a"] == "1" && fields.values("A") == ["1", "3"])
        fields.set("a", "4")
        #expect(fields.values("a") == ["4"] && fields.fields.last?.name == "a")
        fields.remove("B")
        #expect(!fields.contains("b") && fields["b"] == nil && fields.count == 1)
    }

    private static let names: [(Text, Bool)] = [
        ("content_length", true), ("content.length", true), ("transfer_encoding", true), ("host", false),
        ("ho_st", false),
        ("sallyport_agent", true), ("sallyport-agent", false), ("x_forwarded_for", true),
        ("x-forwarded-for", false),
        ("client_cert", true), ("client-cert_chain", true), ("forwarded", false), ("x_real_ip", true),
        ("x-http-method-override", true), ("x_http_method_override", true), ("x-original-url", true),
        ("x-rewrite-url", true), ("x-request-id", false), ("my_field", false), ("content-type", false),
        ("content~type", true), ("mcp_session_id", true), ("last_event_id", true),
    ]

    @Test(arguments: names) func `names that fold into a protected one are refused`(
        _ key: Text, _ refused: Bool
    ) {
        #expect(ProtectedFields.refuses(key) == refused)
    }

    @Test func `a name folds as CGI folds it`() {
        #expect(ProtectedFields.folded("x_a.b~c-1") == "x-a-b-c-1")
        #expect(ProtectedFields.folded("x-a") == "x-a")
    }

    @Test func `hop-by-hop fields are known`() throws {
        for key in [
            "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
        ] as [Text] {
            #expect(HopByHop.isHopByHop(key))
        }
        #expect(!HopByHop.isHopByHop("host"))
        let fields = HTTPFields([("Connection", "Close, ,TE"), ("connection", "keep-alive")])
        #expect(try HopByHop.connectionOptions(fields) == ["close", "te", "keep-alive"])
        #expect(throws: HTTPError.connectionOption("host")) {
            try HopByHop.connectionOptions(HTTPFields([("Connection", "close, Host")]))
        }
    }

    @Test func `nghttp2 is there`() {
        #expect(Text(NGHTTP2Library.version).hasPrefix("1."))
    }
}
