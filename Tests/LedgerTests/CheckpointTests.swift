import Crypto
import Ledger
import Primitives
import Testing

@Suite struct CheckpointTests {
    private static let origin = NoteSamples.origin
    private static let signer = NoteSamples.signer
    private static let head = NoteSamples.head
    private static let root = Text(Base64.encode(head.root.bytes))

    private static func error(_ note: [UInt8], with key: NoteVerifierKey = signer.verifierKey)
        -> CheckpointError?
    {
        do throws(CheckpointError) {
            _ = try Checkpoint.open(note, with: key)
            return nil
        } catch {
            return error
        }
    }

    /// What is wrong with a checkpoint of these lines, signed as it should be.
    private static func error(signed text: Text) throws -> CheckpointError? {
        error(try signer.sign(text).bytes)
    }

    @Test func `a checkpoint is what its reader was told by its signer`() throws {
        for size in [0, 1, 9, 10, 20_852_163, MerkleTree.sizeMax] {
            let checkpoint = Checkpoint(
                origin: Self.origin, head: TreeHead(size: size, root: Self.head.root))
            let note = try checkpoint.note(signedBy: Self.signer)
            #expect(try Checkpoint.open(note, with: NoteVerifierKey(Self.signer.vkey)) == checkpoint)
        }
    }

    @Test func `its text is origin, size and root, a line each`() throws {
        let note = try Checkpoint(origin: Self.origin, head: Self.head).note(signedBy: Self.signer)
        let text = Self.origin + "\n20852163\n" + Self.root + "\n"
        #expect(Text(note).hasPrefix(text + "\n— " + Self.origin + " "))
        #expect(Self.root.count == 44 && Self.root.hasSuffix("="))
        #expect(try SignedNote(parsing: note).signatures.count == 1)
    }

    @Test func `a checkpoint of another log is refused, whoever signed it`() throws {
        let note = NoteSamples.checksumDatabase
        let wanted = CheckpointError.otherOrigin("go.sum database tree", keyName: "sum.golang.org")
        #expect(Self.error(note.bytes, with: try NoteVerifierKey(note.vkey)) == wanted)
        let text = "example.org/tool/orders-dc\n7\n" + Self.root + "\n"
        #expect(
            try Self.error(signed: text)
                == .otherOrigin("example.org/tool/orders-dc", keyName: Self.origin))
    }

    @Test func `witnesses sign under it, and extension lines are passed over`() throws {
        let text = Self.origin + "\n7\n" + Self.root + "\nan extension\nanother — one\n"
        let witness = NoteSamples.line("witness.example/w1", [1, 2, 3, 4] + Array(repeating: 5, count: 72))
        let note = try Self.signer.sign(text).bytes + witness.bytes
        let head = TreeHead(size: 7, root: Self.head.root)
        #expect(
            try Checkpoint.open(note, with: Self.signer.verifierKey)
                == Checkpoint(origin: Self.origin, head: head))
    }

    @Test func `no bit of a checkpoint can change`() throws {
        let note = try Checkpoint(origin: Self.origin, head: Self.head).note(signedBy: Self.signer)
        for index in note.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = note
                changed[index] ^= 1 << bit
                #expect(Self.error(changed) != nil, "byte \(index), bit \(bit)")
            }
        }
    }

    @Test func `a checkpoint of another key is refused`() throws {
        let note = try Checkpoint(origin: Self.origin, head: Self.head).note(signedBy: Self.signer)
        let other = NoteSamples.signer(Self.origin, seed: 8).verifierKey
        guard case .note(.signedByOtherKey) = Self.error(note, with: other) else {
            Issue.record("\(String(describing: Self.error(note, with: other)))")
            return
        }
    }

    @Test(arguments: [
        "", "+1", "-1", "01", "00", "007", " 1", "1 ", "1.0", "1e3", "0x10", "1_000", "١", "９",
        "9223372036854775808", "18446744073709551615", "18446744073709551616",
        "99999999999999999999999999999999999999",
    ])
    func `a size has one spelling and a limit`(_ size: String) throws {
        let wanted: CheckpointError = size.isEmpty ? .badLines : .badSize
        #expect(try Self.error(signed: Self.origin + "\n" + Text(size) + "\n" + Self.root + "\n") == wanted)
    }

    @Test func `a root is 32 bytes of base64 in their one spelling`() throws {
        let bytes = Self.head.root.bytes
        let last = Self.root.bytes[42]
        for root in [
            Self.root.dropLast(1), Self.root + "=", Self.root + " ", " " + Self.root,
            Text(Base64.encodeURL(bytes)), Text(Self.head.root.hex), Text(Base64.encode(bytes.dropLast())),
            Text(Base64.encode(bytes + [0])), Text(Self.root.bytes.prefix(42) + [last + 1, 0x3D]), "=",
            "AAAA",
        ] {
            #expect(try Self.error(signed: Self.origin + "\n7\n" + root + "\n") == .badRoot, "\(root)")
        }
    }

    @Test func `each line is there and none is empty`() throws {
        for text in [
            "\n", "\n\n", Self.origin + "\n", Self.origin + "\n7\n", "\n7\n" + Self.root + "\n",
            Self.origin + "\n7\n\n", Self.origin + "\n7\n" + Self.root + "\n\n",
            Self.origin + "\n\n7\n" + Self.root + "\n", Self.origin + "\n7\n" + Self.root + "\n\nextension\n",
            "\n" + Self.origin + "\n7\n" + Self.root + "\n",
        ] as [Text] {
            #expect(try Self.error(signed: text) == .badLines, "\(text)")
        }
    }

    @Test func `what is wrong is said in plain words`() throws {
        let errors: [any CustomStringConvertible] = [
            CheckpointError.badLines, CheckpointError.badSize, CheckpointError.badRoot,
            CheckpointError.otherOrigin("a", keyName: "b"), CheckpointError.note(.tooLarge),
            NoteError.notText,
            NoteError.noSignatures, NoteError.badSignatureLine(2), NoteError.tooManySignatures,
            NoteError.notSigned(name: "a"), NoteError.badSignature(name: "a"),
            NoteError.signedByOtherKey(name: "a", expected: "00000000", found: "00000001"),
            NoteKeyError.badName, NoteKeyError.notEd25519, NoteKeyError.notVerifierKey,
            NoteKeyError.wrongKeyID(expected: "00000000"),
        ]
        let messages = errors.map { Text($0.description) }
        #expect(Set(messages).count == errors.count)
        for message in messages {
            #expect(!message.hasSuffix(".") && message.bytes.first.map { $0 >= 0x61 } == true, "\(message)")
        }
    }
}
