internal import Approvals
internal import Crypto
public import HTTP
public import Identity
public import Policies
public import Primitives
public import Tokens

/// Carries one request from bytes to a decision.
///
/// Nothing here waits, looks at a clock or touches a socket.
///
/// A request is judged in two steps, because a head arrives before its body: `open` checks everything that the head
/// alone shows (so that a caller without rights never gets to send a body), `admit` does the rest.
public struct Enforcer: Sendable {
    let settings: EnforcementSettings
    let verifier: TokenVerifier
    let claims: any ClaimStore

    public init(_ settings: EnforcementSettings, claims: any ClaimStore) {
        self.settings = settings
        self.claims = claims
        verifier = TokenVerifier(settings.tokens)
    }

    /// Host, route, credential and everything about the token that does not depend on the body.
    public func open(
        _ request: HTTPRequest, from caller: Caller, as id: CallID, under rules: PolicySet, at now: Now
    ) throws(Denial) -> OpenCall {
        guard settings.externalHosts.contains(request.host) else { throw .misdirected }
        guard let route = settings.routes.route(for: request.target.decodedPath) else { throw .unknownRoute }
        try refuseAliases(of: rules.headersRead, in: request)
        let credential = try Credential.find(in: request.fields)
        var token: VerifiedToken?
        if let credential {
            token = try authenticate(credential, from: caller, at: now)
        } else if !rules.mayAllowWithoutToken(caller, route, request) {
            throw .tokenRequired
        }
        let call = OpenCall(
            id: id, caller: caller, request: request, route: route, token: token,
            tokenField: credential?.carrier,
            inspectsBody: route.speaks == .mcp || token?.needsArguments == true
                || rules.mayReadArguments(caller, route, request))
        try checkSize(of: call)
        return call
    }

    /// The product in one sentence: decode, authorize, redeem, decide.
    ///
    /// `body` is whole when the call inspects it, else nil. What is thrown left the token unspent; what is
    /// returned spent it.
    public func admit(
        _ open: OpenCall, body: [UInt8]?, under rules: PolicySet, at now: Now
    ) throws(Denial) -> Admission {
        let call = try decode(open, body, under: rules)
        try authorize(call, open)
        let redemption = try redeem(open, at: now)
        return try decide(call, open, spending: redemption, under: rules, at: now)
    }

    /// How answers to this request are shaped, also where it was refused before a call was opened.
    public func speaks(_ request: HTTPRequest) -> RouteProtocol {
        settings.routes.route(for: request.target.decodedPath)?.speaks ?? .http
    }

    /// The largest body `admit` wants to see; a larger one is `bodyTooLarge`.
    public var inspectedBodyMax: Int { settings.inspectedBodyMax }

    /// True while the token's issuer and key are still configured and accept it (contract §1, "still valid").
    public func stillTrusts(_ token: VerifiedToken) -> Bool {
        settings.tokens.issuers.contains { $0.issuer == token.issuer && $0.keys.key(token.keyID) != nil }
    }

    /// `X_Amount` beside a rule on `x-amount`: a tool that folds `_` into `-` would read what the rule did not see.
    private func refuseAliases(of headers: Set<Text>, in request: HTTPRequest) throws(Denial) {
        for field in request.fields.fields {
            let folded = ProtectedFields.folded(field.key)
            guard folded != field.key, headers.contains(folded) || settings.injectedField == folded else {
                continue
            }
            throw .ambiguous("field `\(field.name)` may be read as `\(folded)`")
        }
    }

    private func authenticate(
        _ credential: Credential, from caller: Caller, at now: Now
    ) throws(Denial) -> VerifiedToken {
        let presenter = Presenter(id: caller.peer.id, certificate: caller.peer.leafDigest)
        do {
            return try verifier.verify(credential.token, from: presenter, at: now.time)
        } catch {
            throw .invalidToken(error)
        }
    }

    private func checkSize(of call: OpenCall) throws(Denial) {
        guard call.inspectsBody else { return }
        if case .exactly(let size) = call.request.body, size > settings.inspectedBodyMax {
            throw .bodyTooLarge(limit: settings.inspectedBodyMax)
        }
        if call.request.body != .none, call.request.body != .exactly(0) {
            try Content.refuseCodings(call.request.fields)
        }
    }

    private func decode(_ open: OpenCall, _ body: [UInt8]?, under rules: PolicySet) throws(Denial) -> ToolCall
    {
        let call: ToolCall
        switch open.route.speaks {
        case .mcp:
            call = try MCPCall.read(open.request, body: body ?? [])
        case .http:
            // A rule set that came while the body streamed past unread may want what nobody kept.
            let isUnread = body == nil && rules.mayReadArguments(open.caller, open.route, open.request)
            guard !isUnread else { throw .unavailable(.rules) }
            call = try ToolCall.http(open.request, body: body)
        }
        if let key = rules.ambiguousQueryKey(in: call.query) {
            throw .ambiguous("query key `\(key)` is given more than once and a rule reads it")
        }
        if let arguments = call.arguments, let key = rules.ambiguousArgument(in: arguments) {
            throw .ambiguous(
                "an argument's name differs from `\(key)`, which a rule reads, in the case of its letters")
        }
        return call
    }

