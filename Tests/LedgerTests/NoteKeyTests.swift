import Crypto
import Ledger
import Primitives
import Testing

@Suite struct NoteKeyTests {
    private static func error(_ text: Text) -> NoteKeyError? {
        do throws(NoteKeyError) {
            _ = try NoteVerifierKey(text)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [NoteSamples.specification, NoteSamples.go, NoteSamples.checksumDatabase])
    func `a published verifier key is read and written as it is`(_ note: NoteSamples.Published) throws {
        let key = try NoteVerifierKey(note.vkey)
        #expect(key.text == note.vkey)
        #expect(try NoteVerifierKey(note.vkey + "\n").text == note.vkey)
        #expect(try NoteVerifierKey(name: key.name, key: key.key).text == note.vkey)
    }

    @Test func `the key that signs publishes the key that verifies`() throws {
        let signer = NoteSamples.signer
        let key = try NoteVerifierKey(signer.vkey)
        #expect(key.name == NoteSamples.origin && key.identity == signer.verifierKey.identity)
        #expect(key.key.ed25519 == signer.verifierKey.key.ed25519)
    }

    private static let name: Text = "example.com/foo"
    private static let id: Text = "530d903a"
    private static let key: Text = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

    @Test(arguments: [
        "", "\n", "example.com/foo", "example.com/foo+530d903a", name + "+" + id + "+",
        name + "+" + id + "+" + key + "+", name + "+" + id + "+" + key + "=",
        name + "+" + id + "+" + key + "\n\n",
        name + "+" + id + "+" + key + "\r\n", name + "+" + id + "+ " + key,
        name + "+" + id + "+" + key.dropLast(4),
        name + "+" + id + "+" + key + "AAAA", name + "+" + id + "+AQ==", name + "+" + id + "+AR",
    ])
    func `what is no verifier key is refused`(_ text: Text) {
        #expect(Self.error(text) == .notVerifierKey, "\(text)")
    }

    @Test(arguments: ["530d903b", "530D903A", "530d903", "0530d903a", "", "0x530d90", "530d903a "] as [Text])
    func `a key id that name and key do not give is refused`(_ id: Text) {
        #expect(
            Self.error(Self.name + "+" + id + "+" + Self.key) == .wrongKeyID(expected: "530d903a"), "\(id)")
    }

    @Test func `the key id holds name and key together`() {
        #expect(Self.error("example.com/fop+530d903a+" + Self.key) != nil)
        let other = Text(NoteSamples.signer.vkey.split(on: 0x2B)[2...].map(\.bytes).joined(separator: [0x2B]))
        #expect(Self.error(Self.name + "+" + Self.id + "+" + other) != nil)
    }

    /// 0x04 is a witness's key: what it signs is not the note's text.
    @Test(arguments: [0x00, 0x02, 0x04, 0x05, 0x06, 0xFF] as [UInt8])
    func `a key of another signature type is refused`(_ type: UInt8) throws {
        let raw = try #require(NoteSamples.signer.verifierKey.key.ed25519)
        let text = Self.name + "+00000000+" + Text(Base64.encode([type] + raw))
        #expect(Self.error(text) == .notEd25519)
    }

    static let badNames: [Text] = [
        "", " ", "a b", "a+b", "+", "a\u{A0}b", "\u{2003}", "\u{3000}a", "a\u{85}", "a\u{2028}", "a\tb",
        "a\nb",
        "a\u{0}b", "\u{1B}[31m", Text([0x61, 0xFF]), Text([0xC0, 0xAF]),
    ]

    @Test(arguments: badNames) func `a name that can not stand in a note is refused`(_ name: Text) throws {
        let key = NoteSamples.signer.verifierKey.key
        #expect(throws: NoteKeyError.badName) { try NoteVerifierKey(name: name, key: key) }
    }

    @Test(arguments: ["a", "example.org/tool/orders-db", "go.sum", "tröte", "日本", "a—b", "a=b"] as [Text])
    func `other names are fine`(_ name: Text) throws {
        let signer = NoteSamples.signer(name)
        let note = try SignedNote(parsing: signer.sign("text\n").bytes)
        #expect(try note.open(with: NoteVerifierKey(signer.vkey)) == "text\n")
    }

    @Test(arguments: [PrivateKey.Kind.p256, .rsa2048]) func `only Ed25519 signs`(_ kind: PrivateKey.Kind) {
        let key = PrivateKey.generate(kind)
        #expect(throws: NoteKeyError.notEd25519) { try NoteSigner(name: "a", key: key) }
    }

    @Test func `bytes that are no point of the curve verify nothing`() throws {
        let key = try #require(PublicKey(ed25519: [2] + Array(repeating: 0, count: 31)))
        let verifier = try NoteVerifierKey(name: NoteSamples.origin, key: key)
        let line = NoteSamples.line(
            verifier.name,
            (Hex.decode(Array(verifier.identity.hexID.utf8)) ?? []) + Array(repeating: 0, count: 64))
        let note = try SignedNote(parsing: ("text\n\n" + line).bytes)
        #expect(throws: NoteError.badSignature(name: verifier.name)) { try note.open(with: verifier) }
    }
}
