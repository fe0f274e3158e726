internal import Documents
public import Ledger
public import Primitives
internal import Reactor

/// A checkpoint that somebody kept in a file, and that the ledger's key has signed.
public struct KeptCheckpoint: Sendable {
    public let file: Text
    public let checkpoint: Checkpoint

    public init(_ file: Text, signedBy key: NoteVerifierKey) throws(KeptCheckpointError) {
        let note: [UInt8]
        do throws(FileError) { note = try Files.read(file, bytesMax: SignedNote.bytesMax) } catch {
            throw .unreadable("\(error)")
        }
        do throws(CheckpointError) { checkpoint = try Checkpoint.open(note, with: key) } catch {
            throw .notGenuine(file, error)
        }
        self.file = file
    }

    /// The verifier key that `text` is, or that the file of that name holds.
    public static func key(_ text: Text) throws(KeptCheckpointError) -> NoteVerifierKey {
        let asKey: NoteKeyError
        do throws(NoteKeyError) { return try NoteVerifierKey(text) } catch { asKey = error }
        let content: [UInt8]
        do throws(FileError) { content = try Files.read(text, bytesMax: keyBytesMax) } catch {
            // What looks like a key and is none is told as such.
            guard case .notVerifierKey = asKey, error.isMissing else { throw .badKey(text, "\(asKey)") }
            throw .badKey(text, "it is neither a verifier key `NAME+KEYID+BASE64` nor a file that is there")
        }
        do throws(NoteKeyError) { return try NoteVerifierKey(Text(content)) } catch {
            throw .badKey(text, "\(error)")
        }
    }

    private static let keyBytesMax = 4096
}

/// Why there is nothing to compare the ledger with.
public enum KeptCheckpointError: Error {
    case unreadable(String)
    case badKey(Text, String)
    /// The file is there, and its signature or content is not what the key's owner would have signed.
    case notGenuine(Text, CheckpointError)
}

extension KeptCheckpointError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let reason): reason
        case .badKey(let text, let reason): "`--public-key` \(Quoted.name(text)): \(reason)"
        case .notGenuine(let file, let error): "checkpoint \(Quoted.name(file)): \(error)"
        }
    }
}
