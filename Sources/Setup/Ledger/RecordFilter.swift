public import Primitives

/// Which records are shown.
///
/// Agent, tool, decision, call and approval name calls: of a call that fits, the later records are shown too,
/// although they name only the call or its approval. Event and times are about each record by itself.
public struct RecordFilter: Sendable {
    /// The events that this version writes.
    public static let events = [
        "decision", "release", "effect", "approval.requested", "approval.reviewed", "approval.decided",
        "refused", "start", "stop", "recovered", "policy.loaded", "identity.rotated", "segment",
        "segment.calls", "segment.approval", "segment.claims",
    ]
    public static let decisions = ["allow", "deny", "hold"]
    /// So many calls and approvals are remembered to show their later records; the oldest are forgotten first.
    public static let callsMax = 1 << 16

    public var agent, tool: WildcardText?
    public var decision, call, approval: Text?
    /// Any of them; none is every event.
    public var events: [Text] = []
    public var since, until: Timestamp?
    private var followed = FollowedCalls()

    public init() {}

    /// True when calls are chosen, so that earlier records may say which.
    var choosesCalls: Bool {
        agent != nil || tool != nil || decision != nil || call != nil || approval != nil
    }

    /// Records have to come in their order.
    mutating func admits(_ record: LedgerRecord) -> Bool {
        guard !choosesCalls || isOfChosenCall(record) else { return false }
        if let since, record.time < since { return false }
        if let until, record.time > until { return false }
        return events.isEmpty ? !(choosesCalls && record.isRestatement) : events.contains(record.event)
    }

    private mutating func isOfChosenCall(_ record: LedgerRecord) -> Bool {
        let said = Said(record)
        guard followed.contains(said.call) || followed.contains(said.approval) || fits(said) else {
            return false
        }
        followed.insert(said.call)
        followed.insert(said.approval)
        return true
    }

    private func fits(_ said: Said) -> Bool {
        func isWanted(_ wanted: Text?, _ found: Text?) -> Bool { wanted == nil || wanted == found }
        func isWanted(_ wanted: WildcardText?, _ found: Text?) -> Bool {
            wanted.map { wanted in found.map { wanted.matches($0) } ?? false } ?? true
        }
        return isWanted(agent, said.agent) && isWanted(tool, said.tool) && isWanted(decision, said.decision)
            && isWanted(call, said.call) && isWanted(approval, said.approval)
    }
}

/// What a record says about its call, each nil where it does not.
private struct Said {
    let call, approval, agent, tool, decision: Text?

    init(_ record: LedgerRecord) {
        // A restated approval has the record it restates in a member.
        let members = record.members["record"]?.object ?? record.members
        (call, approval) = (members["call"]?.string, members["approval"]?.string)
        agent = members["agent"]?.string
        tool = members["resource"]?.string ?? members["request"]?["resource"]?.string
        decision = record.event == "decision" ? members["decision"]?.string : nil
    }
}

/// Calls and approvals whose later records are shown too.
///
/// Bounded: the oldest are forgotten first.
struct FollowedCalls: Sendable {
    private let idsMax: Int

    private var ids: Set<Text> = []
    /// In the order they came, as a ring.
    private var ring: [Text] = []
    private var oldest = 0

    init(idsMax: Int = RecordFilter.callsMax) { self.idsMax = idsMax }

    func contains(_ id: Text?) -> Bool { id.map { ids.contains($0) } ?? false }

    mutating func insert(_ id: Text?) {
        guard let id, ids.insert(id).inserted else { return }
        guard ring.count == idsMax else { return ring.append(id) }
        ids.remove(ring[oldest])
        ring[oldest] = id
        oldest = (oldest + 1) % idsMax
    }
}
