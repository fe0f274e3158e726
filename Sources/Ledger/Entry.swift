public import Primitives

/// One record as the caller says it.
///
/// The journal adds `v seq time event prev instance boot batch` in front.
///
/// It is encoded and read where it is made, so that the ledger's thread has little left to do.
public struct Entry: Sendable {
    /// Lower-case letters and dots: `decision`, `approval.requested`.
    public let event: Text
    /// The members as JSON text.
    let encoded: [UInt8]
    /// What it does to the live state, or why it cannot be kept.
    let change: Result<LiveChange, UnusableRecord>
    /// Where the members were given as such.
    private let given: JSONObject?

    public init(event: Text, members: JSONObject) {
        precondition(
            !event.isEmpty && event.bytes.allSatisfy { 0x61...0x7A ~= $0 || $0 == 0x2E },
            "an event's name has only a-z and dots")
        let names = Set(members.names)
        precondition(names.count == members.count, "a record names each member once")
        precondition(
            names.isDisjoint(with: LineHeader.names), "a record leaves the journal's own members alone")
        (self.event, given) = (event, members)
        encoded = JSON.object(members).encoded
        change = Result { () throws(UnusableRecord) in try LiveChange(checked: event, members) }
    }

    /// For the records of this module, whose names are right by construction; what they change is read from
    /// what was written.
    init(known event: Text, _ members: consuming Members) {
        self.init(known: event, members.finish())
    }

    private init(known event: Text, _ encoded: [UInt8]) {
        (self.event, self.encoded, given) = (event, encoded, nil)
        change = Result { () throws(UnusableRecord) in
            guard let members = JSONObject(record: encoded) else { throw UnusableRecord("nested too deeply") }
            return try LiveChange(checked: event, members)
        }
    }

    /// For those that are written for each call, so that they need not be read again.
    init(
        known event: Text, _ members: consuming Members,
        changing change: () throws(UnusableRecord) -> LiveChange
    ) {
        let depth = members.depth
        (self.event, encoded, given) = (event, members.finish(), nil)
        self.change = Result { () throws(UnusableRecord) in
            guard depth <= Entry.depthMax else { throw UnusableRecord("nested too deeply") }
            return try change()
        }
    }

    public var members: JSONObject { given ?? JSONObject(record: encoded) ?? JSONObject() }
}

extension JSONObject {
    /// The members of a record as they were encoded; nil when that is not a JSON object.
    fileprivate init?(record encoded: [UInt8]) {
        let limits = JSONParser.Limits(depthMax: LineHeader.depthMax)
        guard let object = (try? JSONParser.parse(encoded, limits: limits))?.object else { return nil }
        self = object
    }
}
