internal import Documents
internal import Primitives

/// Reads the rules of one file (contract §4).
struct RuleReader {
    static let listMax = 1000
    static let conditionsMax = 32
    static let messageBytesMax = 1024
    static let nameBytesMax = 64

    let hash: ([UInt8]) -> Digest

    struct Located {
        let rule: Rule
        let position: Position
    }

    func read(_ bytes: [UInt8], file: String) throws(DocumentError) -> [Located] {
        let document = try YAMLReader.read(bytes, file: file).mapping(keys: [
            "apiVersion", "kind", "metadata", "spec",
        ])
        try document.requireHeader(kind: "ActionPolicy")
        let metadata = try document.required("metadata").mapping(keys: ["name"])
        _ = try Self.name(metadata.required("name"))
        let spec = try document.required("spec").mapping(keys: ["mode", "rules"])
        let isShadow =
            try spec.optional("mode")?.choice(["Enforce": false, "Shadow": true] as [String: Bool]) ?? false
        var rules: [Located] = []
        for node in try Self.items(spec.required("rules"), of: "rules", atMost: PolicySet.rulesMax) {
            rules.append(try rule(node, isShadow: isShadow))
        }
        return rules
    }

    private static let commonKeys = ["name", "effect", "agents", "tools", "http", "when"]
    private static let ownKeys: [(effect: Decision.Effect, name: String, keys: [String])] = [
        (.allow, "an Allow", ["token", "unsafeWithoutToken"]),
        (.deny, "a Deny", ["message"]),
        (.hold, "a Hold", ["message", "approval"]),
    ]
    private static let keys = commonKeys + ["token", "unsafeWithoutToken", "message", "approval"]

    private func rule(_ node: Node, isShadow: Bool) throws(DocumentError) -> Located {
        let reader = try node.mapping(keys: Self.keys)
        let nameNode = try reader.required("name")
        let name = try Self.name(nameNode)
        let effect = try reader.required("effect").choice([
            "Allow": .allow, "Deny": .deny, "Hold": Decision.Effect.hold,
        ])
        try Self.refuseForeignKeys(of: effect, in: reader)
        let agents = try Self.agents(reader)
        let target = try Self.target(reader)
        let conditions = try Self.conditions(reader, effect: effect)
        if case .anything = target, agents.isEmpty, conditions.isEmpty {
            throw reader.error("rule `\(name)` selects nothing; give it `agents`, `tools`, `http` or `when`")
        }
        let message = try reader.optional("message").map(Self.message)
        let hold = effect == .hold ? try self.hold(reader, rule: name, message: message, node: node) : nil
        let rule = Rule(
            name: name, effect: effect, isShadow: isShadow, agents: agents, target: target,
            conditions: conditions,
            needsNoToken: try TokenExemption.read(
                reader, agents: agents, target: target, conditions: conditions),
            message: message, hold: hold)
        return Located(rule: rule, position: nameNode.position)
    }

    private static func refuseForeignKeys(
        of effect: Decision.Effect, in reader: MappingReader
    ) throws(DocumentError) {
        for key in reader.presentKeys where !commonKeys.contains(key) {
            let owners = ownKeys.filter { $0.keys.contains(key) }
            guard !owners.contains(where: { $0.effect == effect }) else { continue }
            let names = owners.map(\.name).joined(separator: " or ")
            throw reader.error("`\(key)` belongs to \(names) rule", atKey: key)
        }
    }

    private static func name(_ node: Node) throws(DocumentError) -> Text {
        let name = try node.text()
        let isName = name.bytes.allSatisfy { 0x61...0x7A ~= $0 || $0.isASCIIDigit || $0 == 0x2D }
        guard isName, 1...nameBytesMax ~= name.count else {
            throw node.error(
                "\(Quoted.name(name)) is no name; a name has 1 to \(nameBytesMax) of `a-z`, `0-9` and `-`")
        }
        return name
    }

    private static func message(_ node: Node) throws(DocumentError) -> Text {
        let message = try node.text()
        guard 1...messageBytesMax ~= message.count else {
            throw node.error("a message has 1 to \(messageBytesMax) bytes")
        }
        return message
    }

