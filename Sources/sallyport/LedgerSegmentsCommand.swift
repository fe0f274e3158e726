import ArgumentParser
import Ledger
import Primitives
import Setup

struct LedgerSegmentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segments", abstract: "List a ledger's segments, and which of them may be moved away.",
        discussion: """
            live        the last one; a running proxy writes it
            needed      the next start reads it: it may hold tokens that are still spent
            movable     sealed, and older than any claim that counts: it may be moved to an archive
            unfinished  empty, or its first line is not whole; the next start deals with it

            Open approvals and calls are restated at the head of each segment and keep none back. \
            The chain goes on over what was moved: `verify ARCHIVE DIR` checks all of it, `verify \
            DIR` the rest. A copy under the same name in both directories has to be the same.

            Examples:
              sallyport ledger segments /srv/ledger
              cd /srv/ledger
              sallyport ledger segments . --movable | xargs -r mv -nt /mnt/archive
            """)

    @Argument(help: ArgumentHelp("The ledger's directory.", valueName: "DIR")) var directory: String
    @Flag(help: "Only the names that may be moved away, one a line, oldest first.") var movable = false
    @Flag(help: "One line of JSON.") var json = false

    func run() throws {
        var files = try LedgerFiles(named: [directory])
        var segments: [SegmentInfo]
        do {
            segments = try LedgerInventory.list(in: &files)
        } catch {
            throw Failure.usage("\(error)")
        }
        guard !segments.isEmpty else { throw Failure.noLedger(in: [directory]) }
        if movable { segments.removeAll { $0.state != .movable } }
        guard !json else { return try deliver(SegmentTable.json(segments).line) }
        guard movable else { return try deliver(SegmentTable.text(segments)) }
        guard !segments.isEmpty else { return }
        try deliver(segments.map(\.name.string).joined(separator: "\n"))
    }
}
