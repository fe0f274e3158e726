import ArgumentParser
import Primitives
import Setup

struct LedgerShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show records, one line each.",
        discussion: """
            Agent, tool, decision, call and approval choose calls: the later records of such a call \
            (release, effect, approval) are shown too, for the last \(RecordFilter.callsMax) calls and \
            approvals. All filters have to fit. Refusals before a token was redeemed are no \
            decisions: `--event refused`.

            Times are UTC. What would not show on a terminal, or would change it, is written as \
            \\u{…}. Showing is not verifying: lines that are no records are named on standard error, \
            and the exit status is then 1; whether anything was changed is told by `sallyport ledger \
            verify`. Records that a failure took back before anybody was told of them are shown, \
            with `--json` too, and only a line on standard error behind them says so.

            Examples:
              sallyport ledger show /srv/ledger --since 15m
              sallyport ledger show /srv/ledger --agent '*/sales-bot' --decision deny
              sallyport ledger show /srv/ledger --event effect --json | jq .status
              sallyport ledger show /mnt/archive /srv/ledger --until 2026-11-21
            """)

    @Argument(
        help: ArgumentHelp("The ledger's directory, or several that hold it together.", valueName: "DIR"))
    var directories: [String]
    @OptionGroup(title: "Filters") var filters: LedgerFilterOptions
    @Option(help: ArgumentHelp("Only so many, the first ones.", valueName: "N")) var limit: Int?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("`--limit \(limit)` shows nothing: write 1 or more") }
    }

    func run() throws {
        var output = RecordOutput(json: filters.json)
        do {
            let files = try LedgerFiles(named: directories).holdingSegments(of: directories)
            var scan = try LedgerScan(files, filters.filter())
            while !output.isClosed, output.records < limit ?? .max, let finding = try scan.next() {
                try output.add(finding)
            }
        } catch let error as LedgerFilesError {
            throw Failure.usage("\(error)")
        }
        try output.finish()
    }
}
