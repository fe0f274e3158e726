import Primitives
import Testing

@testable import HTTP

@Suite struct RequestTargetTests {
    private static let good: [(Text, Text, Text?)] = [
        ("/", "/", nil), ("/a/b/", "/a/b/", nil), ("/a.b/..c/...", "/a.b/..c/...", nil), ("/a?b", "/a", "b"),
        ("/a?b?c=/../d//e", "/a", "b?c=/../d//e"), ("/caf%C3%A9/%20x", "/caf%C3%A9/%20x", nil),
        ("/100%25", "/100%25", nil), ("/100%25x", "/100%25x", nil),
        ("/@a:b,c=d+e!$&'()*~", "/@a:b,c=d+e!$&'()*~", nil),
        ("/a%40b%3F%23", "/a%40b%3F%23", nil),
        ("/a?q=%2f%3b%25%32%66&k[]=1&x=a|b", "/a", "q=%2f%3b%25%32%66&k[]=1&x=a|b"),
        ("http://tool/x?y", "/x", "y"), ("https://tool:8443/", "/", nil),
    ]

    @Test(arguments: good) func `keeps a canonical target byte for byte`(
        _ text: Text, _ path: Text, _ query: Text?
    ) throws {
        let target = try RequestTarget(text)
        #expect(target.path == path)
        #expect(target.query == query)
        #expect(text.hasSuffix(target.text))
        #expect(target.text == (query.map { path + "?" + $0 } ?? path))
    }

    private static let bad: [(Text, HTTPError)] = [
        ("", .targetForm), ("*", .targetForm), ("a", .targetForm), ("tool:443", .targetForm),
        ("ftp://tool/", .targetForm),
        ("HTTP://tool/", .targetForm), ("http://tool", .targetForm), ("http://tool?a", .targetForm),
        ("http:///a", .targetForm),
        ("http://u@tool/", .targetForm), ("http://tool:/", .targetForm), ("http://tool:99999/", .targetForm),
        ("//a", .targetEmptySegment), ("/a//b", .targetEmptySegment), ("/a//", .targetEmptySegment),
        ("//", .targetEmptySegment),
        ("/.", .targetDotSegment), ("/..", .targetDotSegment), ("/a/./b", .targetDotSegment),
        ("/a/../b", .targetDotSegment),
        ("/a/..?b", .targetDotSegment), ("http://tool/../a", .targetDotSegment), ("/%2e%2e/", .targetEscape),
        ("/%2E", .targetEscape), ("/.%2E/", .targetEscape), ("/%41", .targetEscape), ("/%7E", .targetEscape),
        ("/%c3%a9", .targetEscape), ("/%", .targetEscape), ("/%4", .targetEscape), ("/%4g", .targetEscape),
        ("/%%41", .targetEscape), ("/a%2Fb", .targetEncodedSeparator), ("/a%2fb", .targetEscape),
        ("/a%5Cb", .targetEncodedSeparator),
        ("/a%00", .targetEncodedSeparator), ("/a%3Bb", .targetEncodedSeparator),
        ("/a%252Fb", .targetDoubleEncoding),
        ("/a%2541", .targetDoubleEncoding), ("/%FF", .targetNotUTF8), ("/%C0%AE%C0%AE/", .targetNotUTF8),
        ("/%ED%A0%80", .targetNotUTF8), ("/a;b", .targetParameters), ("/a?b;c", .targetParameters),
        ("/a\\b", .targetByte),
        ("/a#b", .targetByte), ("/a?b#c", .targetByte), ("/a?b\\c", .targetByte), ("/é", .targetByte),
        ("/a?é", .targetByte),
        ("/a b", .targetByte), ("/a\u{0}", .targetByte), ("/a\"", .targetByte), ("/a<", .targetByte),
        ("/[a]", .targetByte),
        ("/a?", .targetEmptyQuery), ("/a?b=%", .targetEscape), ("/a?b=%4", .targetEscape),
        ("/a?b=%zz", .targetEscape),
        ("/a?b=%00", .targetEncodedSeparator),
    ]

    @Test(arguments: bad) func `refuses a target that is not canonical`(_ text: Text, _ error: HTTPError) {
        #expect(refusal(of: text) == error)
    }

    @Test func `decodes the path once and leaves its segments`() throws {
        #expect(try RequestTarget("/caf%C3%A9/a%40b/100%25").decodedPath == "/café/a@b/100%")
        #expect(try RequestTarget("/plain").decodedPath == "/plain")
    }

    private static let queries: [(Text, [Text], [Text])] = [
        ("/", [], []), ("/?a=1&b=2", ["a", "b"], ["1", "2"]), ("/?a=1&a=2", ["a", "a"], ["1", "2"]),
        ("/?a+b=c+d%2Be", ["a b"], ["c d+e"]), ("/?%61=%26%3D", ["a"], ["&="]), ("/?a", ["a"], [""]),
        ("/?a=", ["a"], [""]),
        ("/?=b", [""], ["b"]), ("/?&&a=b=c&", ["a"], ["b=c"]),
        ("/?k[]=1&k%5B%5D=2", ["k[]", "k[]"], ["1", "2"]),
        ("/?u=%252F", ["u"], ["%2F"]), ("/?q=caf%C3%A9", ["q"], ["café"]), ("/?a%3Bb", ["a;b"], [""]),
    ]

    @Test(arguments: queries) func `splits and decodes a query once`(
        _ text: Text, _ names: [Text], _ values: [Text]
    ) throws {
        let items = try RequestTarget(text).queryItems()
        #expect(items.map(\.name) == names)
        #expect(items.map(\.value) == values)
    }

    @Test(arguments: ["/?a=%FF", "/?%C0%80=1", "/?a=%ED%A0%80"] as [Text])
    func `a query that is not UTF-8 can be forwarded but not judged`(_ text: Text) throws {
        let target = try RequestTarget(text)
        #expect(throws: HTTPError.queryNotUTF8) { try target.queryItems() }
    }

    private static let hosts: [(Text, Text?)] = [
        ("tool", "tool"), ("Tool.Example", "tool.example"), ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]", "[::1]"),
        ("[2001:DB8::1]:443", "[2001:db8::1]:443"), ("a_b-c.d.", "a_b-c.d."), ("", nil), (":80", nil),
        ("a:", nil), ("a:0", nil),
        ("a:080", nil), ("a:65536", nil), ("a:1:2", nil), ("[::1", nil), ("[]", nil), ("[a]", nil),
        ("[::1]x", nil),
        ("a%2e", nil), ("a@b", nil), ("a,b", nil), ("a/b", nil), ("é", nil),
        (Text(String(repeating: "a", count: 256)), nil),
    ]

    @Test(arguments: hosts) func `an authority has one spelling or is refused`(
        _ text: Text, _ canonical: Text?
    ) {
        #expect(Authority.canonical(text) == canonical)
    }
}
