import Primitives
import Reactor
import Setup

/// Findings on standard output, and what is wrong with the ledger on standard error.
struct RecordOutput {
    private static let bufferBytes = 1 << 16

    private let json: Bool
    private let isTerminal = Host.standardOutputIsTerminal
    private let colour = Host.standardOutputIsTerminal && !RecordOutput.refusesColour
    private var buffer: [UInt8] = []
    private(set) var records = 0
    private(set) var brokenLines = 0
    /// Nobody reads any more.
    private(set) var isClosed = false

    init(json: Bool) {
        self.json = json
        Signals.ignoreBrokenPipes()
    }

    private static var refusesColour: Bool {
        let term = Host.environment("TERM") ?? ""
        return !(Host.environment("NO_COLOR") ?? "").isEmpty || term.isEmpty || Text(term) == "dumb"
    }

    mutating func add(_ finding: LedgerScan.Finding) throws {
        switch finding {
        case .record(let record):
            records += 1
            buffer += line(of: record) + [0x0A]
            if buffer.count >= Self.bufferBytes { try flush() }
        case .broken(let segment, let line):
            brokenLines += 1
            try note("`\(segment)`:\(line): no record; `sallyport ledger verify` tells more")
        case .withdrawn(let numbers):
            try note(
                "records \(numbers.lowerBound) to \(numbers.upperBound) before this are no part of the ledger: a "
                    + "failure came before anybody was told of them")
        }
    }

    private func line(of record: LedgerRecord) -> [UInt8] {
        guard json else { return Array(RecordLine.text(of: record, colour: colour).utf8) }
        return isTerminal ? VisibleText.json(record.line) : record.line
    }

    mutating func flush() throws {
        guard !buffer.isEmpty, !isClosed else { return }
        do { isClosed = try !Host.deliverToStandardOutput(buffer) } catch { throw Failure.usage("\(error)") }
        buffer = []
    }

    /// In its place among the records.
    mutating func note(_ text: String) throws {
        try flush()
        Host.writeToStandardError(Array("sallyport: \(text)\n".utf8))
    }

    /// The end of a command: nothing found is no fault, a line that is no record is.
    mutating func finish() throws {
        try flush()
        if records == 0, brokenLines == 0, !isClosed { try note("no record fits") }
        if brokenLines > 0 {
            throw Failure.notSo(
                brokenLines == 1 ? "one line is no record" : "\(brokenLines) lines are no records")
        }
    }
}
