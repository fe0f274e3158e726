public import Approvals
public import HTTP
internal import Identity
public import Policies
public import Primitives
public import Tokens

/// A request whose head passed; its body may still be coming.
public struct OpenCall: Sendable {
    public let id: CallID
    public let caller: Caller
    public let request: HTTPRequest
    public let route: Route
    public let token: VerifiedToken?
    /// The field that carried the token and is taken out before forwarding.
    let tokenField: Text?
    /// True when the body must be whole before `admit`; else it streams once the call is permitted.
    public let inspectsBody: Bool
}

/// A request that was read whole (as far as anybody judges it) and understood.
public struct JudgedCall: Sendable {
    public let open: OpenCall
    public let call: ToolCall
    public let audience: Text

    public var id: CallID { open.id }
    public var caller: Caller { open.caller }
    public var token: VerifiedToken? { open.token }
    var request: HTTPRequest { open.request }

    /// What rules see.
    ///
    /// Only the headers that some rule reads are copied.
    public func accessRequest(at time: Timestamp, reading headers: Set<Text>) -> AccessRequest {
        var values: [Text: [Text]] = [:]
        for name in headers {
            let found = request.fields.values(name)
            if !found.isEmpty { values[name] = found }
        }
        return AccessRequest(
            kind: open.route.speaks.kind, agent: caller.peer.id, subject: token?.subject,
            actorDepth: token?.actors.count ?? 0, action: call.action.action, resource: call.action.resource,
            tool: call.tool, method: request.method, path: request.target.decodedPath, host: request.host,
            query: call.query, headers: values, arguments: call.arguments, issuer: token?.issuer,
            transaction: token?.transaction, time: time, source: caller.source, hasToken: token != nil)
    }

    /// What people are asked to approve: exactly this and nothing else (contract §5).
    ///
    /// Nil without a token.
    public func heldRequest(reading headers: Set<Text>) -> HeldRequest? {
        guard let token else { return nil }
        let bound = headers.sorted().flatMap { name in request.fields.values(name).map { (name, $0) } }
        let hasArguments = call.action.kind == .mcp || call.arguments != nil
        return HeldRequest(
            agent: caller.peer.id, issuer: token.issuer, subject: token.subject, actors: token.actors,
            audience: audience, kind: Text(open.route.speaks.rawValue), host: request.host,
            action: call.action.action, resource: call.action.resource,
            arguments: hasArguments ? call.arguments : nil,
            contentDigest: hasArguments ? nil : call.contentDigest, contentType: call.contentType,
            headers: bound)
    }
}

extension HoldRequirement {
    /// The same words in the module of people.
    public var requirement: Requirement {
        Requirement(
            rule: rule, ruleDigest: ruleDigest, groups: groups, required: required,
            expiresAfter: expiresAfter,
            subjectIsWorkload: subjectIsWorkload, message: message)
    }
}
