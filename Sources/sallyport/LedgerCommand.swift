import ArgumentParser
import Ledger
import Primitives
import Setup

struct LedgerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Look at a ledger, also beside a running proxy.",
        discussion: """
            Examples:
              sallyport ledger verify /srv/ledger
              sallyport ledger tail -f /srv/ledger
            """,
        subcommands: [
            LedgerVerifyCommand.self, LedgerShowCommand.self, LedgerTailCommand.self,
            LedgerSegmentsCommand.self,
        ])
}

extension LedgerFiles {
    /// As the command line names them.
    init(named directories: [String]) throws {
        do { try self.init(directories.map { Text($0) }) } catch { throw Failure.usage("\(error)") }
    }
}

extension JSON {
    var line: String { String(decoding: encoded, as: UTF8.self) }
}