    private func authorize(_ call: ToolCall, _ open: OpenCall) throws(Denial) {
        guard let token = open.token else { return }
        if token.needsArguments, let key = call.repeatedQueryKey {
            throw .ambiguous("query key `\(key)` is given more than once and the token binds arguments")
        }
        do throws(TokenError) {
            try token.authorizes(call.action)
        } catch {
            // Two different calls never share a digest: what has no exact canonical form is unreadable (contract §2).
            if case .argumentsNotCanonical(let reason) = error {
                throw .ambiguous("the arguments: \(reason)")
            }
            throw .mismatch(error)
        }
    }

    /// The first valid presentation spends the token, whatever the rules then say (contract §2).
    private func redeem(_ open: OpenCall, at now: Now) throws(Denial) -> Redemption {
        guard abs(now.drift.nanosecondsClamped) <= settings.driftMax.nanosecondsClamped else {
            throw .unavailable(.clock)
        }
        guard let token = open.token else { return Redemption(nil, at: now.time) }
        do {
            try token.isTimely(at: now.time, rules: settings.tokens)
        } catch {
            throw .invalidToken(error)
        }
        guard settings.fence.admits(issuedAt: token.issuedAt, expiresAt: token.expiresAt) else {
            throw .invalidToken(.beforeContinuity)
        }
        switch claims.claim(token.claimID, expiring: settings.tokens.claimExpiry(of: token), at: now.time) {
        case .claimed: return Redemption(token, at: now.time)
        case .replayed: throw .replayed
        case .full, .unavailable: throw .unavailable(.claims)
        }
    }

    private func decide(
        _ call: ToolCall, _ open: OpenCall, spending redemption: consuming Redemption, under rules: PolicySet,
        at now: Now
    ) throws(Denial) -> Admission {
        let judged = JudgedCall(open: open, call: call, audience: settings.tokens.audience)
        let decision = rules.decide(judged.accessRequest(at: now.time, reading: rules.headersRead))
        // A rule without a token matched nothing: nothing was spent and nothing need be durable.
        if open.token == nil, decision.tokenRequired { throw .tokenRequired }
        switch decision.effect {
        case .allow:
            return .permitted(Permit(redemption, at: now.time), judged, decision)
        case .deny:
            return .refused(.policy(rule: decision.rule, reason: decision.reasonForCaller), judged, decision)
        case .hold:
            guard open.token != nil else { throw .tokenRequired }
            return .held(redemption, judged, decision)
        }
    }
}

/// What `admit` found.
///
/// Each carries what the decision record needs, because that record comes before any answer.
public enum Admission: ~Copyable, Sendable {
    case permitted(Permit, JudgedCall, Decision)
    case held(Redemption, JudgedCall, Decision)
    case refused(Denial, JudgedCall, Decision)
}

/// What enforcement needs to know of the configuration.
public struct EnforcementSettings: Sendable {
    public var externalHosts: ExternalHosts
    public var routes: Routes
    public var tokens: TokenRules
    public var fence: ContinuityFence
    /// Bytes of a body that has to be read whole before it is judged.
    public var inspectedBodyMax: Int
    /// The field under which a static credential is injected for the tool, in lower case.
    public var injectedField: Text?

    /// How far the wall clock may have moved from the clock that decides: the skew, but never less than what a clock
    /// that is merely disciplined shows.
    public var driftMax: Duration { max(tokens.clockSkew, .seconds(1)) }

    public init(
        externalHosts: ExternalHosts, routes: Routes, tokens: TokenRules, fence: ContinuityFence,
        inspectedBodyMax: Int,
        injectedField: Text? = nil
    ) {
        self.injectedField = injectedField
        self.externalHosts = externalHosts
        self.routes = routes
        self.tokens = tokens
        self.fence = fence
        self.inspectedBodyMax = inspectedBodyMax
    }
}

/// The authenticated other end of a connection.
public struct Caller: Sendable {
    public let peer: Peer
    /// `address:port` as the kernel says.
    public let source: Text

    public init(peer: Peer, source: Text) { (self.peer, self.source) = (peer, source) }
}

extension PolicySet {
    fileprivate func mayReadArguments(_ caller: Caller, _ route: Route, _ request: HTTPRequest) -> Bool {
        mayReadArguments(
            agent: caller.peer.id, kind: route.speaks.kind, method: request.method,
            path: request.target.decodedPath)
    }

    fileprivate func mayAllowWithoutToken(_ caller: Caller, _ route: Route, _ request: HTTPRequest) -> Bool {
        mayAllowWithoutToken(
            agent: caller.peer.id, kind: route.speaks.kind, method: request.method,
            path: request.target.decodedPath)
    }
}

extension RouteProtocol {
    var kind: AccessRequest.Kind {
        switch self {
        case .http: .http
        case .mcp: .mcp
        }
    }
}

extension Decision {
    fileprivate var reasonForCaller: String { message?.string ?? reason }
}
