internal import Primitives

/// Finds the rules that could match, so that a decision costs what they cost and not what all cost (contract §4.10).
///
/// A rule stands under each agent it names exactly, else under "any agent"; there under each tool or first path
/// segment it names exactly, else with those that have to be tried. The index only leaves out; `Rule.selects` decides.
struct RuleIndex: Sendable {
    private var byAgent: [Text: Shelf] = [:]
    private var anyAgent = Shelf()

    fileprivate struct Shelf: Sendable {
        var byTool: [Text: [Int]] = [:]
        var toolPatterns: [Int] = []
        var byFirstSegment: [Text: [Int]] = [:]
        var otherHTTP: [Int] = []
        var general: [Int] = []
    }

    /// Of the rules that are wanted; numbers count all of them.
    init(_ rules: [Rule], where isWanted: (Rule) -> Bool) {
        for (number, rule) in rules.enumerated() where isWanted(rule) {
            let exact = rule.agents.map { if case .exact(let id) = $0 { id } else { nil as Text? } }
            if exact.isEmpty || exact.contains(nil) {
                anyAgent.add(rule.target, number)
            } else {
                for id in Set(exact.compactMap { $0 }) {
                    byAgent[id, default: Shelf()].add(rule.target, number)
                }
            }
        }
    }

    /// Numbers of rules, ascending, each once; `tool` is nil for all that is no MCP `tools/call`.
    func candidates(for outline: RequestOutline, tool: Text?) -> [Int] {
        let numbers = shelves(for: outline.agent).flatMap { shelf in
            switch outline.kind {
            case .mcp: shelf.general + (tool.map { shelf.tools(named: $0) } ?? [])
            case .http: shelf.general + shelf.http(outline.segments)
            case .grpc: shelf.general
            }
        }
        return Set(numbers).sorted()
    }

    /// Whether some candidate is wanted, when the tool is not known yet.
    func contains(for outline: RequestOutline, where isWanted: (Int) -> Bool) -> Bool {
        shelves(for: outline.agent).contains { shelf in
            if shelf.general.contains(where: isWanted) { return true }
            return switch outline.kind {
            case .mcp:
                shelf.toolPatterns.contains(where: isWanted)
                    || shelf.byTool.values.contains { $0.contains(where: isWanted) }
            case .http: shelf.http(outline.segments).contains(where: isWanted)
            case .grpc: false
            }
        }
    }

    private func shelves(for agent: AgentView) -> [Shelf] {
        [byAgent[agent.id.text], anyAgent].compactMap { $0 }
    }
}

extension RuleIndex.Shelf {
    fileprivate mutating func add(_ target: Rule.Target, _ number: Int) {
        switch target {
        case .anything: general.append(number)
        case .tools(let patterns):
            let names = patterns.map { if case .exact(let name) = $0 { name } else { nil as Text? } }
            guard !names.contains(nil) else { return toolPatterns.append(number) }
            for name in Set(names.compactMap { $0 }) { byTool[name, default: []].append(number) }
        case .http(_, let paths):
            let firsts = paths.map { $0.segments[0].literal }
            guard !firsts.isEmpty, !firsts.contains(nil) else { return otherHTTP.append(number) }
            for first in Set(firsts.compactMap { $0 }) { byFirstSegment[first, default: []].append(number) }
        }
    }

    fileprivate func tools(named tool: Text) -> [Int] { (byTool[tool] ?? []) + toolPatterns }

    fileprivate func http(_ path: [Text]) -> [Int] {
        (path.first.flatMap { byFirstSegment[$0] } ?? []) + otherHTTP
    }
}
