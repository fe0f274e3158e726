import Primitives
import Testing

@Suite struct TextTests {
    /// Pairs that `String` takes for one: canonical equivalence, and what looks like ASCII and is not.
    @Test(arguments: [
        ("\u{E9}", "e\u{301}"), ("\u{212A}", "K"), ("\u{37E}", ";"), ("\u{1FEF}", "`"),
        ("\u{F900}", "\u{8C48}"),
    ])
    func `texts that Swift's strings take for equal are not`(_ left: String, _ right: String) {
        #expect(left == right, "a pair worth testing")
        #expect(Text(left) != Text(right))
        #expect(Set([Text(left), Text(right)]).count == 2)
        #expect(!Text(left + "/a").hasPrefix(Text(right)))
        #expect(!Text("a/" + left).contains(Text(right)))
        #expect(!Text(left).equalsIgnoringCase(Text(right)))
    }

    @Test func `CR LF are two bytes and a combining mark hides nothing`() {
        let line: Text = "a\r\nb"
        #expect(line.count == 4)
        #expect(line.contains(0x0D) && line.contains(0x0A))
        #expect(line.split(on: 0x0A) == ["a\r", "b"])
        #expect(line.contains("\n" as Text) && line.contains("\r" as Text))
        #expect(Text("a/\u{301}b").split(on: 0x2F).count == 2)
        #expect(Text("\"\u{301}").hasPrefix("\""))
    }

    @Test func `prefixes, suffixes and parts are found where they are`() {
        let text: Text = "tools/call"
        for part in ["", "t", "tools/", "tools/call"] as [Text] {
            #expect(text.hasPrefix(part) && text.contains(part))
        }
        for part in ["", "l", "/call", "tools/call"] as [Text] {
            #expect(text.hasSuffix(part) && text.contains(part))
        }
        for part in ["tools/calls", "Tools", "ools"] as [Text] { #expect(!text.hasPrefix(part)) }
        for part in ["xtools/call", "cal"] as [Text] { #expect(!text.hasSuffix(part)) }
        #expect(text.contains("s/c" as Text) && !text.contains("c/s" as Text))
        #expect(Text("").contains("" as Text) && !Text("").contains("a" as Text))
        #expect(Text("aab").contains("ab" as Text))
    }

    @Test(
        arguments: [
            ("", [""]), ("a", ["a"]), ("/", ["", ""]), ("a//b", ["a", "", "b"]), ("/a/", ["", "a", ""]),
        ] as [(Text, [Text])])
    func `splitting keeps empty pieces`(_ text: Text, _ pieces: [Text]) {
        #expect(text.split(on: 0x2F) == pieces)
    }

    @Test func `only ASCII letters change case`() {
        #expect(Text("AZ@[`{-É").lowercased == "az@[`{-É")
        #expect(Text([0xC0, 0x41, 0xFF]).lowercased == Text([0xC0, 0x61, 0xFF]))
        #expect(Text("Content-Type").equalsIgnoringCase("cONTENT-tYPE"))
        #expect(!Text("Content-Type").equalsIgnoringCase("Content_Type"))
        // Bytes that differ by 0x20 as letters do, and are none.
        #expect(!Text("@").equalsIgnoringCase("`") && !Text("[").equalsIgnoringCase("{"))
        #expect(!Text("a").equalsIgnoringCase("ab"))
    }

    @Test(
        arguments: [
            ("", ""), (" ", ""), ("\t \t", ""), ("a", "a"), (" a", "a"), ("a\t", "a"), ("  a b  ", "a b"),
            ("\na", "\na"), ("a\r", "a\r"), ("\u{A0}a", "\u{A0}a"),
        ] as [(Text, Text)])
    func `trimming takes spaces and tabs and nothing else`(_ text: Text, _ trimmed: Text) {
        #expect(text.trimmed == trimmed)
    }

    @Test func `order is that of the bytes`() {
        let sorted: [Text] = ["", "\0", "A", "B", "a", "aa", "b", "\u{7F}", "é", "\u{FFFD}", "\u{10000}"]
        #expect(sorted.shuffled().sorted() == sorted)
        #expect(Text("é") > Text("z"))
    }

    @Test func `bytes that are not UTF-8 are kept, and repaired only for people`() {
        let text = Text([0x61, 0xFF, 0x62])
        #expect(text.bytes == [0x61, 0xFF, 0x62])
        #expect(text.string == "a\u{FFFD}b")
        #expect(text != Text(text.string))
    }

    @Test func `cutting stays within the text`() {
        let text: Text = "abc"
        #expect(text.dropFirst(1) == "bc" && text.dropLast(1) == "ab" && text.prefix(2) == "ab")
        #expect(text.dropFirst(9).isEmpty && text.dropLast(9).isEmpty && text.prefix(9) == "abc")
        #expect("a" + text + "d" == Text("aabcd"))
    }
}
