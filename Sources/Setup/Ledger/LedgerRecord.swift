internal import Ledger
public import Primitives

/// One record of the ledger as it stands there; nothing about the chain is checked.
public struct LedgerRecord: Sendable {
    /// Nesting that the journal's own reading allows.
    private static let depthMax = 128

    public let segment: Text
    /// Of the segment, from 1.
    public let lineNumber: Int
    public let line: [UInt8]
    public let sequence: Int64
    public let time: Timestamp
    public let event: Text
    /// All of them, with those that every record has.
    public let members: JSONObject

    /// Nil when the line is no record.
    init?(_ line: LedgerLine) {
        guard let json = try? JSONParser.parse(line.bytes, limits: .init(depthMax: Self.depthMax)),
            let members = json.object, let sequence = members["seq"]?.integer,
            let event = members["event"]?.string,
            let time = members["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        (segment, lineNumber, self.line) = (line.segment, line.number, line.bytes)
        (self.sequence, self.time, self.event, self.members) = (sequence, time, event, members)
    }

    /// A member's text; nil when it has none.
    func text(_ name: Text) -> Text? { members[name]?.string }

    /// Says again, at the head of a segment, what an earlier record said.
    var isRestatement: Bool { event.hasPrefix("segment.") }
}
