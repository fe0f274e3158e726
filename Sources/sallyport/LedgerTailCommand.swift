import ArgumentParser
import Primitives
import Reactor
import Setup
import Synchronization

struct LedgerTailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Show the last records, and with -f those that come.",
        discussion: """
            Looks back over at most \(LedgerScan.segmentsBackMax) segments. `-f` goes on over new segments and over \
            restarts of the proxy, until Ctrl-C, SIGTERM, or nobody reads its output. Filters are \
            those of `show`; as there, only a line on standard error says that records were taken \
            back by a failure, with `--json` too.

            Examples:
              sallyport ledger tail /srv/ledger
              sallyport ledger tail -f -n 0 /srv/ledger --decision hold
              sallyport ledger tail -f /srv/ledger --event refused --json | jq .reason
            """)

    private static let interval: Duration = .milliseconds(200)

    @Argument(help: ArgumentHelp("The ledger's directory.", valueName: "DIR")) var directory: String
    @Flag(name: .shortAndLong, help: "Go on with new records as they are written.") var follow = false
    @Option(name: .customShort("n"), help: ArgumentHelp("How many of the last ones.", valueName: "N"))
    var count = 10
    @OptionGroup(title: "Filters") var filters: LedgerFilterOptions

    func validate() throws {
        guard 0...LedgerScan.lastMax ~= count else {
            throw ValidationError(
                "`-n \(count)` is not from 0 to \(LedgerScan.lastMax); for more there is `sallyport ledger show`"
            )
        }
        if follow, filters.until != nil {
            throw ValidationError("`--until` has an end and `--follow` has none: leave one of them out")
        }
    }

    func run() throws {
        var output = RecordOutput(json: filters.json)
        do {
            var files = try LedgerFiles(named: [directory])
            // Who follows may be there before the proxy.
            if !follow { files = try files.holdingSegments(of: [directory]) }
            var scan = try LedgerScan(files, filters.filter())
            let last = try scan.last(count)
            for finding in last.findings { try output.add(finding) }
            if !last.isAll {
                try output.note(
                    "looked back over \(LedgerScan.segmentsBackMax) segments; `sallyport ledger show` reads all"
                )
            }
            if follow { return try goOn(with: &scan, to: &output) }
        } catch let error as LedgerFilesError {
            throw Failure.usage("\(error)")
        }
        try output.finish()
    }

    private func goOn(with scan: inout LedgerScan, to output: inout RecordOutput) throws {
        let end = EndOfFollowing()
        Signals.onTermination { end.come() }
        while !end.hasCome, !output.isClosed {
            while let finding = try scan.next() { try output.add(finding) }
            try output.flush()
            if Host.standardOutputHasNoReader { return }
            Host.sleep(Self.interval)
            try scan.refresh()
        }
    }
}

/// Set by a signal.
private final class EndOfFollowing: Sendable {
    private let flag = Atomic(false)

    var hasCome: Bool { flag.load(ordering: .acquiring) }
    func come() { flag.store(true, ordering: .releasing) }
}
