internal import Primitives

/// A segment's first record, `segment`: why it begins, and what holds from here on.
///
/// As many records as `restated` says follow, which name open calls and approvals, and all live claims when
/// the segment before was abandoned. All of them are one batch, and nothing else is acknowledged before that
/// batch is durable.
struct Opening: Hashable {
    static let event: Text = "segment"

    enum Reason: String, CaseIterable { case start, roll, error }

    var reason: Reason
    var durability: Durability
    var machine: Text?
    /// The segment before was abandoned: what it holds beyond the record before this one is no part of the
    /// ledger.
    var abandonsPrevious: Bool
    var restatesClaims: Bool
    /// Records that follow and belong to the opening.
    var restated: Int64
    /// The oldest record before this segment with a live claim; nil when there is none to look for.
    var claimsFrom: UInt64?
    /// The largest expiry, in seconds, among claims let go.
    var horizonSeconds: Int64?
    var unprovenSince: Timestamp?
    /// How long claims live in this run: where a later run keeps them longer, those that this one let go are
    /// missing.
    var claimWindow: Duration
    var counters: [Text: UInt64]
    /// The nodes of the Merkle tree over all records before this one, so that the tree goes on when the
    /// segments that hold them have been moved away.
    var tree: [Digest]

    var entry: Entry {
        var members = Members()
        members.word("reason", reason.rawValue)
        members.text("durability", durability.word)
        members.text("machine", machine)
        members.json("abandons_previous", .bool(abandonsPrevious))
        members.json("restates_claims", .bool(restatesClaims))
        members.integer("restated", restated)
        members.integer("claims_from", claimsFrom.map { Int64(clamping: $0) })
        members.integer("claims_horizon", horizonSeconds)
        members.time("unproven_since", unprovenSince)
        members.integer("claim_window_ms", claimWindow.nanosecondsClamped / 1_000_000)
        let sorted = counters.sorted { $0.key < $1.key }
        members.json(
            "counters",
            .object(
                JSONObject(sorted.map { .init(name: $0.key, value: .integer(Int64(clamping: $0.value))) })))
        members.texts("tree", tree.map { Text($0.hex) })
        return Entry(known: Self.event, members)
    }
}

extension Opening {
    init(_ members: JSONObject) throws(UnusableRecord) {
        let word = try members.text("reason")
        guard let reason = Reason.allCases.first(where: { Text($0.rawValue) == word }) else {
            throw UnusableRecord("`reason` is not known")
        }
        guard let durability = Durability(try members.text("durability")) else {
            throw UnusableRecord("`durability` is not known")
        }
        self.reason = reason
        self.durability = durability
        machine = try members.optional("machine")?.string
        abandonsPrevious = try members.flag("abandons_previous")
        restatesClaims = try members.flag("restates_claims")
        restated = try members.integer("restated")
        claimsFrom =
            try members.optional("claims_from") == nil
            ? nil : UInt64(clamping: try members.integer("claims_from"))
        horizonSeconds =
            try members.optional("claims_horizon") == nil ? nil : try members.integer("claims_horizon")
        unprovenSince = nil
        if try members.optional("unproven_since") != nil {
            guard let time = Timestamp(rfc3339: try members.text("unproven_since")) else {
                throw UnusableRecord("`unproven_since` is not a time")
            }
            unprovenSince = time
        }
        claimWindow = .milliseconds(try members.integer("claim_window_ms"))
        tree = []
        for node in try members.texts("tree") {
            guard let digest = Digest(hex: node) else {
                throw UnusableRecord("`tree` is not a list of digests")
            }
            tree.append(digest)
        }
        guard let counted = members["counters"]?.object else {
            throw UnusableRecord("`counters` is not an object")
        }
        counters = [:]
        for name in counted.names { counters[name] = UInt64(clamping: try counted.integer(name)) }
    }
}

/// The records that follow a `segment` record and belong to it.
enum Restated {
    static let calls: Text = "segment.calls"
    static let approval: Text = "segment.approval"
    static let claims: Text = "segment.claims"

    static let callsPerRecord = 1_000
    /// Of token ids, as bytes before escaping; at most six times as much as text.
    static let claimBytesPerRecord = 64 << 10
    static let claimsPerRecord = 1_000
}

extension LiveState {
    /// The whole opening of a segment that is about to be written.
    func opening(
        _ reason: Opening.Reason, abandonsPrevious: Bool, after head: ChainHead, settings: JournalSettings
    ) -> [Entry] {
        let restated = restatedCalls() + restatedApprovals() + (abandonsPrevious ? restatedClaims() : [])
        let opening = Opening(
            reason: reason, durability: settings.durability, machine: settings.machine,
            abandonsPrevious: abandonsPrevious, restatesClaims: abandonsPrevious,
            restated: Int64(restated.count),
            claimsFrom: abandonsPrevious ? nil : claims.oldestSequence, horizonSeconds: claims.horizonSeconds,
            unprovenSince: unprovenSince, claimWindow: claimWindow, counters: counters, tree: head.tree.nodes)
        return [opening.entry] + restated
    }

    private func restatedCalls() -> [Entry] {
        let open = orderedCalls
        return stride(from: 0, to: open.count, by: Restated.callsPerRecord).map { start in
            var members = Members()
            members.texts("calls", Array(open[start..<min(start + Restated.callsPerRecord, open.count)]))
            return Entry(known: Restated.calls, members)
        }
    }

    private func restatedApprovals() -> [Entry] {
        orderedApprovals.flatMap { approval in
            [Self.restated("approval.requested", approval.requested, approval.time)]
                + approval.reviews.map { Self.restated("approval.reviewed", $0.members, $0.time) }
                + (approval.approved.map { [Self.restated("approval.decided", $0.members, $0.time)] } ?? [])
        }
    }

    private static func restated(_ event: Text, _ record: JSONObject, _ time: Timestamp) -> Entry {
        var members = Members()
        members.text("was", event)
        members.time("at", time)
        members.json("record", .object(record))
        return Entry(known: Restated.approval, members)
    }

    private func restatedClaims() -> [Entry] {
        var chunks: [(issuer: Text, claims: [JSON], bytes: Int)] = []
        claims.forEach { issuer, tokenID, expires in
            let isFull = chunks.last.map {
                $0.issuer != issuer || $0.claims.count >= Restated.claimsPerRecord
                    || $0.bytes >= Restated.claimBytesPerRecord
            }
            if isFull ?? true { chunks.append((issuer, [], 0)) }
            chunks[chunks.count - 1].claims.append(
                .object(["jti": .string(tokenID), "exp": .integer(expires)]))
            chunks[chunks.count - 1].bytes += tokenID.count
        }
        return chunks.map { chunk in
            var members = Members()
            members.text("iss", chunk.issuer)
            members.json("claims", .array(chunk.claims))
            return Entry(known: Restated.claims, members)
        }
    }
}
