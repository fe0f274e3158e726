public import Crypto
public import Primitives

/// What a ledger was at some moment, signed: size and root of its Merkle tree (C2SP tlog-checkpoint).
///
/// Whoever keeps one where the ledger's owner can not reach it can tell later whether the records it covers are
/// still there and unchanged. Any tool that knows transparency logs reads it.
public struct Checkpoint: Hashable, Sendable {
    /// The ledger's name, which is also the name of the key it signs with.
    public let origin: Text
    public let head: TreeHead

    public init(origin: Text, head: TreeHead) {
        self.origin = origin
        self.head = head
    }

    /// The note with the signature of the ledger that `origin` names; the signer has to be its.
    public func note(signedBy signer: NoteSigner) throws(KeyError) -> [UInt8] {
        precondition(signer.name == origin, "a ledger signs its own checkpoints only")
        return try signer.sign(text).bytes
    }

    private var text: Text {
        origin + Text("\n\(head.size)\n\(Base64.encode(head.root.bytes))\n")
    }

    /// The checkpoint in a note that the owner of `key` has signed.
    ///
    /// Signatures of witnesses under it are passed over, and so are extension lines, which no one can check.
    public static func open(_ note: [UInt8], with key: NoteVerifierKey) throws(CheckpointError) -> Checkpoint
    {
        let text: Text
        do throws(NoteError) {
            text = try SignedNote(parsing: note).open(with: key)
        } catch {
            throw .note(error)
        }
        let checkpoint = try Checkpoint(text: text)
        guard checkpoint.origin == key.name else {
            throw .otherOrigin(checkpoint.origin, keyName: key.name)
        }
        return checkpoint
    }

    private init(text: Text) throws(CheckpointError) {
        let lines = text.dropLast(1).split(on: 0x0A)
        guard lines.count >= 3, lines.allSatisfy({ !$0.isEmpty }) else { throw .badLines }
        guard let size = Self.size(lines[1]) else { throw .badSize }
        guard let bytes = Base64.decode(lines[2].bytes), let root = Digest(bytes) else { throw .badRoot }
        self.init(origin: lines[0], head: TreeHead(size: size, root: root))
    }

    /// One spelling a number: digits without a sign or leading zeros.
    private static func size(_ text: Text) -> UInt64? {
        guard text.bytes.allSatisfy(\.isASCIIDigit), text == "0" || text.bytes.first != 0x30,
            let size = UInt64(text.string), size <= MerkleTree.sizeMax
        else { return nil }
        return size
    }
}

/// Why a checkpoint is not believed.
public enum CheckpointError: Error, Hashable, Sendable {
    case note(NoteError)
    case badLines
    case badSize
    case badRoot
    /// Signed with the right key, and says that it is about another log.
    case otherOrigin(Text, keyName: Text)
}

extension CheckpointError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .note(let error): "\(error)"
        case .badLines: "a checkpoint has a line each for origin, size and root, and no empty line among them"
        case .badSize:
            "the second line of a checkpoint is its size: a decimal number without leading zeros below 2^63"
        case .badRoot: "the third line of a checkpoint is its root: 32 bytes in base64 with padding"
        case .otherOrigin(let origin, let name):
            "the checkpoint is of `\(origin)`, and the key is of `\(name)`: they must be the same"
        }
    }
}
