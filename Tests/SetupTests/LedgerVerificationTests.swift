import Crypto
import Ledger
import Primitives
import Reactor
import Setup
import TestKit
import Testing

/// The verdict on a ledger in words and JSON, beside checkpoints that were kept.
@Suite struct LedgerVerificationTests {
    private static let origin: Text = "example.org/tool/orders-db"

    private func signer(name: Text = origin) throws -> NoteSigner {
        try NoteSigner(name: name, key: PrivateKey.generate(.ed25519))
    }

    /// A ledger of 43 records, and a checkpoint of its present state.
    private func ledger(_ signer: NoteSigner) throws -> (LedgerOnDisk, KeptCheckpoint) {
        let ledger = try LedgerOnDisk(segmentBytes: 6_000)
        try ledger.run((0..<30).map { Calls.decision($0) })
        return (ledger, try keep(ledger, signer))
    }

    private func keep(_ ledger: LedgerOnDisk, _ signer: NoteSigner) throws -> KeptCheckpoint {
        let head = try LedgerVerification(of: ledger.files()).report.treeHead
        return try keep(head, in: ledger, signer)
    }

    private func keep(
        _ head: TreeHead, in ledger: LedgerOnDisk, _ signer: NoteSigner
    ) throws -> KeptCheckpoint {
        let note = try Checkpoint(origin: signer.name, head: head).note(signedBy: signer)
        try Directory(ledger.directory).replace("kept", with: note)
        return try KeptCheckpoint(ledger.other("kept"), signedBy: signer.verifierKey)
    }

    private func verify(_ ledger: LedgerOnDisk, _ kept: KeptCheckpoint...) throws -> LedgerVerification {
        try LedgerVerification(of: ledger.files(), against: kept)
    }

    @Test func `without a checkpoint a whole ledger is self-consistent only`() throws {
        let (ledger, _) = try ledger(signer())
        let found = try verify(ledger)
        #expect(found.report.isIntact)
        #expect(found.text.hasPrefix("self-consistent only: "))
        #expect(found.json["selfConsistentOnly"]?.bool == true)
        #expect(found.json["checkpoints"]?.array?.isEmpty == true)
    }

