import Patterns
import Primitives
import Testing

@Suite struct PatternTests {
    @Test(arguments: [
        ("a+", "aaa", true), ("a+", "aaab", false), ("a+", "baaa", false), ("a+", "", false),
        ("a|ab", "ab", true), ("a$", "a\n", false), ("a\\z", "a", true), ("", "", true), ("", "x", false),
        (#"/data/reports/[a-z0-9_-]{1,64}\.pdf"#, "/data/reports/q3_2026.pdf", true),
        (#"/data/reports/[a-z0-9_-]{1,64}\.pdf"#, "/data/reports/../keys.pdf", false),
        (#"/data/reports/[a-z0-9_-]{1,64}\.pdf"#, "/data/reports/a.pdf\n", false),
        (".*", "a\nb", false), ("(?s).*", "a\nb", true), ("é{2}", "éé", true), (".", "é", true),
        ("a(*ACCEPT)b", "a", true), ("a(*ACCEPT)b", "ac", false), (#"a\Kb"#, "ab", true),
        ("(?i)abc", "aBC", true), ("e\u{301}", "\u{e9}", false),
    ])
    func `a pattern speaks of the whole subject`(expression: String, subject: String, isMatch: Bool) throws {
        #expect(try Pattern(Text(expression)).match(Text(subject)) == (isMatch ? .match : .noMatch))
    }

    @Test(arguments: [
        ("a(b", "missing closing parenthesis at offset 3"),
        ("[z-a]", "range out of order in character class at offset 3"),
        ("*", "quantifier does not follow a repeatable item at offset 0"),
        (#"a\Cb"#, "using \\C is disabled by the application at offset 3"),
    ])
    func `a bad expression says what is wrong and where`(expression: String, message: String) {
        let error = #expect(throws: PatternError.self) { try Pattern(Text(expression)) }
        #expect(error?.description == message)
    }

    @Test func `an expression has a length and a depth`() throws {
        let long = Text([UInt8](repeating: 0x61, count: Pattern.expressionBytesMax))
        #expect(try Pattern(long).match(long) == .match)
        #expect(throws: PatternError.tooLong) { try Pattern(long + "a") }
        #expect(throws: PatternError.notUTF8) { try Pattern(Text([0x61, 0xFF])) }
        let deep = String(repeating: "(", count: 65) + String(repeating: ")", count: 65)
        #expect(throws: PatternError.self) { try Pattern(Text(deep)) }
    }

    @Test(arguments: ["(a+)+", "(a|aa)+", "(.*)*", "(?:(a|b)*c?)*"])
    func `backtracking without end hits a limit and is neither match nor miss`(expression: String) throws {
        let subject = Text([UInt8](repeating: 0x61, count: 5000) + [0x21, 0x0A])
        #expect(try Pattern(Text(expression)).match(subject) != .match)
        #expect(try Pattern("(a+)+[b-z]").match(subject) == .limit)
    }

    @Test func `deep recursion hits a limit`() throws {
        let nested = Text([UInt8](repeating: 0x28, count: 60_000))
        #expect(try Pattern(#"(\((?1)*\))"#).match(nested) != .match)
    }

    @Test func `a subject has a length and is UTF-8`() throws {
        let pattern = try Pattern("(?s).*")
        let longest = Text([UInt8](repeating: 0x61, count: Pattern.subjectBytesMax))
        #expect(pattern.match(longest) == .match)
        #expect(pattern.match(longest + "a") == .limit)
        #expect(pattern.match(Text([0x61, 0xFF])) == .limit)
    }

    @Test func `a long list of alternatives needs no more than the limits`() throws {
        let subject = Text(String(repeating: "ab,", count: 5000) + "ab")
        #expect(try Pattern("(?:[a-z]+,)*[a-z]+").match(subject) == .match)
    }

    @Test func `one pattern serves many threads`() async throws {
        let pattern = try Pattern("[a-z]+[0-9]+")
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<64 {
                group.addTask {
                    pattern.match(Text("abc\(number)")) == .match && pattern.match("abc") == .noMatch
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
