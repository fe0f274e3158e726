internal import Primitives

/// What one record changes in the live state, read strictly: a claim or an approval that cannot be read is
/// never passed over.
enum LiveChange: Sendable {
    struct Claim: Sendable {
        let issuer, tokenID: Text
        let expires: Int64
    }

    case none
    case decided(call: Text?, claim: Claim?)
    case released(call: Text, approval: Text)
    case concluded(call: Text)
    case approvalRequested(Text, JSONObject)
    case approvalReviewed(Text, JSONObject)
    case approvalApproved(Text, JSONObject)
    case approvalEnded(Text)
    case opened(Opening)
    case restatedCalls([Text])
    case restatedClaims([Claim])
    indirect case restatedRecord(LiveChange, Timestamp)

    /// All that is read of the records that are written for each call.
    static let members: [Text: [Text]] = [
        "decision": ["call", "decision", "claim"], "release": ["call", "approval"], "effect": ["call"],
        "refused": [],
    ]

    /// Of a record that is about to be written: it must be readable again, too.
    init(checked event: Text, _ members: JSONObject) throws(UnusableRecord) {
        guard JSON.object(members).depth <= Entry.depthMax else { throw UnusableRecord("nested too deeply") }
        try self.init(event: event, members: members)
    }

    init(event: Text, members: JSONObject) throws(UnusableRecord) {
        switch event {
        case "decision": self = try Self.decision(members)
        case "release":
            self = .released(call: try members.text("call"), approval: try members.text("approval"))
        case "effect": self = .concluded(call: try members.text("call"))
        case "approval.requested": self = .approvalRequested(try members.text("approval"), members)
        case "approval.reviewed": self = .approvalReviewed(try members.text("approval"), members)
        case "approval.decided":
            let id = try members.text("approval")
            self =
                try members.text("outcome") == "approved"
                ? .approvalApproved(id, members) : .approvalEnded(id)
        case Opening.event: self = .opened(try Opening(members))
        case Restated.calls: self = .restatedCalls(try members.texts("calls"))
        case Restated.claims: self = .restatedClaims(try Self.claims(members))
        case Restated.approval: self = try Self.restated(members)
        default: self = .none
        }
    }

    /// True for what a segment's opening says again.
    var restates: Bool {
        switch self {
        case .opened, .restatedCalls, .restatedClaims, .restatedRecord: true
        case .none, .decided, .released, .concluded, .approvalRequested, .approvalReviewed, .approvalApproved,
            .approvalEnded:
            false
        }
    }

    private static func decision(_ members: JSONObject) throws(UnusableRecord) -> LiveChange {
        let call = try members.text("call")
        let isAllowed = try members.text("decision") == "allow"
        guard let claim = members["claim"], !claim.isNull else {
            return .decided(call: isAllowed ? call : nil, claim: nil)
        }
        guard let parts = claim.object else { throw UnusableRecord("`claim` is not an object") }
        let spent = try Claim(
            issuer: parts.text("iss"), tokenID: parts.text("jti"), expires: parts.integer("exp"))
        return .decided(call: isAllowed ? call : nil, claim: spent)
    }

    private static func claims(_ members: JSONObject) throws(UnusableRecord) -> [Claim] {
        let issuer = try members.text("iss")
        guard let items = members["claims"]?.array else { throw UnusableRecord("`claims` is not a list") }
        var claims: [Claim] = []
        for item in items {
            guard let parts = item.object else { throw UnusableRecord("a claim is not an object") }
            claims.append(
                Claim(issuer: issuer, tokenID: try parts.text("jti"), expires: try parts.integer("exp")))
        }
        return claims
    }

    private static func restated(_ members: JSONObject) throws(UnusableRecord) -> LiveChange {
        guard let inner = members["record"]?.object else { throw UnusableRecord("`record` is not an object") }
        guard let time = Timestamp(rfc3339: try members.text("at")) else {
            throw UnusableRecord("`at` is not a time")
        }
        let change = try LiveChange(event: try members.text("was"), members: inner)
        switch change {
        case .approvalRequested, .approvalReviewed, .approvalApproved:
            return .restatedRecord(change, time)
        case .none, .decided, .released, .concluded, .approvalEnded, .opened, .restatedCalls, .restatedClaims,
            .restatedRecord:
            throw UnusableRecord("restates what is not an approval's record")
        }
    }
}

/// Why a record says nothing that can be relied on.
struct UnusableRecord: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

extension JSONObject {
    /// Valid UTF-8 only: anything else would be written as another text than it is.
    func text(_ name: Text) throws(UnusableRecord) -> Text {
        guard let text = self[name]?.string, UTF8Check.isValid(text.bytes) else {
            throw UnusableRecord("`\(name)` is not a text")
        }
        return text
    }

    func texts(_ name: Text) throws(UnusableRecord) -> [Text] {
        guard let items = self[name]?.array else { throw UnusableRecord("`\(name)` is not a list") }
        let texts = items.compactMap(\.string)
        guard texts.count == items.count else { throw UnusableRecord("`\(name)` is not a list of texts") }
        return texts
    }

    func integer(_ name: Text) throws(UnusableRecord) -> Int64 {
        guard let number = self[name]?.integer else {
            throw UnusableRecord("`\(name)` is not a whole number")
        }
        return number
    }

    func flag(_ name: Text) throws(UnusableRecord) -> Bool {
        guard let flag = self[name]?.bool else { throw UnusableRecord("`\(name)` is not true or false") }
        return flag
    }

    /// Nil for null; throws when the member is missing.
    func optional(_ name: Text) throws(UnusableRecord) -> JSON? {
        guard let value = self[name] else { throw UnusableRecord("`\(name)` is missing") }
        return value.isNull ? nil : value
    }
}

extension Entry {
    /// Nesting of a record's members.
    static let depthMax = 96
}

extension JSON {
    var depth: Int {
        switch self {
        case .null, .bool, .number, .string: 0
        case .array(let items): 1 + (items.map(\.depth).max() ?? 0)
        case .object(let object): 1 + (object.members.map(\.value.depth).max() ?? 0)
        }
    }
}
