import ArgumentParser
import Documents
import Primitives
import Reactor
import Setup

/// Which records, for `show` and `tail`.
struct LedgerFilterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Calls of this agent; `*` stands for anything.", valueName: "SPIFFE-ID"))
    var agent: String?
    @Option(
        help: ArgumentHelp("Calls of this MCP tool, or of this HTTP target; `*` as above.", valueName: "NAME")
    )
    var tool: String?
    @Option(help: ArgumentHelp("Calls that were decided so: allow, deny or hold.", valueName: "DECISION"))
    var decision: String?
    @Option(
        help: ArgumentHelp("Records of this event, such as `effect`; again for more.", valueName: "EVENT"))
    var event: [String] = []
    @Option(help: ArgumentHelp("Everything about this call.", valueName: "ID")) var call: String?
    @Option(help: ArgumentHelp("Everything about this approval and its call.", valueName: "ID"))
    var approval: String?
    @Option(
        help: ArgumentHelp(
            "Not before: \(MomentReader.forms); a day stands for its first moment, UTC.",
            valueName: "TIME"))
    var since: String?
    @Option(help: ArgumentHelp("Not after; a day stands for its first moment, UTC.", valueName: "TIME"))
    var until: String?
    @Flag(help: "The ledger's own lines for jq; in a pipe unchanged.") var json = false

    func validate() throws { _ = try filter() }

    func filter() throws -> RecordFilter {
        var filter = RecordFilter()
        filter.agent = try agent.map(Self.agent)
        filter.tool = tool.map { WildcardText(Text($0)) }
        filter.decision = try decision.map { try Self.known($0, "decision", RecordFilter.decisions) }
        filter.events = try event.map { try Self.known($0, "event", RecordFilter.events) }
        filter.call = try call.map { try Self.id($0, "call") }
        filter.approval = try approval.map { try Self.id($0, "approval") }
        let now = SystemClock().now.time
        filter.since = try since.map { try Self.moment($0, "since", now) }
        filter.until = try until.map { try Self.moment($0, "until", now) }
        if let since = filter.since, let until = filter.until, until < since {
            throw ValidationError("`--until` is before `--since`: no record is both")
        }
        return filter
    }

    private static func agent(_ text: String) throws -> WildcardText {
        let id = Text(text)
        guard id.hasPrefix("spiffe://") || id.hasPrefix("*") else {
            throw ValidationError(
                "`--agent \(text)` is no SPIFFE ID: write all of it, as `spiffe://example.org/agent/sales-bot`, or "
                    + "`*\(text)`")
        }
        return WildcardText(id)
    }

    private static func known(_ text: String, _ option: String, _ names: [String]) throws -> Text {
        guard names.contains(where: { Text($0) == Text(text) }) else {
            throw ValidationError(
                "there is no \(option) `\(text)`: \(Suggestion.phrase(for: Text(text), among: names))")
        }
        return Text(text)
    }

    private static func id(_ text: String, _ option: String) throws -> Text {
        guard let id = CallID(Text(text)) else {
            throw ValidationError(
                "`--\(option) \(text)` is no id: 26 digits and capitals, as in `01M7Y54ETZJYB6TAQDW6PPJ8KH`")
        }
        return id.text
    }

    private static func moment(_ text: String, _ option: String, _ now: Timestamp) throws -> Timestamp {
        guard let moment = MomentReader.read(Text(text), at: now) else {
            throw ValidationError("`--\(option) \(text)` is no time: write \(MomentReader.forms)")
        }
        return moment
    }
}
