import Documents
import Primitives
import Testing

func read(_ yaml: String) throws(DocumentError) -> Node {
    try YAMLReader.read(Array(yaml.utf8), file: "f.yaml")
}

/// What is refused, in its own words.
func refusal(of yaml: String, _ use: (Node) throws -> Void = { _ in }) -> String? {
    do {
        try use(read(yaml))
        return nil
    } catch {
        return "\(error)"
    }
}

@Suite struct YAMLReaderTests {
    @Test func `every node knows where it stands`() throws {
        let root = try read("a: 1\nb:\n  - x\n  - { c: \"é\", d: [y] }\n").mapping(keys: ["a", "b"])
        #expect(root.position == Position(file: "f.yaml", line: 1, column: 1))
        let items = try root.required("b").items()
        #expect(items.map(\.position.description) == ["f.yaml:3:5", "f.yaml:4:5"])
        let inner = try items[1].mapping(keys: ["c", "d"])
        #expect(inner.keyPosition("d")?.description == "f.yaml:4:15")
        #expect(try inner.required("c").text() == "é")
        #expect(try inner.required("d").items()[0].position.column == 19)
    }

    @Test(arguments: [
        ("", "f.yaml:1:1: the file is empty"),
        ("# nothing\n", "f.yaml:1:1: the file is empty"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here; one file is one document"),
        ("a: &x 1\n", "f.yaml:1:4: anchors and aliases are not supported; write the value out"),
        ("a: &x\n", "f.yaml:1:4: anchors and aliases are not supported; write the value out"),
        ("a: &x [1]\nb: *x\n", "f.yaml:2:4: anchors and aliases are not supported; write the value out"),
        ("a: *x\n", "f.yaml:1:4: anchors and aliases are not supported; write the value out"),
        ("&x a: 1\n", "f.yaml:1:1: anchors and aliases are not supported; write the value out"),
        ("a: !!str 5\n", "f.yaml:1:4: tags are not supported; quote what is meant as text"),
        ("a: !!str \"5\"\n", "f.yaml:1:4: tags are not supported; quote what is meant as text"),
        ("a: ! 5\n", "f.yaml:1:4: tags are not supported; quote what is meant as text"),
        ("a: !x {b: 1}\n", "f.yaml:1:4: tags are not supported; quote what is meant as text"),
        (
            "a: !<tag:yaml.org,2002:int> 5\n",
            "f.yaml:1:4: tags are not supported; quote what is meant as text"
        ),
        ("<<: {b: 1}\n", "f.yaml:1:1: merge keys are not supported; write the keys out"),
        ("? [a, b]\n: 1\n", "f.yaml:1:3: a key is a name, not a list"),
        ("{{a: 1}: 2}\n", "f.yaml:1:2: a key is a name, not a mapping"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:1:1: the key `a` is written more than once in this mapping"),
        ("x:\n  k: 1\n  'k': 2\n", "f.yaml:2:3: the key `k` is written more than once in this mapping"),
        ("a: [1\n", "f.yaml:2:1: not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        (
            "a: 1\n\tb: 2\n",
            "f.yaml:2:1: not YAML: while scanning a plain scalar, found a tab character that violates indentation"
        ),
        ("a: 'x\n", "f.yaml:2:1: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        (
            "a: \"\\ud800\"\n",
            "f.yaml:1:7: not YAML: while parsing a quoted scalar, found invalid Unicode character escape code"
        ),
        ("a: x\u{0}y\n", "f.yaml:1:5: the character U+0 may not stand in a document"),
        ("a: 1\nbé: x\u{85}y\n", "f.yaml:2:6: the character U+85 may not stand in a document"),
        ("a: x\u{2028}b: y\n", "f.yaml:1:5: the character U+2028 may not stand in a document"),
        ("\u{FEFF}a: 1\n", "f.yaml:1:1: the character U+FEFF may not stand in a document"),
        ("a: 1\rb: 2\n", "f.yaml:1:5: the character U+D may not stand in a document"),
    ])
    func `what could mean two things is refused where it stands`(yaml: String, message: String) {
        #expect(refusal(of: yaml) == message)
    }

    @Test func `bytes that are not UTF-8 are refused where they stand`() {
        let bytes = Array("a: 1\nbé: ".utf8) + [0xFF, 0x0A]
        let error = #expect(throws: DocumentError.self) { try YAMLReader.read(bytes, file: "f.yaml") }
        #expect(error?.description == "f.yaml:2:5: not UTF-8")
    }

    @Test func `signs of anchors and aliases in text are text`() throws {
        let root = try read("a: 'x *y &z'\nb: R&D a*b\n# - *todo\nc: |\n  *bold\n")
        #expect(try root.members().map { try $0.value.text() } == ["x *y &z", "R&D a*b", "*bold\n"])
    }

    @Test func `aliases of aliases are refused before they are followed`() {
        let levels = (1..<40).map { "a\($0): &n\($0) [*n\($0 - 1),*n\($0 - 1),*n\($0 - 1)]" }
        let bomb = "a0: &n0 [x]\n" + levels.joined(separator: "\n") + "\n? *n39\n: 1\n"
        #expect(
            refusal(of: bomb) == "f.yaml:2:10: anchors and aliases are not supported; write the value out")
    }

    @Test func `windows line ends are line ends`() throws {
        let root = try read("a: x\r\nb: y\r\n").mapping(keys: ["a", "b"])
        #expect(try root.required("b").text() == "y")
        #expect(root.keyPosition("b")?.line == 2)
    }

    @Test func `depth and size have limits`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try read(nested(YAMLReader.depthMax))
        #expect(refusal(of: nested(YAMLReader.depthMax + 2))?.hasSuffix("nested more than 32 deep") == true)
        #expect(refusal(of: nested(200_000)) != nil)
        #expect(refusal(of: String(repeating: "- ", count: 200_000)) != nil)
        let filler = String(repeating: "#", count: YAMLReader.bytesMax - 5)
        _ = try read("a: 1\n" + filler)
        #expect(refusal(of: "a: 1\n" + filler + "#") == "f.yaml:1:1: the file has more than 1048576 bytes")
    }
}
