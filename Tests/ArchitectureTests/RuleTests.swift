import Testing

/// What the compiler cannot see, read from the sources as text; every finding says `file:line`.
@Suite struct RuleTests {
    @Test(arguments: Rule.all) func `the rule holds`(_ rule: Rule) {
        let findings = rule.findings(in: SourceTree.files)
        #expect(findings.isEmpty, "\(rule.claim):\n\(findings.joined(separator: "\n"))")
    }

    @Test(arguments: Rule.all) func `the rule catches the slip it is for, and nothing that looks alike`(
        _ rule: Rule
    ) {
        func found(_ line: String) -> Bool {
            let file = SourceFile(
                module: rule.modules?.first ?? "HTTP", path: "Sources/HTTP/Slip.swift", content: line)
            return !rule.findings(in: [file]).isEmpty
        }
        #expect(!rule.slips.isEmpty)
        for slip in rule.slips { #expect(found(slip), "\(slip)") }
        for line in rule.fine { #expect(!found(line), "\(line)") }
    }

    @Test func `the sources are found`() {
        #expect(SourceTree.files.count > 100)
        #expect(SourceTree.files.contains { $0.path == "Sources/Primitives/Text.swift" })
    }

    @Test func `exceptions are files that exist`() {
        for rule in Rule.all {
            for path in rule.except {
                #expect(SourceTree.files.contains { $0.path.hasPrefix("Sources/" + path) }, "\(path)")
            }
        }
    }

    @Test(arguments: [
        ("let a = 1 // try! x", "let a = 1 "),
        (#"let a = "// no comment" // x"#, #"let a = "             " "#),
        ("/* a\nb */ c", "\n     c"), (##"let a = #"\"# + b"##, ##"let a = #" "# + b"##),
        ("let a = \"\"\"\n    x \"y\"\n    \"\"\" + c", "let a = \"\"\"\n         \n    \"\"\" + c"),
        (#"let a = "\"b" + c"#, #"let a = "   " + c"#),
    ])
    func `comments and strings are no code`(_ content: String, _ code: String) {
        let file = SourceFile(module: "M", path: "M", content: content)
        func trimmed(_ text: String) -> [String] {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                String(line.reversed().drop { $0 == " " }.reversed())
            }
        }
        #expect(trimmed(file.code) == trimmed(code))
    }
}
