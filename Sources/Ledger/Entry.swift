public import Primitives

/// One record as the caller says it.
///
/// The journal adds `v seq time event prev instance boot batch` in front.
///
/// It is encoded and read where it is made, so that the ledger's thread has little left to do.
public struct Entry: Sendable {
    /// Lower-case letters and dots: `decision`, `approval.requested`.
    public let event: Text
    public let members: JSONObject
    /// The members as JSON text.
    let encoded: [UInt8]
    /// What it does to the live state, or why it cannot be kept.
    let change: Result<LiveChange, UnusableRecord>

    public init(event: Text, members: JSONObject) {
        precondition(
            !event.isEmpty && event.bytes.allSatisfy { 0x61...0x7A ~= $0 || $0 == 0x2E },
            "an event's name has only a-z and dots")
        let names = Set(members.names)
        precondition(names.count == members.count, "a record names each member once")
        precondition(
            names.isDisjoint(with: LineHeader.names), "a record leaves the journal's own members alone")
        self.init(event, members)
    }

    /// For the records of this module, whose names are right by construction.
    init(known event: Text, _ members: Members) { self.init(event, members.object) }

    private init(_ event: Text, _ members: JSONObject) {
        self.event = event
        self.members = members
        encoded = JSON.object(members).encoded
        change = Result { () throws(UnusableRecord) in try LiveChange(checked: event, members) }
    }
}

/// Puts a record's members together: what has no value is `null`, so that every record of one event has the
/// same shape.
struct Members {
    var object = JSONObject()

    mutating func text(_ name: Text, _ value: Text?) {
        object.append(name, value.map { .string($0) } ?? .null)
    }
    mutating func texts(_ name: Text, _ values: [Text]) {
        object.append(name, .array(values.map { .string($0) }))
    }
    mutating func integer(_ name: Text, _ value: Int64?) {
        object.append(name, value.map { .integer($0) } ?? .null)
    }
    mutating func json(_ name: Text, _ value: JSON) { object.append(name, value) }
    mutating func call(_ name: Text, _ value: CallID?) { text(name, value?.text) }
    mutating func time(_ name: Text, _ value: Timestamp?) { text(name, value.map { Text($0.rfc3339) }) }
    mutating func digest(_ name: Text, _ value: Digest?) { text(name, value.map { Text($0.hex) }) }
}
