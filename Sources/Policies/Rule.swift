internal import Primitives

/// One compiled rule: whom and what it selects, what must hold, what follows.
struct Rule: Sendable {
    /// What kind of request a rule is about; selectors never match by absence (contract §4.4).
    enum Target: Sendable {
        case anything
        /// MCP `tools/call` only.
        case tools([ToolPattern])
        /// HTTP routes only, never MCP. An empty list was left out and means any.
        case http(methods: [Text], paths: [PathPattern])
    }

    let name: Text
    let effect: Decision.Effect
    /// Evaluated and reported, not applied.
    let isShadow: Bool
    /// Empty when left out: any agent.
    let agents: [AgentPattern]
    let target: Target
    let conditions: [Condition]
    /// An `Allow` for which identity alone is enough.
    let needsNoToken: Bool
    let message: Text?
    /// Every `Hold` has one, nothing else does.
    let hold: HoldRequirement?

    /// A `Hold` reads all: approvers are shown the arguments.
    var readsArguments: Bool { effect == .hold || conditions.contains { $0.key.readsArguments } }

    /// Whether the selectors pick a request of this outline; `tool` is nil for all that is no MCP `tools/call`.
    func selects(_ outline: RequestOutline, tool: Text?) -> Bool {
        guard selectsAgent(outline) else { return false }
        guard case .tools(let patterns) = target else { return couldSelect(outline) }
        guard outline.kind == .mcp, let tool else { return false }
        return patterns.contains { $0.matches(tool) }
    }

    /// False when no request of this outline can match, whatever else it says.
    func couldMatch(_ outline: RequestOutline) -> Bool {
        selectsAgent(outline) && couldSelect(outline)
            && conditions.allSatisfy { condition in
                outline.value(of: condition.key).map { condition.judge($0, for: effect).isMet } ?? true
            }
    }

    private func selectsAgent(_ outline: RequestOutline) -> Bool {
        agents.isEmpty || agents.contains { $0.matches(outline.agent) }
    }

    private func couldSelect(_ outline: RequestOutline) -> Bool {
        switch target {
        case .anything: true
        case .tools: outline.kind == .mcp
        case .http(let methods, let paths):
            outline.kind == .http && (methods.isEmpty || methods.contains(outline.method))
                && (paths.isEmpty || paths.contains { $0.matches(outline.segments) })
        }
    }

    /// Whether every `when` item is met, and which keys were absent on the way to the answer.
    func judge(_ request: AccessRequest) -> (isMet: Bool, missing: [Text]) {
        var missing: [Text] = []
        for condition in conditions {
            let judgement = condition.judge(condition.key.value(in: request), for: effect)
            if judgement.isMissing { missing.append(condition.keyText) }
            guard judgement.isMet else { return (false, missing) }
        }
        return (true, missing)
    }
}

/// What is known of a request before its body, with the texts that patterns look at split once.
struct RequestOutline {
    let kind: AccessRequest.Kind
    let agent: AgentView
    let method: Text
    let path: Text
    /// Of the path.
    let segments: [Text]

    init(kind: AccessRequest.Kind, agent: SPIFFEID, method: Text, path: Text) {
        (self.kind, self.method, self.path) = (kind, method, path)
        self.agent = AgentView(agent)
        segments = path.dropFirst(1).split(on: 0x2F)
    }

    /// Nil when the outline does not tell.
    func value(of key: AttributeKey) -> AttributeValue? {
        switch key {
        case .agentID: .found(.string(agent.id.text))
        case .agentTrustDomain: .found(.string(agent.id.trustDomain))
        case .httpMethod: .found(.string(method))
        case .httpPath: .found(.string(path))
        // The action of a plain HTTP request is its method (contract §2).
        case .action: kind == .http ? .found(.string(method)) : nil
        case .subject, .actorDepth, .resource, .httpHost, .grpcService, .grpcMethod, .tokenIssuer,
            .tokenTransaction,
            .time, .sourceIP, .query, .header, .arguments:
            nil
        }
    }
}
