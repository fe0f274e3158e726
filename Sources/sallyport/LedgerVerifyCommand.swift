import ArgumentParser
import Ledger
import Primitives
import Setup

struct LedgerVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the whole chain and name the first broken line.",
        discussion: """
            Without a checkpoint kept elsewhere the answer is `self-consistent only`: a chain that \
            was rewritten whole, or lost whole lines at its end, is found only against one. A \
            checkpoint says nothing about records after it. One that ends before the first record \
            here cannot be compared: when that is so of all that are given, or they cover no \
            record, the answer is `not intact`; name the archive with the older segments too.

            Reads as a stream; any size takes the same memory. A running proxy may go on writing; \
            take the checkpoint before. Several directories are read as one ledger, as when older \
            segments were moved to an archive.

            Exit status: 0 intact, 1 not intact, no checkpoint of those given \
            could be compared, or its key did not sign it, 2 usage or a failure to read or print.

            Examples:
              sallyport ledger verify /srv/ledger
              sallyport ledger verify /mnt/archive /srv/ledger --json
              curl -o kept http://127.0.0.1:9901/ledger/checkpoint
              sallyport ledger verify /srv/ledger --checkpoint kept --public-key key.pub
            """)

    @Argument(
        help: ArgumentHelp("The ledger's directory, or several that hold it together.", valueName: "DIR"))
    var directories: [String]
    @Option(
        help: ArgumentHelp(
            "A signed checkpoint that was kept elsewhere; again for more.", valueName: "FILE"))
    var checkpoint: [String] = []
    @Option(
        help: ArgumentHelp(
            "The key that signed them: `NAME+KEYID+BASE64`, or a file with it.", valueName: "FILE|KEY"))
    var publicKey: String?
    @Flag(help: "One line of JSON.") var json = false

    func validate() throws {
        if publicKey == nil, !checkpoint.isEmpty {
            throw ValidationError(
                "`--checkpoint` needs `--public-key FILE|KEY`: the ledger's verifier key, kept elsewhere too")
        }
        if publicKey != nil, checkpoint.isEmpty {
            throw ValidationError(
                "`--public-key` needs `--checkpoint FILE`: a checkpoint of the ledger, kept elsewhere")
        }
    }

    func run() throws {
        let kept = try keptCheckpoints()
        let progress = ProgressLine()
        let found: LedgerVerification
        do {
            found = try LedgerVerification(
                of: LedgerFiles(named: directories), against: kept, progress: progress.show)
        } catch let error as StorageError {
            progress.clear()
            throw Failure.usage("cannot \(error)")
        }
        progress.clear()
        guard found.report.segments > 0 || found.report.firstBroken != nil || !kept.isEmpty else {
            throw Failure.noLedger(in: directories)
        }
        try deliver(json ? found.json.line : found.text)
        if !found.report.isIntact { throw ExitCode(1) }
    }

    private func keptCheckpoints() throws -> [KeptCheckpoint] {
        guard let publicKey else { return [] }
        do {
            let key = try KeptCheckpoint.key(Text(publicKey))
            return try checkpoint.map { try KeptCheckpoint(Text($0), signedBy: key) }
        } catch let error as KeptCheckpointError {
            guard case .notGenuine = error else { throw Failure.usage("\(error)") }
            throw Failure.notSo("\(error)")
        }
    }
}
