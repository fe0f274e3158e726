import ArgumentParser
import Ledger
import Primitives
import Reactor
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

extension LedgerFiles {
    /// The same; a failure when no segment lies there.
    func holdingSegments(of directories: [String]) throws -> LedgerFiles {
        guard try !names().isEmpty else { throw Failure.noLedger(in: directories) }
        return self
    }
}

extension Failure {
    static func noLedger(in directories: [String]) -> Failure {
        .notSo("there is no ledger in \(directories.map { "`\($0)`" }.joined(separator: ", "))")
    }
}

/// Says what was asked for, all of it: a full disk is not taken for success.
///
/// Nobody reading it any more is no fault.
func deliver(_ text: String) throws {
    Signals.ignoreBrokenPipes()
    do { _ = try Host.deliverToStandardOutput(Array((text + "\n").utf8)) } catch {
        throw Failure.usage("\(error)")
    }
}

extension JSON {
    var line: String { String(decoding: encoded, as: UTF8.self) }
}