    @Test func `with one it is intact, and what came after is self-consistent only`() throws {
        let signer = try signer()
        let (ledger, kept) = try ledger(signer)
        let size = kept.checkpoint.head.size
        let exactly = try verify(ledger, kept)
        #expect(exactly.text.hasPrefix("intact: \(size) records in "))
        #expect(!exactly.text.contains("self-consistent"))
        try ledger.run([Calls.decision(50)])
        let found = try verify(ledger, kept)
        let more = found.report.headSequence - size
        #expect(more > 3 && found.text.contains("\nself-consistent only: the last \(more) records\n"))
        #expect(
            found.text.contains(
                "checkpoint `\(kept.file)` of example.org/tool/orders-db: the first \(size) records are as it signed them"
            ))
        #expect(found.json["intact"]?.bool == true && found.json["selfConsistentOnly"]?.bool == false)
        #expect(found.json["covered"]?.integer == Int64(size))
        #expect(found.json["checkpoints"]?.array?[0]["verdict"]?.string == "matches")
    }

    @Test func `a ledger whose end was cut off is found`() throws {
        let (ledger, kept) = try ledger(signer())
        try Directory(ledger.directory).remove(ledger.disk.names[ledger.disk.names.count - 1])
        #expect(try verify(ledger).report.isIntact)
        let found = try verify(ledger, kept)
        #expect(!found.report.isIntact)
        #expect(found.text.hasPrefix("not intact: the checkpoint covers "))
        #expect(found.json["checkpoints"]?.array?[0]["verdict"]?.string == "beyond")
    }

    @Test func `another ledger that fits itself is found`() throws {
        let (ledger, kept) = try ledger(signer())
        let fork = try LedgerOnDisk(segmentBytes: 6_000)
        try fork.run((100..<140).map { Calls.decision($0) })
        #expect(try verify(fork).report.isIntact)
        let found = try verify(fork, kept)
        #expect(!found.report.isIntact && found.text.hasPrefix("not intact: the first "))
        #expect(found.json["checkpoints"]?.array?[0]["verdict"]?.string == "differs")
        #expect(try verify(ledger, kept).report.isIntact)
    }

    @Test func `a broken line is named in words and JSON`() throws {
        let (ledger, kept) = try ledger(signer())
        let name = ledger.disk.names[1]
        try ledger.edit(1) { bytes in
            let lines = bytes.split(separator: 0x0A)
            bytes[lines[2].startIndex + 60] ^= 1
        }
        let found = try verify(ledger, kept)
        #expect(found.text.hasPrefix("broken at `\(name)`:3: "))
        #expect(found.json["firstBroken"]?["segment"]?.string == name)
        #expect(found.json["firstBroken"]?["line"]?.integer == 3)
        #expect(found.json["checkpoints"]?.array?[0]["verdict"]?.string == "unreached")
    }

    @Test func `a checkpoint of records that were moved away compares with nothing, and is no proof`() throws
    {
        let signer = try signer()
        let (ledger, newest) = try ledger(signer)
        let kept = try keep(TreeHead(size: 2, root: .zero), in: ledger, signer)
        try Directory(ledger.directory).remove(ledger.disk.names[0])
        let found = try verify(ledger, kept)
        #expect(!found.report.isIntact && found.report.isSelfConsistentOnly)
        #expect(
            found.text.hasPrefix(
                "not intact: no checkpoint could be compared: it covers 2 records, and the ledger here begins at "
                    + "record \(found.report.firstSequence); name the archive with the older segments too\n"))
        #expect(found.text.contains("nothing could be compared; name the archive's directory too"))
        #expect(found.json["intact"]?.bool == false)
        #expect(found.json["checkpoints"]?.array?[0]["verdict"]?.string == "tooOld")
        // Beside one that covers what is here it does no harm.
        let both = try verify(ledger, kept, newest)
        #expect(both.report.isIntact && both.json["intact"]?.bool == true)
    }

    @Test func `a checkpoint of no record is no proof`() throws {
        let signer = try signer()
        let (ledger, newest) = try ledger(signer)
        let none = try keep(MerkleTree().head, in: ledger, signer)
        let found = try verify(ledger, none)
        #expect(found.json["checkpoints"]?.array?[0]["verdict"]?.string == "matches")
        #expect(!found.report.isIntact)
        #expect(found.text.hasPrefix("not intact: no checkpoint could be compared: it covers no record"))
        #expect(try verify(ledger, none, newest).report.isIntact)
    }

    // MARK: Keys and notes

    @Test func `a key is its text or a file with it`() throws {
        let (ledger, signer) = (try LedgerOnDisk(), try signer())
        let file = ledger.other("key.pub")
        try Directory(ledger.directory).replace("key.pub", with: signer.vkey.bytes + [0x0A])
        for spelling in [signer.vkey, file] { #expect(try KeptCheckpoint.key(spelling).text == signer.vkey) }
    }

    @Test(
        arguments: [
            ("nowhere", "neither a verifier key"), ("example.org", "neither a verifier key"),
            ("example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "would be `530d903a`"),
        ] as [(Text, String)])
    func `what is neither is told what would be right`(text: Text, complaint: String) {
        #expect {
            try KeptCheckpoint.key(text)
        } throws: { "\($0)".contains(complaint) && "\($0)".hasPrefix("`--public-key`") }
    }

    @Test func `a note that another key signed, or that was changed, is not genuine`() throws {
        let signer = try signer()
        let (ledger, kept) = try ledger(signer)
        let note = try Files.read(kept.file, bytesMax: 4096)
        for key in [try self.signer(), try self.signer(name: "example.org/other")] {
            #expect { try KeptCheckpoint(kept.file, signedBy: key.verifierKey) } throws: {
                if case .notGenuine? = $0 as? KeptCheckpointError { true } else { false }
            }
        }
        for place in [Self.origin.count + 1, note.count - 10] {
            var changed = note
            changed[place] = changed[place] == 0x31 ? 0x32 : 0x31
            try Directory(ledger.directory).replace("kept", with: changed)
            #expect { try KeptCheckpoint(kept.file, signedBy: signer.verifierKey) } throws: {
                if case .notGenuine? = $0 as? KeptCheckpointError { true } else { false }
            }
        }
        #expect { try KeptCheckpoint(ledger.other("none"), signedBy: signer.verifierKey) } throws: {
            if case .unreadable? = $0 as? KeptCheckpointError { true } else { false }
        }
    }

    // MARK: Segments

    @Test func `segments are listed with what may be moved away`() throws {
        let ledger = try LedgerOnDisk(segmentBytes: 3_000)
        try ledger.run((0..<20).map { Calls.decision($0) })
        ledger.now = ledger.now + .seconds(3_600)
        for _ in 0..<3 { try ledger.run([]) }
        var files = try ledger.files()
        let segments = try LedgerInventory.list(in: &files)
        let table = SegmentTable.text(segments).split(separator: "\n")
        #expect(table.count == ledger.disk.names.count + 1)
        #expect(table[0].hasPrefix("SEGMENT ") && table[0].hasSuffix("STATE"))
        #expect(table[1].hasPrefix("00000000000000000001.jsonl  1 "))
        #expect(table[1].hasSuffix("  start    movable"))
        #expect(table[table.count - 1].hasSuffix("  start    live"))
        #expect(SegmentTable.json(segments).array?.map { $0["name"]?.string } == ledger.disk.names)
        // What is movable is moved, and the rest still holds.
        for segment in segments where segment.state == .movable {
            try Directory(ledger.directory).remove(segment.name)
            ledger.disk.remove(segment.name)
        }
        #expect(try verify(ledger).report.isIntact)
        try ledger.run([Calls.decision(99)])
        #expect(try ledger.found().last?.record?.event == "stop")
    }
}