    /// A list that is not empty: an empty one would mean either all or nothing.
    private static func items(_ node: Node, of key: String, atMost limit: Int = listMax) throws(DocumentError)
        -> [Node]
    {
        let items = try node.items()
        guard 1...limit ~= items.count else {
            throw node.error("`\(key)` has 1 to \(limit) entries, found \(items.count)")
        }
        return items
    }

    private static func agents(_ reader: MappingReader) throws(DocumentError) -> [AgentPattern] {
        guard let node = reader.optional("agents") else { return [] }
        var agents: [AgentPattern] = []
        for item in try items(node, of: "agents") { agents.append(try AgentPattern(item)) }
        return agents
    }

    private static func target(_ reader: MappingReader) throws(DocumentError) -> Rule.Target {
        switch (reader.optional("tools"), reader.optional("http")) {
        case (nil, nil): return .anything
        case (.some, .some):
            throw reader.error(
                "`tools` and `http` never match the same request; write two rules", atKey: "http")
        case (.some(let node), nil):
            var tools: [ToolPattern] = []
            for item in try items(node, of: "tools") { tools.append(try ToolPattern(item)) }
            return .tools(tools)
        case (nil, .some(let node)): return try http(node)
        }
    }

    private static func http(_ node: Node) throws(DocumentError) -> Rule.Target {
        let reader = try node.mapping(keys: ["methods", "paths"])
        var methods: [Text] = []
        var paths: [PathPattern] = []
        if let node = reader.optional("methods") {
            for item in try items(node, of: "methods") { methods.append(try HTTPMethods.read(item)) }
        }
        if let node = reader.optional("paths") {
            for item in try items(node, of: "paths") { paths.append(try PathPattern(item)) }
        }
        guard !methods.isEmpty || !paths.isEmpty else {
            throw reader.error("`http` needs `methods` or `paths`")
        }
        return .http(methods: methods, paths: paths)
    }

    private static func conditions(
        _ reader: MappingReader, effect: Decision.Effect
    ) throws(DocumentError) -> [Condition] {
        guard let node = reader.optional("when") else { return [] }
        var conditions: [Condition] = []
        for item in try items(node, of: "when", atMost: conditionsMax) {
            conditions.append(try Condition(item, effect: effect))
        }
        return conditions
    }

    private func hold(
        _ reader: MappingReader, rule: Text, message: Text?, node: Node
    ) throws(DocumentError) -> HoldRequirement {
        guard let block = reader.optional("approval") else {
            throw reader.error(
                "a Hold rule needs `approval`, such as `approval: { groups: [data-stewards] }`")
        }
        let approval = try block.mapping(keys: ["groups", "required", "expiresAfter", "subject"])
        var groups: [Text] = []
        for item in try Self.items(approval.required("groups"), of: "groups") {
            let group = try item.text()
            guard !group.isEmpty, !groups.contains(group) else {
                throw item.error("a group is empty or named twice")
            }
            groups.append(group)
        }
        return HoldRequirement(
            rule: rule, ruleDigest: hash(RuleContent.canonical(node)), groups: groups,
            required: try approval.optional("required")?.int(in: 1...HoldRequirement.requiredMax) ?? 1,
            expiresAfter: try approval.optional("expiresAfter")?.duration(
                in: HoldRequirement.expiresAfterRange)
                ?? HoldRequirement.expiresAfterDefault,
            subjectIsWorkload: try approval.optional("subject")?.choice(["workload": true] as [String: Bool])
                ?? false, message: message)
    }
}

/// The methods a rule may name (RFC 9110 §9, RFC 5789, RFC 4918, RFC 3253, RFC 5323): a closed list, because a
/// misspelt method in a `Deny` would never match without a word.
private enum HTTPMethods {
    private static let names = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
        "MOVE",
        "LOCK", "UNLOCK", "REPORT", "SEARCH",
    ]

    static func read(_ node: Node) throws(DocumentError) -> Text {
        try node.choice(Dictionary(uniqueKeysWithValues: names.map { ($0, Text($0)) }))
    }
}
