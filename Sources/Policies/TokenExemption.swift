internal import Documents
internal import Primitives

/// `token: NotRequired` and its load-time rules (contract §4.7).
///
/// Identity alone may be enough to read, or to open an MCP session; it is not enough to act. So such a rule names its
/// agents, and covers only `GET` and `HEAD` or MCP session methods, unless it says `unsafeWithoutToken: true`.
enum TokenExemption {
    private static let readingMethods: [Text] = ["GET", "HEAD"]

    /// MCP requests that open, describe or end a session and act on nothing.
    static let sessionMethods: [Text] = [
        "initialize", "ping", "server/discover", "tools/list", "resources/list", "resources/templates/list",
        "prompts/list",
        "logging/setLevel", "notifications/initialized", "notifications/cancelled", "notifications/progress",
        "notifications/roots/list_changed",
    ]

    static func read(
        _ reader: MappingReader, agents: [AgentPattern], target: Rule.Target, conditions: [Condition]
    ) throws(DocumentError) -> Bool {
        let isExempt =
            try reader.optional("token")?.choice(["Required": false, "NotRequired": true] as [String: Bool])
            ?? false
        let isUnsafe = try reader.optional("unsafeWithoutToken")?.bool() ?? false
        guard isExempt else {
            guard reader.optional("unsafeWithoutToken") == nil else {
                throw reader.error(
                    "`unsafeWithoutToken` goes with `token: NotRequired`", atKey: "unsafeWithoutToken")
            }
            return false
        }
        guard !agents.isEmpty else {
            throw reader.error("`token: NotRequired` needs `agents`: identity alone decides", atKey: "token")
        }
        guard isUnsafe || onlyReads(target, conditions) else {
            throw reader.error(
                "`token: NotRequired` covers only `http.methods` of GET and HEAD, or an `action` of MCP session methods; "
                    + "say `unsafeWithoutToken: true` to let agents act without a token", atKey: "token")
        }
        return true
    }

    private static func onlyReads(_ target: Rule.Target, _ conditions: [Condition]) -> Bool {
        if case .http(let methods, _) = target, !methods.isEmpty, methods.allSatisfy(readingMethods.contains)
        {
            return true
        }
        return conditions.contains { condition in
            guard condition.key == .action, case .equals(let values, isNegated: false) = condition.test else {
                return false
            }
            return values.allSatisfy { value in value.string.map(sessionMethods.contains) ?? false }
        }
    }
}
