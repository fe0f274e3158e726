internal import Crypto
internal import Ledger
public import Primitives
public import Reactor

/// The file with the Ed25519 key that the ledger's checkpoints are signed with: PKCS#8 PEM, 0600 (contract §6).
///
/// Whoever can write the ledger and read the key can forge both, so the key lies outside the ledger's directory.
/// It is made together with the ledger and never later: a new key beside old records would vouch for records that
/// nobody vouched for before, so a key that has gone is for the operator to bring back. In a Kubernetes Secret it is
/// the superuser's, and the group that `fsGroup` gives the process may read it.
public struct CheckpointKeyFile: Sendable {
    private static let bytesMax = 64 * 1024

    public let path: Text
    private let ledger: Text

    /// - Parameter ledger: the directory of the ledger that it signs for.
    public init(_ path: Text, ledger: Text) { (self.path, self.ledger) = (path, ledger) }

    /// True when there is none and the first start makes it; changes nothing.
    public func isToBeMade() throws(CheckpointKeyError) -> Bool {
        guard try find() == nil else { return false }
        let directory = path.parentDirectory
        guard Files.canMakeFiles(in: directory) else { throw .noPlace(path, directory: directory) }
        return true
    }

    /// The key, made when the ledger is empty.
    ///
    /// The caller holds the ledger's lock. The first start of another ledger may make the same file at the same time,
    /// so what lies there in the end is the key of both.
    func findOrMake() throws(CheckpointKeyError) -> (key: PrivateKey, isNew: Bool) {
        if let key = try find() {
            removeDrafts()
            return (key, false)
        }
        let isMine = try make()
        guard let key = try find() else { throw .noPlace(path, directory: path.parentDirectory) }
        removeDrafts()
        return (key, isMine)
    }

    /// False when somebody else was faster: the file is there, or our draft was cleared away with theirs.
    private func make() throws(CheckpointKeyError) -> Bool {
        let draft = draftStart + Text(Hex.encode(RandomBytes.bytes(8))) + Self.draftEnd
        let pem = Array(PrivateKey.generate(.ed25519).pem.utf8)
        do throws(FileError) {
            try Directory(path.parentDirectory).createWhole(path.lastName, with: pem, draft: draft)
            return true
        } catch {
            guard error.isTaken || error.isMissing && hasKey else { throw .file(error) }
            return false
        }
    }

    private var hasKey: Bool { (try? Files.status(path)) != nil }
    private static let draftEnd: Text = ".new"
    private var draftStart: Text { path.lastName + "." }

    /// Once there is a key, a draft that a killed start left is good for nothing.
    private func removeDrafts() {
        guard let directory = try? Directory(path.parentDirectory), let names = try? directory.names() else {
            return
        }
        let count = draftStart.count + 16 + Self.draftEnd.count
        for name in names
        where name.count == count && name.hasPrefix(draftStart) && name.hasSuffix(Self.draftEnd) {
            try? directory.remove(name)
        }
    }

    /// Nil when there is none and one may be made.
    private func find() throws(CheckpointKeyError) -> PrivateKey? {
        guard try !isInsideLedger() else { throw .insideLedger(path, ledger: ledger) }
        guard let bytes = try content() else {
            guard try isLedgerEmpty() else { throw .missing(path, ledger: ledger) }
            return nil
        }
        guard let key = try? PrivateKey(pem: String(decoding: bytes, as: UTF8.self)) else {
            throw .notAKey(path)
        }
        guard key.publicKey.ed25519 != nil else { throw .notEd25519(path) }
        return key
    }

    private func isInsideLedger() throws(CheckpointKeyError) -> Bool {
        do { return try Files.isInside(ledger, path) } catch { throw .file(error) }
    }

    /// Nil when there is no such file.
    private func content() throws(CheckpointKeyError) -> [UInt8]? {
        do throws(FileError) {
            return try Files.read(path, bytesMax: Self.bytesMax, access: .ownerOrMounted)
        } catch {
            if error.isMissing { return nil }
            if case .exposed(let mode) = error.reason { throw .exposed(path, mode: mode) }
            throw .file(error)
        }
    }

    /// No segment with content, and no checkpoint either: one without the other was robbed.
    private func isLedgerEmpty() throws(CheckpointKeyError) -> Bool {
        do throws(FileError) {
            let directory = try Directory(ledger)
            for name in try directory.names() {
                if name == LedgerVolume.checkpointName { return false }
                guard name.hasSuffix(".jsonl") else { continue }
                if try directory.openReadOnly(name).size() > 0 { return false }
            }
            return true
        } catch {
            if error.isMissing { return true }
            throw .file(error)
        }
    }
}

/// Why checkpoints cannot be signed, and what would be right.
public enum CheckpointKeyError: Error, Hashable {
    case insideLedger(Text, ledger: Text)
    case missing(Text, ledger: Text)
    /// The first start could not make the file.
    case noPlace(Text, directory: Text)
    case exposed(Text, mode: UInt32)
    case notAKey(Text)
    case notEd25519(Text)
    case file(FileError)
}

extension CheckpointKeyError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .insideLedger(let path, let ledger):
            "the checkpoint key `\(path)` must lie outside the ledger's directory `\(ledger)`: "
                + "whoever changes the ledger must not be able to sign for it"
        case .missing(let path, let ledger):
            "there is no checkpoint key `\(path)`: the ledger in `\(ledger)` has records, and a key is made only "
                + "with an empty one; bring the key back, or move that ledger away to begin a new one"
        case .noPlace(let path, let directory):
            "the first start could not make the checkpoint key `\(path)`: `\(directory)` is no directory that this "
                + "process's user may write; make it or its permission, or put a key there yourself"
        case .exposed(let path, let mode):
            "the checkpoint key `\(path)` is open to others than its owner, this process's user "
                + "(mode 0\(String(mode, radix: 8))); `chmod 600 \(path)`; in Kubernetes an `fsGroup` opens it again "
                + "at each mount unless `fsGroupChangePolicy` is `OnRootMismatch`"
        case .notAKey(let path):
            "`\(path)` holds no private key: it wants an Ed25519 key, PKCS#8 in PEM, as "
                + "`openssl genpkey -algorithm ed25519` makes it; an empty ledger gets a new one when the file is not there"
        case .notEd25519(let path):
            "the key in `\(path)` is no Ed25519 key; `openssl genpkey -algorithm ed25519` makes one"
        case .file(let error): "the checkpoint key: \(error)"
        }
    }
}
