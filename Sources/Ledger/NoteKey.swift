public import Crypto
public import Primitives

/// The name that a signature in a note carries, and the first bytes of a digest of name and key.
///
/// The identity only finds the key; what convinces is the signature.
public struct NoteKeyIdentity: Hashable, Sendable {
    static let idBytes = 4

    public let name: Text
    /// Printed as eight lower-case hexadecimal digits.
    public let id: UInt32

    public var hexID: String { Hex.encode(idBytes) }
    var idBytes: [UInt8] { stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: id >> $0) } }

    init(name: Text, id: UInt32) {
        self.name = name
        self.id = id
    }

    /// The first bytes of `digest`, as a number.
    init(name: Text, idBytes digest: some Sequence<UInt8>) {
        self.init(name: name, id: digest.prefix(Self.idBytes).reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Neither empty nor with a space or `+`, and text that may stand in a note.
    public static func isName(_ name: Text) -> Bool {
        guard !name.isEmpty, let scalars = SignedNote.scalars(of: name.bytes) else { return false }
        return scalars.allSatisfy { !$0.properties.isWhitespace && $0 != "+" }
    }
}

/// A key that notes are verified with, as its owner publishes it (C2SP signed-note, "Verifier keys").
///
/// Its text is `NAME+KEYID+BASE64`, as in
/// `example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k`. Only Ed25519 is known here.
public struct NoteVerifierKey: Sendable {
    /// Signature type 0x01: Ed25519 over the note's text.
    private static let ed25519Type: UInt8 = 0x01

    public let identity: NoteKeyIdentity
    public let key: PublicKey
    private let rawKey: [UInt8]

    public var name: Text { identity.name }
    /// As it is published; `init(_:)` reads it.
    public var text: Text {
        let key = Base64.encode([Self.ed25519Type] + rawKey)
        return name + Text("+\(identity.hexID)+\(key)")
    }

    public init(name: Text, key: PublicKey) throws(NoteKeyError) {
        guard NoteKeyIdentity.isName(name) else { throw .badName }
        guard let raw = key.ed25519 else { throw .notEd25519 }
        let digest = SHA256.hash(name.bytes + [0x0A, Self.ed25519Type] + raw)
        identity = NoteKeyIdentity(name: name, idBytes: digest.bytes)
        self.key = key
        rawKey = raw
    }

    /// A verifier key's text; one newline at its end, as files have it, is passed over.
    public init(_ text: Text) throws(NoteKeyError) {
        let parts = (text.bytes.last == 0x0A ? text.dropLast(1) : text).split(on: 0x2B)
        // `+` is a character of base64 too, so the key may be in pieces.
        guard parts.count >= 3 else { throw .notVerifierKey }
        let encoded = parts[2...].map(\.bytes).joined(separator: [0x2B])
        guard let bytes = Base64.decode(Array(encoded)), let type = bytes.first else {
            throw .notVerifierKey
        }
        guard type == Self.ed25519Type else { throw .notEd25519 }
        guard let key = PublicKey(ed25519: Array(bytes.dropFirst())) else { throw .notVerifierKey }
        try self.init(name: parts[0], key: key)
        guard parts[1] == Text(identity.hexID) else { throw .wrongKeyID(expected: identity.hexID) }
    }
}

/// The name and the private key that notes are signed with.
public struct NoteSigner: Sendable {
    public let verifierKey: NoteVerifierKey
    private let key: PrivateKey

    public init(name: Text, key: PrivateKey) throws(NoteKeyError) {
        verifierKey = try NoteVerifierKey(name: name, key: key.publicKey)
        self.key = key
    }

    public var name: Text { verifierKey.name }
    /// What those who verify are given.
    public var vkey: Text { verifierKey.text }

    /// `text` has to be a note's text: UTF-8 without control characters, ending in a newline.
    public func sign(_ text: Text) throws(KeyError) -> SignedNote {
        precondition(SignedNote.isNoteText(text), "what is signed can be read back")
        let bytes = try key.sign(text.bytes, with: .ed25519)
        let signature = SignedNote.Signature(identity: verifierKey.identity, bytes: bytes)
        return SignedNote(text: text, signatures: [signature])
    }
}

/// Why a key can not sign or verify notes.
public enum NoteKeyError: Error, Hashable, Sendable {
    case badName
    case notEd25519
    /// Not three parts with `+` between them, or not 33 bytes in base64.
    case notVerifierKey
    /// The middle part is not what name and key give.
    case wrongKeyID(expected: String)
}

extension NoteKeyError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badName: "a key's name is UTF-8 text without spaces, control characters and `+`"
        case .notEd25519: "only Ed25519 keys sign and verify notes here"
        case .notVerifierKey: "a verifier key is one line `NAME+KEYID+BASE64`, the last of them 33 bytes"
        case .wrongKeyID(let expected):
            "the key id of this name and key would be `\(expected)`: one of the three was changed"
        }
    }
}
