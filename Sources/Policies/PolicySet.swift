public import Documents
public import Primitives

/// All rules in force, compiled and immutable: a reload makes another one.
///
/// Deny wins, then nothing without an `Allow`, then every matching `Hold`; the order of rules decides only which
/// name is told (contract §4.2).
public final class PolicySet: Sendable {
    public static let filesMax = 1000
    public static let rulesMax = 10_000

    /// SHA-256 over the names and bytes of the files, each with its length before it, in the order of their names.
    public let revision: Digest
    public let ruleCount: Int
    /// Lower-case names of the header fields that some rule reads.
    public let headersRead: Set<Text>
    /// Some rule, in `Shadow` mode or not, has `tools`, and so is about MCP routes only.
    public let selectsTools: Bool

    private let rules: [Rule]
    private let index: RuleIndex
    private let argumentReaders: RuleIndex
    private let tokenExemptions: RuleIndex
    private let queryKeysRead: Set<Text>
    private let argumentNames: ArgumentNames

    private init(_ rules: [Rule], revision: Digest) {
        self.rules = rules
        self.revision = revision
        ruleCount = rules.count
        index = RuleIndex(rules) { _ in true }
        argumentReaders = RuleIndex(rules) { $0.readsArguments }
        tokenExemptions = RuleIndex(rules) { $0.needsNoToken && !$0.isShadow }
        selectsTools = rules.contains { if case .tools = $0.target { true } else { false } }
        argumentNames = ArgumentNames(readBy: rules.flatMap(\.conditions))
        let keys = rules.flatMap { $0.conditions.map(\.key) }
        headersRead = Set(keys.compactMap { if case .header(let name) = $0 { name } else { nil } })
        queryKeysRead = Set(keys.compactMap { if case .query(let name) = $0 { name } else { nil } })
    }

    /// All or nothing: one file that cannot be read the one right way refuses them all.
    ///
    /// `hash` is SHA-256. Files are taken in the order of their names, whatever order they are given in.
    public static func load(
        _ files: [(name: String, bytes: [UInt8])], hash: ([UInt8]) -> Digest
    ) throws(DocumentError) -> PolicySet {
        guard let first = files.first else {
            throw DocumentError(
                "there is no file with rules", at: Position(file: "policies", line: 1, column: 1))
        }
        guard files.count <= filesMax else {
            throw DocumentError(
                "more than \(filesMax) files with rules", at: Position(file: first.name, line: 1, column: 1))
        }
        let sorted = files.sorted { Text($0.name) < Text($1.name) }
        let rules = try withoutActuallyEscaping(hash) { (hash) throws(DocumentError) in
            try read(sorted, with: RuleReader(hash: hash))
        }
        return PolicySet(rules, revision: hash(revisionInput(sorted)))
    }

    private static func read(
        _ files: [(name: String, bytes: [UInt8])], with reader: RuleReader
    ) throws(DocumentError) -> [Rule] {
        var rules: [Rule] = []
        var positions: [Text: Position] = [:]
        for file in files {
            for located in try reader.read(file.bytes, file: file.name) {
                let name = located.rule.name
                if let earlier = positions.updateValue(located.position, forKey: name) {
                    throw DocumentError(
                        "rule `\(name)` is already defined at \(earlier)", at: located.position)
                }
                guard rules.count < rulesMax else {
                    throw DocumentError("more than \(rulesMax) rules", at: located.position)
                }
                rules.append(located.rule)
            }
        }
        return rules
    }

    private static func revisionInput(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
        func prefixed(_ bytes: [UInt8]) -> [UInt8] {
            (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (56 - 8 * $0)) } + bytes
        }
        return files.flatMap { prefixed(Array($0.name.utf8)) + prefixed($0.bytes) }
    }

    public func decide(_ request: AccessRequest) -> Decision {
        let outline = RequestOutline(
            kind: request.kind, agent: request.agent, method: request.method, path: request.path)
        var tally = Tally()
        for number in index.candidates(for: outline, tool: request.tool) {
            let rule = rules[number]
            guard rule.selects(outline, tool: request.tool) else { continue }
            tally.count(rule, rule.judge(request))
        }
        return tally.decision(hasToken: request.hasToken, revision: revision)
    }

    /// True when some rule that could match reads `args.*` or holds: the body has to be read before a decision.
    ///
    /// Rules in `Shadow` mode count too, so that what they report is what they would do.
    public func mayReadArguments(
        agent: SPIFFEID, kind: AccessRequest.Kind, method: Text, path: Text
    ) -> Bool {
        let outline = RequestOutline(kind: kind, agent: agent, method: method, path: path)
        return argumentReaders.contains(for: outline) { rules[$0].couldMatch(outline) }
    }

    /// True when some `Allow` that needs no token could match; if false, without a token it ends in 401.
    public func mayAllowWithoutToken(
        agent: SPIFFEID, kind: AccessRequest.Kind, method: Text, path: Text
    ) -> Bool {
        let outline = RequestOutline(kind: kind, agent: agent, method: method, path: path)
        return tokenExemptions.contains(for: outline) { rules[$0].couldMatch(outline) }
    }

    /// A key that some rule reads and that a tool may read in another way; such a request is refused (contract §3).
    ///
    /// It is given twice (also in another letter case), or as `key[…]`, which many frameworks fold into `key`.
    public func ambiguousQueryKey(in query: [(name: Text, value: Text)]) -> Text? {
        queryKeysRead.sorted().first { key in
            let isFolded = query.contains {
                $0.name.count > key.count && $0.name.lowercased.hasPrefix(key.lowercased + "[")
            }
            return isFolded || query.count(where: { $0.name.equalsIgnoringCase(key) }) > 1
        }
    }

    /// A key `args.*`, as a rule writes it, that a tool may read in another way; such a request is refused (contract §3).
    ///
    /// On the way down some object has a member whose name differs from the rule's in letter case only, with the
    /// member the rule reads or instead of it. The cost grows with the arguments, not with the rules.
    public func ambiguousArgument(in arguments: JSON) -> Text? { argumentNames.ambiguousKey(in: arguments) }
}
