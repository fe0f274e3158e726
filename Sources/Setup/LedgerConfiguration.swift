internal import Crypto
internal import Documents
internal import Gateway
internal import Ledger
internal import Primitives

/// Reads `ledger`: where it lies, when a record counts, who signs it, and what of the disk is kept.
enum LedgerConfiguration {
    struct Values {
        var directory: Text
        var durability = Durability.sync
        var checkpoints: CheckpointSettings
        var reserve = 64 << 20
    }

    private static let directory: Text = "/var/lib/sallyport/ledger"
    private static let key: Text = "/var/lib/sallyport/checkpoint.key"
    private static let keys = [
        "directory", "durability", "checkpointKey", "checkpointOrigin", "checkpointEvery",
        "checkpointRecords", "reserve",
    ]

    /// - Parameter own: the proxy's SPIFFE ID, which names the ledger unless the configuration does.
    static func read(_ root: Scope, own: Text) throws(DocumentError) -> Values {
        let origin = own.dropFirst("spiffe://".utf8.count)
        guard let scope = try root.optionalScope("ledger", keys: keys) else {
            let values = Values(
                directory: directory, checkpoints: CheckpointSettings(keyFile: key, origin: origin))
            try check(values, root) { message in root.reader.error("`ledger`: \(message)") }
            return values
        }
        var values = Values(
            directory: try scope.path("directory", default: directory),
            checkpoints: CheckpointSettings(
                keyFile: try scope.path("checkpointKey", default: key),
                origin: try scope.text("checkpointOrigin", default: origin)))
        values.durability = try scope.choice(
            "durability", default: "sync", ["sync": .sync, "flush": .flush])
        values.checkpoints.every = try scope.duration(
            "checkpointEvery", default: .seconds(60), in: .seconds(1) ... .seconds(86_400))
        values.checkpoints.records = try scope.int(
            "checkpointRecords", default: 10_000, in: 1...1_000_000_000)
        values.reserve = try scope.sizeOrNone("reserve", default: 64 << 20, in: 0...(1 << 40))
        try checkOrigin(values.checkpoints.origin, scope)
        try check(values, scope) { message in
            scope.has("checkpointKey")
                ? scope.error(message, at: "checkpointKey")
                : scope.reader.error("`checkpointKey`: \(message)")
        }
        return values
    }

    /// The rules of the key's file; nothing is made here.
    private static func check(
        _ values: Values, _ scope: Scope, _ mistake: (String) -> DocumentError
    ) throws(DocumentError) {
        let file = CheckpointKeyFile(values.checkpoints.keyFile, ledger: values.directory)
        do throws(CheckpointKeyError) {
            guard try file.isToBeMade() else { return }
            scope.remark("`\(file.path)` does not exist; the first start makes it")
        } catch {
            // The usual place is often made with the volume or the package, after the check.
            if case .noPlace(key, _) = error { return scope.remark("\(error)") }
            throw mistake("\(error)")
        }
    }

    private static func checkOrigin(_ origin: Text, _ scope: Scope) throws(DocumentError) {
        guard NoteKeyIdentity.isName(origin) else {
            throw scope.error(
                "`\(origin)` cannot name a ledger; write a name without spaces and `+`, such as "
                    + "`example.org/tool/orders-db`", at: "checkpointOrigin")
        }
    }
}
