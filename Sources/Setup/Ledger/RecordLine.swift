internal import Primitives

/// A record as one line for people: time, number, event, and what matters about it.
///
/// A test shows every event's line. What others wrote is made visible by `VisibleText`.
public enum RecordLine {
    /// What stands in a line, each by the path of the member it comes from.
    enum Column {
        /// How it came out: coloured, and as wide as the longest.
        case verdict(Text)
        case plain([Text])
        case named(String, [Text])
        /// In microseconds.
        case duration(Text)

        static func plain(_ name: Text) -> Column { .plain([name]) }
        static func named(_ name: String, _ member: Text) -> Column { .named(name, [member]) }
    }

    /// `colour`: with the terminal's colours for how it came out.
    public static func text(of record: LedgerRecord, colour: Bool = false) -> String {
        let columns = layouts[record.event] ?? everyMember(of: record)
        let words = columns.compactMap { $0.text(in: record.members, colour: colour) }
        let event = padded(VisibleText.word(record.event), 18)
        let head = [record.time.rfc3339, padded(String(record.sequence), 7, onLeft: true), event]
        return trimmed((head + words).joined(separator: " "))
    }

    private static let layouts: [Text: [Column]] = [
        "decision": [
            .verdict("decision"), .plain("agent"), .plain("action"), .plain("resource"),
            .named("rule", "rule"), .named("missing", "missing"), .named("call", "call"),
            .named("approval", "approval"), .named("message", "message"),
        ],
        "release": [
            .verdict("event"), .plain("agent"), .plain("action"), .plain("resource"),
            .named("by", "approver_identity"), .named("call", "call"), .named("approval", "approval"),
        ],
        "effect": [
            .verdict("outcome"), .named("status", "status"), .duration("duration_us"), .named("call", "call"),
            .named("reason", "reason"),
        ],
        "approval.requested": [
            .verdict("event"), .plain("agent"), .plain(["request", "action"]),
            .plain(["request", "resource"]),
            .named("call", "call"), .named("approval", "approval"), .named("expires", "expires_at"),
        ],
        "approval.reviewed": [
            .verdict("decision"), .named("by", "approver_identity"), .named("approval", "approval"),
            .named("reason", "reason"),
        ],
        "approval.decided": [
            .verdict("outcome"), .named("by", "reviewers"), .named("approval", "approval"),
            .named("reason", "reason"),
        ],
        "refused": [
            .verdict("event"), .plain("agent"), .named("reason", "reason"), .named("count", "count"),
            .named("detail", "detail"), .named("source", "source"),
        ],
        "policy.loaded": [
            .named("rules", "rules"), .named("revision", "revision"), .named("files", "files"),
        ],
        "segment.approval": [
            .plain("was"), .named("approval", ["record", "approval"]), .named("call", ["record", "call"]),
        ],
        "segment.claims": [.named("iss", "iss")],
        "segment.calls": [.named("calls", "calls")],
        "segment": [
            .named("reason", "reason"), .named("restated", "restated"),
            .named("claims_from", "claims_from"), .named("abandons_previous", "abandons_previous"),
        ],
    ]

    /// For events without a layout.
    private static func everyMember(of record: LedgerRecord) -> [Column] {
        record.members.names.filter { !common.contains($0) }.map { name in
            .named(VisibleText.word(name), name)
        }
    }

    private static let common: Set<Text> = ["v", "seq", "time", "event", "prev", "instance", "boot", "batch"]

    static func padded(_ text: String, _ width: Int, onLeft: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
        return onLeft ? spaces + text : text + spaces
    }

    private static func trimmed(_ line: String) -> String {
        Text(line.utf8.reversed().drop { $0 == 0x20 }.reversed()).string
    }
}

extension RecordLine.Column {
    /// Nil when the record has nothing there.
    fileprivate func text(in members: JSONObject, colour: Bool) -> String? {
        switch self {
        case .verdict(let name): Self.verdict(name == "event" ? nil : members[name]?.string, colour: colour)
        case .plain(let path): Self.word(Self.value(path, in: members))
        case .named(let name, let path): Self.word(Self.value(path, in: members)).map { "\(name)=\($0)" }
        case .duration(let name): members[name]?.integer.map { "duration=\(Self.milliseconds($0))" }
        }
    }

    private static func value(_ path: [Text], in members: JSONObject) -> JSON? {
        path.dropFirst().reduce(members[path[0]]) { $0?[$1] }
    }

    private static func word(_ value: JSON?) -> String? {
        switch value {
        case nil, .null: nil
        case .string(let text): VisibleText.word(text)
        case .number(let number): number.text.string
        case .bool(let flag): flag ? "true" : "false"
        case .array(let items):
            items.isEmpty ? nil : items.map { word($0) ?? "null" }.joined(separator: ",")
        case .object: "{…}"
        }
    }

    private static func milliseconds(_ microseconds: Int64) -> String {
        let part = RecordLine.padded(String(microseconds.magnitude % 1_000 + 1_000), 4)
        return "\(microseconds / 1_000).\(part.dropFirst())ms"
    }

    // MARK: How it came out

    private static let width = 9
    private static let green: Set<Text> = ["allow", "approve", "approved", "completed"]
    private static let yellow: Set<Text> = ["hold", "unknown", "cancelled"]

    /// Room for it even where there is none, so that agents stand below each other.
    private static func verdict(_ word: Text?, colour: Bool) -> String {
        guard let word else { return String(repeating: " ", count: width) }
        let text = RecordLine.padded(VisibleText.word(word), width)
        guard colour else { return text }
        let code = green.contains(word) ? 32 : yellow.contains(word) ? 33 : 31
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
