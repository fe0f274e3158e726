internal import Crypto
public import Primitives

/// A text with signatures under it (C2SP signed-note), as it parses; nothing in it is believed yet.
///
/// The text, which ends in a newline, is followed by an empty line and by lines `— NAME BASE64`, one for each
/// signature. Whoever holds a verifier key gets the text from `open(with:)`, the only way to it.
public struct SignedNote: Hashable, Sendable {
    /// More than sixteen of the largest post-quantum signatures need, which every verifier has to take.
    public static let bytesMax = 256 * 1024
    public static let signaturesMax = 64

    public struct Signature: Hashable, Sendable {
        public let identity: NoteKeyIdentity
        public let bytes: [UInt8]
    }

    private let text: Text
    /// In the order of their lines.
    public let signatures: [Signature]

    init(text: Text, signatures: [Signature]) {
        self.text = text
        self.signatures = signatures
    }

    public init(parsing bytes: [UInt8]) throws(NoteError) {
        guard bytes.count <= Self.bytesMax else { throw .tooLarge }
        guard Self.scalars(of: bytes) != nil else { throw .notText }
        guard bytes.last == 0x0A, let end = Self.endOfText(bytes) else { throw .noSignatures }
        text = Text(bytes[..<end])
        let lines = bytes[(end + 1)...].dropLast().split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.count <= Self.signaturesMax else { throw .tooManySignatures }
        var signatures: [Signature] = []
        for (index, line) in lines.enumerated() {
            guard let signature = Signature(line: line) else { throw .badSignatureLine(index + 1) }
            signatures.append(signature)
        }
        self.signatures = signatures
    }

    /// The note as it is sent and kept.
    public var bytes: [UInt8] { text.bytes + [0x0A] + signatures.flatMap(\.line) }

    /// The text, when the owner of `key` has signed it.
    ///
    /// Signatures of others say nothing for or against it. One of this key that does not fit spoils the note,
    /// even beside another that does.
    public func open(with key: NoteVerifierKey) throws(NoteError) -> Text {
        let own = signatures.filter { $0.identity == key.identity }
        guard !own.isEmpty else { throw notSigned(by: key) }
        for signature in own {
            guard key.key.verifies(signature.bytes, over: text.bytes, with: .ed25519) else {
                throw .badSignature(name: key.name)
            }
        }
        return text
    }

    private func notSigned(by key: NoteVerifierKey) -> NoteError {
        guard let other = signatures.first(where: { $0.identity.name == key.name }) else {
            return .notSigned(name: key.name)
        }
        return .signedByOtherKey(
            name: key.name, expected: key.identity.hexID, found: other.identity.hexID)
    }
}

extension SignedNote {
    /// The last empty line ends the text; the index is that of the newline which is that line.
    private static func endOfText(_ bytes: [UInt8]) -> Int? {
        var index = bytes.count - 1
        while index > 0 {
            if bytes[index] == 0x0A, bytes[index - 1] == 0x0A { return index }
            index -= 1
        }
        return nil
    }

    /// The characters of valid UTF-8 that has no control characters but newlines; nil for anything else.
    static func scalars(of bytes: [UInt8]) -> String.UnicodeScalarView? {
        guard bytes.allSatisfy({ $0 >= 0x20 || $0 == 0x0A }) else { return nil }
        return String(validating: bytes, as: UTF8.self)?.unicodeScalars
    }

    static func isNoteText(_ text: Text) -> Bool {
        text.bytes.last == 0x0A && scalars(of: text.bytes) != nil
    }
}

extension SignedNote.Signature {
    /// An em dash and a space.
    private static let mark = Array("— ".utf8)

    /// A line without its newline; nil unless it is `— NAME BASE64` with a key id and something after it.
    fileprivate init?(line: ArraySlice<UInt8>) {
        guard line.starts(with: Self.mark) else { return nil }
        let parts = Text(line.dropFirst(Self.mark.count)).split(on: 0x20)
        guard parts.count == 2, NoteKeyIdentity.isName(parts[0]),
            let decoded = Base64.decode(parts[1].bytes), decoded.count > NoteKeyIdentity.idBytes
        else { return nil }
        identity = NoteKeyIdentity(name: parts[0], idBytes: decoded)
        bytes = Array(decoded.dropFirst(NoteKeyIdentity.idBytes))
    }

    fileprivate var line: [UInt8] {
        let encoded = Base64.encode(identity.idBytes + bytes)
        return Self.mark + identity.name.bytes + [0x20] + encoded.utf8 + [0x0A]
    }
}

/// Why a note is not believed.
public enum NoteError: Error, Hashable, Sendable {
    case tooLarge
    /// Not UTF-8, or with a control character that is no newline.
    case notText
    case noSignatures
    /// Counted from the first signature line, which is 1.
    case badSignatureLine(Int)
    case tooManySignatures
    case notSigned(name: Text)
    /// The name is right and the key id is another's. Both ids are hexadecimal.
    case signedByOtherKey(name: Text, expected: String, found: String)
    case badSignature(name: Text)
}

extension NoteError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLarge: "a signed note is at most \(SignedNote.bytesMax) bytes"
        case .notText: "a signed note is UTF-8 text without control characters other than newlines"
        case .noSignatures: "a signed note ends in an empty line and lines `— NAME BASE64`"
        case .badSignatureLine(let line): "signature line \(line) is not `— NAME BASE64`"
        case .tooManySignatures: "a signed note has at most \(SignedNote.signaturesMax) signatures"
        case .notSigned(let name): "the note is not signed by `\(name)`"
        case .signedByOtherKey(let name, let expected, let found):
            "the note is signed by a key `\(found)` of `\(name)`, not by its key `\(expected)`"
        case .badSignature(let name):
            "the signature of `\(name)` does not fit the note: one of them was changed"
        }
    }
}
