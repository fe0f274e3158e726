import Ledger
import Primitives
import Reactor
import TestKit
import Testing

@testable import Setup

/// Records as people see them.
@Suite struct LedgerTextTests {
    private func lines(_ entries: [Entry], colour: Bool = false) throws -> [String] {
        let ledger = try LedgerOnDisk()
        try ledger.run(entries)
        return try ledger.found().compactMap(\.record).map { RecordLine.text(of: $0, colour: colour) }
    }

    @Test func `one line each, in columns`() throws {
        let call = Calls.id(1)
        let approval = Calls.approval(1)
        let shown = try lines(
            Calls.heldStory(1) + [
                RefusedRecord(agent: nil, reason: "invalid-token", count: 7, detail: "a word").entry,
                PolicyLoadedRecord(revision: "r1", rules: 3, files: ["a.yaml", "b c.yaml"]).entry,
                Entry(event: "a.new.one", members: JSONObject([.init(name: "x", value: .integer(5))])),
            ]
        ).map { Text(Text($0).bytes.dropFirst(18)).string }
        #expect(
            shown == [
                "0.000000Z       1 segment            reason=start restated=0 abandons_previous=false",
                "0.000000Z       2 start              continuity=unproven reason=\"the ledger is empty\" approvals_void=0",
                "1.000000Z       3 decision           hold      spiffe://example.org/agent/sales-bot tools/call "
                    + "export_orders rule=reads call=\(call) approval=\(approval)",
                "2.000000Z       4 approval.requested           spiffe://example.org/agent/sales-bot tools/call "
                    + "export_orders call=\(call) approval=\(approval) expires=2026-11-20T10:15:00.000000Z",
                "3.000000Z       5 approval.reviewed  approve   by=alice approval=\(approval) reason=\"looks right\"",
                "4.000000Z       6 approval.decided   approved  by=alice approval=\(approval)",
                "5.000000Z       7 release                      spiffe://example.org/agent/sales-bot tools/call "
                    + "export_orders by=alice call=\(call) approval=\(approval)",
                "6.000000Z       8 effect             completed status=200 duration=12.345ms call=\(call)",
                "7.000000Z       9 refused                      reason=invalid-token count=7 detail=\"a word\"",
                "8.000000Z      10 policy.loaded      rules=3 revision=r1 files=a.yaml,\"b c.yaml\"",
                "9.000000Z      11 a.new.one          x=5",
                "9.000000Z      12 stop",
            ])
    }

    @Test func `how it came out is coloured when asked for, and nothing else`() throws {
        let shown = try lines(
            [Calls.decision(1), Calls.decision(2, .deny), Calls.decision(3, .hold)], colour: true)
        #expect(shown[2].contains("\u{1B}[32mallow    \u{1B}[0m"))
        #expect(shown[3].contains("\u{1B}[31mdeny     \u{1B}[0m"))
        #expect(shown[4].contains("\u{1B}[33mhold     \u{1B}[0m"))
        #expect(shown.joined().unicodeScalars.filter { $0 == "\u{1B}" }.count == 6)
    }

    @Test func `what an agent wrote cannot write to the terminal, nor forge another word or line`() throws {
        let tool: Text = "x\u{1B}[2J\u{202E}\r\n2026-11-20T10:00:09Z 9 decision allow rule=\"ours\""
        let shown = try lines([Calls.decision(1, tool: tool, message: "\u{9B}31m\u{200B}")])
        #expect(
            shown[2].contains(
                #" "x\u{1B}[2J\u{202E}\r\n2026-11-20T10:00:09Z 9 decision allow rule=\"ours\"" rule=reads"#))
        #expect(shown[2].contains(#"message="\u{9B}31m\u{200B}""#))
    }

    @Test(
        arguments: [
            ("plain/text-1.2*", "plain/text-1.2*"), ("", "\"\""), ("two words", "\"two words\""),
            ("a=b", "\"a=b\""), ("say \"hi\"", #""say \"hi\"""#), (#"back\slash"#, #""back\\slash""#),
            ("gr\u{FC}n \u{65E5}", "\"gr\u{FC}n \u{65E5}\""), ("\u{65E5}\u{672C}", "\u{65E5}\u{672C}"),
            ("e\u{301}", "e\u{301}"), ("\u{0}\u{7}\u{7F}", #""\u{0}\u{7}\u{7F}""#), ("\u{85}", #""\u{85}""#),
            ("\u{200D}\u{2066}\u{FEFF}", #""\u{200D}\u{2066}\u{FEFF}""#), ("\u{A0}", #""\u{A0}""#),
            ("\u{2028}\u{2029}", #""\u{2028}\u{2029}""#), ("\u{E000}\u{E0041}", #""\u{E000}\u{E0041}""#),
            ("\u{3164}\u{115F}", #""\u{3164}\u{115F}""#), ("\u{FFFF}", #""\u{FFFF}""#),
        ] as [(Text, String)])
    func `text shows itself as it is`(text: Text, shown: String) {
        #expect(Text(VisibleText.word(text)) == Text(shown))
    }

    @Test func `no character that is written raw moves the cursor, hides or turns the text`() {
        for value in UInt32(0)...0x2FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let word = VisibleText.word(Text(String(scalar)))
            let properties = scalar.properties
            guard word.unicodeScalars.contains(scalar), value > 0x7E else { continue }
            #expect(
                !properties.isBidiControl && !properties.isDefaultIgnorableCodePoint
                    && !properties.isWhitespace)
            #expect(properties.generalCategory != .control && properties.generalCategory != .format)
        }
        for value in (UInt8(0)..<0x20) + [0x7F] {
            #expect(!VisibleText.word(Text([value])).utf8.contains(value))
        }
    }

    @Test(arguments: [
        (#"{"a":"plain é 日"}"#, #"{"a":"plain é 日"}"#),
        ("{\"a\":\"\u{9B}2J\u{202E}\"}", #"{"a":"\u009b2J\u202e"}"#),
        ("{\"a\":\"\u{E0041}\"}", #"{"a":"\udb40\udc41"}"#), ("{\"a\":\r\t1}", #"{"a":  1}"#),
    ])
    func `a line of JSON on a terminal means the same and does nothing to it`(line: String, shown: String) {
        let visible = VisibleText.json(Array(line.utf8))
        #expect(Text(visible) == Text(shown))
        #expect((try? JSONParser.parse(visible)) == (try? JSONParser.parse(Array(line.utf8))))
    }

    @Test func `long text is cut, and the cut is said`() {
        let long = Text(String(repeating: "a", count: 600))
        #expect(VisibleText.word(long) == String(repeating: "a", count: 512) + "… (88 more)")
        let hidden = Text(String(repeating: "\u{202E}", count: 100_000))
        #expect(VisibleText.word(hidden).utf8.count < 8_000)
    }

    @Test func `bytes that are no UTF-8 are no record`() throws {
        let ledger = try LedgerOnDisk()
        try ledger.run([Calls.decision(1)])
        try ledger.edit { bytes in
            let line = bytes.split(separator: 0x0A)[2]
            let agent = line.firstIndex(of: 0x40) ?? 0
            bytes[agent] = 0xFF
        }
        #expect(try ledger.found().compactMap(\.brokenLine) == [3])
    }
}
