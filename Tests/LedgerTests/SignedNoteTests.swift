import Crypto
import Ledger
import Primitives
import Testing

@Suite struct SignedNoteTests {
    private static let text: Text = "one\n\nthree\n"
    private static let signer = NoteSamples.signer

    private static func signed() throws -> Text { Text(try signer.sign(text).bytes) }

    /// The signature line of `signer` under `text`.
    private static func ownLine() throws -> Text { try signed().dropFirst(text.count + 1) }

    private static func open(_ note: Text, with key: NoteVerifierKey = signer.verifierKey) throws(NoteError)
        -> Text
    {
        try SignedNote(parsing: note.bytes).open(with: key)
    }

    private static func error(_ note: Text) -> NoteError? {
        do throws(NoteError) {
            _ = try open(note)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [NoteSamples.specification, NoteSamples.go, NoteSamples.checksumDatabase])
    func `a published note is verified by its published key`(_ note: NoteSamples.Published) throws {
        let parsed = try SignedNote(parsing: note.bytes)
        #expect(try parsed.open(with: NoteVerifierKey(note.vkey)) == note.text)
        #expect(parsed.bytes == note.bytes)
    }

    @Test func `the key of a published example makes the published note`() throws {
        let seed = try #require(Base64.decodeURL(NoteSamples.goSeed.utf8))
        let key = try #require(NoteSamples.privateKey(seed: seed))
        let signer = try NoteSigner(name: "PeterNeumann", key: key)
        #expect(signer.vkey == NoteSamples.go.vkey)
        #expect(try signer.sign(NoteSamples.go.text).bytes == NoteSamples.go.bytes)
    }

    @Test func `the last empty line ends the text`() throws {
        #expect(try Self.open(try Self.signed()) == Self.text)
        #expect(try Self.open(Text(try Self.signer.sign("\n").bytes)) == "\n")
    }

    @Test func `no bit of a note can change`() throws {
        let note = try Self.signed().bytes
        for index in note.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = note
                changed[index] ^= 1 << bit
                #expect(Self.error(Text(changed)) != nil, "byte \(index), bit \(bit)")
            }
        }
    }

    @Test func `a cut note is refused wherever it is cut`() throws {
        let note = try Self.signed()
        for count in 0..<note.count { #expect(Self.error(note.prefix(count)) != nil, "\(count) bytes") }
    }

    @Test func `nobody else's signature makes a note ours`() throws {
        let other = NoteSamples.signer("example.org/other")
        #expect(Self.error(Text(try other.sign(Self.text).bytes)) == .notSigned(name: NoteSamples.origin))
        let successor = NoteSamples.signer(NoteSamples.origin, seed: 8)
        #expect(
            Self.error(Text(try successor.sign(Self.text).bytes))
                == .signedByOtherKey(
                    name: NoteSamples.origin, expected: Self.signer.verifierKey.identity.hexID,
                    found: successor.verifierKey.identity.hexID))
    }

    @Test func `others sign beside, before and after it, with types that are not known`() throws {
        let name = NoteSamples.origin
        let id = try #require(Hex.decode(Array(Self.signer.verifierKey.identity.hexID.utf8)))
        let others: [Text] = [
            NoteSamples.line("witness.example", Array(repeating: 5, count: 76)),
            NoteSamples.line("pq.example/w", Array(repeating: 6, count: 2_432)),
            // The same name with another id, and the same id with another name: other keys.
            NoteSamples.line(name, [0, 0, 0, 1] + Array(repeating: 0, count: 64)),
            NoteSamples.line("example.org/other", id + Array(repeating: 0, count: 64)),
            NoteSamples.line("tiny", [0, 0, 0, 0, 1]),
        ]
        let own = try Self.ownLine()
        for place in 0...others.count {
            let lines = others[..<place] + [own] + others[place...]
            let note = lines.reduce(Self.text + "\n", +)
            #expect(try Self.open(note) == Self.text)
            #expect(try SignedNote(parsing: note.bytes).bytes == note.bytes)
        }
        let without = others.reduce(Self.text + "\n", +)
        #expect(Self.error(without) != nil)
    }

    @Test func `one bad signature of the key spoils the note`() throws {
        let own = try Self.ownLine()
        let bad = Text(try Self.signer.sign("another text\n").bytes).dropFirst(14)
        #expect(bad.hasPrefix("— " + NoteSamples.origin))
        #expect(try Self.open(Self.text + "\n" + own + own) == Self.text)
        let wanted = NoteError.badSignature(name: NoteSamples.origin)
        #expect(Self.error(Self.text + "\n" + own + bad) == wanted)
        #expect(Self.error(Self.text + "\n" + bad + own) == wanted)
        #expect(Self.error(Self.text + "\n" + bad) == wanted)
    }

    @Test(arguments: [0, 1, 63, 65, 128]) func `a signature of another length is bad`(_ count: Int) throws {
        let id = try #require(Hex.decode(Array(Self.signer.verifierKey.identity.hexID.utf8)))
        let line = NoteSamples.line(NoteSamples.origin, id + Array(repeating: 1, count: count))
        let wanted: NoteError = count == 0 ? .badSignatureLine(1) : .badSignature(name: NoteSamples.origin)
        #expect(Self.error(Self.text + "\n" + line) == wanted)
    }

    private static let fine = "AAAAAAE="

    @Test(arguments: [
        "", "-- a \(fine)", "— a", "— a ", "—  \(fine)", "—a \(fine)", "— a  \(fine)", "— a \(fine) ",
        " — a \(fine)", "— a b \(fine)", "— a+b \(fine)", "— a\u{A0}b \(fine)", "— a AAAAAAE", "— a AAAAAAF=",
        "— a AAAA_AE=", "— a AAAAAA==", "— a =", "— a \(fine)=", "— a \u{FEFF}\(fine)", "a",
    ])
    func `a line that is no signature spoils the note`(_ line: String) throws {
        let own = try Self.ownLine()
        let note = Self.text + "\n" + own + Text(line) + "\n"
        // An empty line moves the end of the text, so that no signature is left.
        #expect(Self.error(note) == .badSignatureLine(line.isEmpty ? 1 : 2), "\(line)")
        if !line.isEmpty {
            #expect(Self.error(Self.text + "\n" + Text(line) + "\n" + own) == .badSignatureLine(1), "\(line)")
        }
    }

    @Test func `a note without signatures, text or end is refused`() throws {
        let own = try Self.ownLine()
        for note in ["", "\n", "a", "a\n", own, "\n" + own, Self.text, Self.text.dropLast(1) + own] as [Text]
        {
            #expect(Self.error(note) != nil, "\(note)")
        }
        #expect(Self.error("a\n\n") == .badSignatureLine(1))
        #expect(Self.error(try Self.signed().dropLast(1)) == .noSignatures)
        #expect(Self.error("a\n") == .noSignatures)
    }

    @Test func `a note is text`() throws {
        let own = try Self.ownLine()
        for bytes in [[0x00], [0x09], [0x0D], [0x1B], [0x1F], [0xFF], [0xC0, 0x8A], [0xED, 0xA0, 0x80]]
            as [[UInt8]]
        {
            #expect(Self.error(Text(bytes) + Self.text + "\n" + own) == .notText, "\(bytes)")
            #expect(
                Self.error(Self.text + "\n" + own.dropLast(1) + Text(bytes) + "\n") == .notText, "\(bytes)")
        }
        let crlf = Text(try Self.signed().bytes.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] })
        #expect(Self.error(crlf) == .notText)
    }

    @Test func `sixteen of the largest signatures are taken, and no more than the limit`() throws {
        let own = try Self.ownLine()
        func note(_ others: Int, _ bytes: Int) -> Text {
            let line = NoteSamples.line("witness.example/of-some-length", Array(repeating: 9, count: bytes))
            return Self.text + "\n" + own + (0..<others).reduce("") { text, _ in text + line }
        }
        #expect(try Self.open(note(15, 5_000)) == Self.text)
        #expect(try Self.open(note(SignedNote.signaturesMax - 1, 76)) == Self.text)
        #expect(Self.error(note(SignedNote.signaturesMax, 76)) == .tooManySignatures)
        #expect(Self.error(note(SignedNote.signaturesMax - 1, 5_000)) == .tooLarge)
    }
}
