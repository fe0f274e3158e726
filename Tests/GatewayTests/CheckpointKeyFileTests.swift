import Crypto
import Glibc
import Primitives
import Reactor
import Testing

@testable import Gateway

/// Contract §6: the key lies outside the ledger's directory, 0600, and is made only with an empty ledger.
@Suite struct CheckpointKeyFileTests {
    private let place = Place()
    private var ledger: Text { place.directory + "/ledger" }
    private var key: CheckpointKeyFile { CheckpointKeyFile(place.directory + "/key", ledger: ledger) }

    private func putKey(_ kind: PrivateKey.Kind = .ed25519, mode: UInt32 = 0o600) throws {
        try place.put("key", PrivateKey.generate(kind).pem, mode: mode)
    }

    private func failure(of file: CheckpointKeyFile) -> CheckpointKeyError? {
        do throws(CheckpointKeyError) {
            _ = try file.findOrMake()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [false, true])
    func `an empty ledger gets a key of its own, readable by its owner alone`(hasDirectory: Bool) throws {
        if hasDirectory {
            _ = try Directory.make(ledger)
            try place.put("ledger/00000000000000000001.jsonl", "")
            try place.put("ledger/lock", "")
        }
        #expect(try key.isToBeMade())
        #expect(!(try place.names.contains("key")), "looking makes nothing")
        let made = try key.findOrMake()
        #expect(made.isNew && made.key.publicKey.ed25519 != nil)
        #expect(try Files.status(key.path).mode == 0o600)
        let again = try key.findOrMake()
        #expect(!again.isNew && again.key.pem == made.key.pem)
        #expect(try !key.isToBeMade())
    }

    @Test func `a key that is there is used, with an empty ledger too`() throws {
        try putKey()
        #expect(try !key.findOrMake().isNew)
    }

    @Test(arguments: ["00000000000000000001.jsonl", "checkpoint"] as [Text])
    func `beside a ledger with records none is made`(name: Text) throws {
        _ = try Directory.make(ledger)
        try place.put("ledger/" + name, "{}\n")
        #expect(failure(of: key) == .missing(key.path, ledger: ledger))
        #expect(!(try place.names.contains("key")))
        let message = failure(of: key)?.description ?? ""
        #expect(message.contains("a key is made only with an empty one; bring the key back"))
        try putKey()
        #expect(failure(of: key) == nil)
    }

    @Test(
        arguments: [
            "/ledger/key", "/ledger/deep/key", "/ledger", "/x/../ledger/key", "/./ledger//key", "/link/key",
            "/key-link", "/ledger/../ledger/key",
        ] as [Text])
    func `a key inside the ledger's directory is refused, by whatever name`(path: Text) throws {
        for name in ["/ledger", "/ledger/deep", "/x"] as [Text] {
            _ = try Directory.make(place.directory + name)
        }
        try place.put("ledger/key", PrivateKey.generate(.ed25519).pem)
        place.link("ledger", as: "link")
        place.link("ledger/key", as: "key-link")
        let file = CheckpointKeyFile(place.directory + path, ledger: ledger)
        #expect(failure(of: file) == .insideLedger(file.path, ledger: ledger))
    }

    @Test(arguments: ["/ledger/../key", "/ledger-2/key", "/outside/key"] as [Text])
    func `one outside is not, though its path reads alike`(path: Text) throws {
        for name in ["/ledger", "/ledger-2", "/outside"] as [Text] {
            _ = try Directory.make(place.directory + name)
        }
        #expect(failure(of: CheckpointKeyFile(place.directory + path, ledger: ledger)) == nil)
    }

    @Test func `a link to the ledger does not hide it`() throws {
        _ = try Directory.make(place.directory + "/real")
        place.link("real", as: "ledger")
        let file = CheckpointKeyFile(place.directory + "/real/key", ledger: ledger)
        #expect(failure(of: file) == .insideLedger(file.path, ledger: ledger))
    }

    @Test(arguments: [UInt32(0o640), 0o644, 0o604, 0o660, 0o620, 0o666, 0o601])
    func `a key that others can reach is refused, and the way out is said`(mode: UInt32) throws {
        try putKey()
        place.setMode("key", mode)
        #expect(failure(of: key) == .exposed(key.path, mode: mode))
        let message = failure(of: key)?.description ?? ""
        #expect(message.contains("chmod 600 \(key.path)"))
        #expect(message.contains("`fsGroup`") && message.contains("OnRootMismatch"))
        place.setMode("key", 0o600)
        #expect(failure(of: key) == nil)
    }

    @Test(arguments: [PrivateKey.Kind.p256, .rsa2048])
    func `a key of another kind is refused`(kind: PrivateKey.Kind) throws {
        try putKey(kind)
        #expect(failure(of: key) == .notEd25519(key.path))
    }

    @Test(arguments: ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
    func `what is no key is refused, and not written over`(content: String) throws {
        try place.put("key", content)
        #expect(failure(of: key) == .notAKey(key.path))
        #expect(try Files.read(key.path, bytesMax: 1 << 16) == Array(content.utf8))
    }

    @Test func `a public key is no private one`() throws {
        try place.put(
            "key",
            PrivateKey.generate(.ed25519).pem.split(separator: "\n").joined(separator: "\n").replacing(
                "PRIVATE", with: "PUBLIC"))
        #expect(failure(of: key) == .notAKey(key.path))
    }

    @Test func `first starts that share a path get one key, and leave no drafts`() async throws {
        try place.put("key.0123456789abcdef.new", "left by a killed start")
        try place.put("key.note.new", "not ours")
        let path = key.path
        let pems = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<8 {
                let file = CheckpointKeyFile(path, ledger: place.directory + Text("/ledger-\(number)"))
                group.addTask { try file.findOrMake().key.pem }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(pems == [String(decoding: try Files.read(path, bytesMax: 1 << 16), as: UTF8.self)])
        #expect(try place.names == ["key", "key.note.new"])
    }

    @Test(arguments: ["/nowhere/key", "/file/key"] as [Text])
    func `a place where the first start could not make it is found before`(path: Text) throws {
        try place.put("file", "")
        let file = CheckpointKeyFile(place.directory + path, ledger: ledger)
        var caught: CheckpointKeyError?
        do throws(CheckpointKeyError) { _ = try file.isToBeMade() } catch { caught = error }
        #expect(caught?.description.contains("this process's user may write") == true || path == "/file/key")
        #expect(caught != nil)
    }

    @Test func `where no file can be made that is said`() throws {
        let file = CheckpointKeyFile(place.directory + "/nowhere/key", ledger: ledger)
        guard case .file(let error) = failure(of: file) else {
            Issue.record("it is an error of the file system")
            return
        }
        #expect("\(error.reason)" == "ENOENT")
    }
}

/// A directory that goes away with the test.
final class Place {
    let directory: Text

    init() { directory = (try? Files.makeTemporaryDirectory(in: "/tmp", prefix: "gateway-tests")) ?? "" }
    deinit { Files.removeTree(directory) }

    var names: [Text] { get throws { try Directory(directory).names() } }

    func put(_ name: Text, _ content: String, mode: UInt32 = 0o600) throws {
        try Files.write(Array(content.utf8), to: directory + "/" + name, mode: mode)
    }

    func link(_ target: Text, as name: Text) {
        _ = unsafe symlink((directory + "/" + target).string, (directory + "/" + name).string)
    }

    func setMode(_ name: Text, _ mode: UInt32) { _ = unsafe chmod((directory + "/" + name).string, mode) }
}
