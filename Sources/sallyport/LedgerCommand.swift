import ArgumentParser
import Ledger
import Primitives
import Setup

struct LedgerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Look at a ledger.", subcommands: [LedgerVerifyCommand.self])
}

struct LedgerVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the whole chain and name the first broken line.",
        discussion: """
            Without a checkpoint kept elsewhere the answer is `self-consistent only`: a chain that was rewritten whole, or
            lost whole lines at its end, is found only against one. Reads as a stream; any size takes the same memory.
            The live segment of a running proxy may be read.

            Example: sallyport ledger verify /var/lib/sallyport/ledger
            """)

    @Argument(help: ArgumentHelp("The ledger's directory.", valueName: "DIR")) var directory: String
    @Flag(help: "One line of JSON.") var json = false

    func run() throws {
        let report: LedgerReport
        do {
            report = try LedgerDirectory.verify(Text(directory))
        } catch {
            throw Failure.usage("\(error)")
        }
        guard report.segments > 0 else { throw Failure.notSo("there is no ledger in `\(directory)`") }
        say(json ? String(decoding: report.json.encoded, as: UTF8.self) : report.text)
        if !report.isIntact { throw ExitCode(1) }
    }
}
