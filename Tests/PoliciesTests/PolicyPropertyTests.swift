import Documents
import Policies
import Primitives
import Testing

/// Random rules over a small world, so that they meet often.
struct RuleMaker {
    var random: SeededGenerator

    mutating func pick(_ options: [String]) -> String { options.randomElement(using: &random) ?? "" }

    mutating func rule(_ name: String, effects: [String] = ["Allow", "Allow", "Deny", "Hold"]) -> String {
        let effect = pick(effects)
        var fields = ["name: \(name)", "effect: \(effect)"]
        let selector = pick([
            "tools: [t1]", "tools: [\"t*\"]", "tools: [t2, \"*1\"]", "http: { methods: [GET] }",
            "http: { paths: [/a, \"/{x}/b\"] }", "",
        ])
        if !selector.isEmpty { fields.append(selector) }
        let agents = pick(["agents: [\"spiffe://e/a\"]", "agents: [\"spiffe://e/*\"]", ""])
        if !agents.isEmpty { fields.append(agents) }
        if selector.isEmpty, agents.isEmpty || Bool.random(using: &random) {
            fields.append("when: [\(condition())]")
        }
        if Bool.random(using: &random), !fields.contains(where: { $0.hasPrefix("when") }) {
            fields.append("when: [\(condition()), \(condition())]")
        }
        if effect == "Hold" { fields.append("approval: { groups: [g] }") }
        return "- { " + fields.joined(separator: ", ") + " }"
    }

    private mutating func condition() -> String {
        let key = pick(["args.x", "args.y.z"])
        let test = pick([
            "Equals, value: 1", "NotEquals, value: a", "GreaterThan, value: 1", "In, value: [1, a]",
            "Matches, value: '[a-z]'", "LessOrEqual, value: 2",
        ])
        return "{ key: \(key), operator: \(test) }"
    }

    mutating func request() throws -> AccessRequest {
        let arguments = pick([
            "{}", #"{"x":1}"#, #"{"x":"a"}"#, #"{"x":[1,2]}"#, #"{"x":2,"y":{"z":"a"}}"#, #"{"y":{"z":5}}"#,
            #"{"x":[]}"#, "",
        ])
        let agent = pick(["spiffe://e/a", "spiffe://e/b", "spiffe://f/a"])
        if Bool.random(using: &random) {
            return try toolCall(pick(["t1", "t2", "u"]), arguments.isEmpty ? nil : arguments, agent: agent)
        }
        return try http(
            pick(["GET", "POST"]), pick(["/a", "/c/b", "/d"]), body: arguments.isEmpty ? nil : arguments,
            agent: agent)
    }
}

@Suite struct PolicyPropertyTests {
    private func rank(_ effect: Decision.Effect) -> Int {
        switch effect {
        case .deny: 0
        case .hold: 1
        case .allow: 2
        }
    }

    @Test(arguments: 0..<8) func `adding a deny or a hold never allows more`(seed: Int) throws {
        var maker = RuleMaker(random: SeededGenerator(seed: UInt64(seed)))
        for _ in 0..<30 {
            let rules = (0..<Int.random(in: 1...6, using: &maker.random)).map { maker.rule("r\($0)") }
            let before = try policySet(rules.joined(separator: "\n"))
            let denied = try policySet(
                (rules + [maker.rule("new", effects: ["Deny"])]).joined(separator: "\n"))
            let held = try policySet(([maker.rule("new", effects: ["Hold"])] + rules).joined(separator: "\n"))
            for _ in 0..<15 {
                let request = try maker.request()
                let (old, deny, hold) = (before.decide(request), denied.decide(request), held.decide(request))
                #expect(rank(deny.effect) <= rank(old.effect), "seed \(seed): \(rules)")
                #expect(deny.effect != .allow || old.effect == .allow)
                #expect(
                    hold.effect == old.effect || (old.effect == .allow && hold.effect == .hold),
                    "seed \(seed): \(rules)")
            }
        }
    }

    @Test(arguments: 0..<6)
    func `rules match together as they match alone, and combine by the four sentences`(seed: Int) throws {
        var maker = RuleMaker(random: SeededGenerator(seed: 1000 + UInt64(seed)))
        for _ in 0..<20 {
            let rules = (0..<Int.random(in: 1...8, using: &maker.random)).map { maker.rule("r\($0)") }
            let all = try policySet(rules.joined(separator: "\n"))
            let single = try rules.map { try policySet($0) }
            for _ in 0..<20 {
                let request = try maker.request()
                let matching = single.indices.filter { !single[$0].decide(request).matched.isEmpty }
                let decision = all.decide(request)
                #expect(decision.matched == matching.map { Text("r\($0)") }, "seed \(seed): \(rules)")
                func has(_ effect: String) -> Bool {
                    matching.contains { rules[$0].contains("effect: \(effect)") }
                }
                let expected: Decision.Effect =
                    has("Deny") || !has("Allow") ? .deny : has("Hold") ? .hold : .allow
                #expect(decision.effect == expected, "seed \(seed): \(rules)")
                #expect(
                    decision.holds.count
                        == (expected == .hold ? matching.count { rules[$0].contains("effect: Hold") } : 0))
            }
        }
    }

    @Test(arguments: 0..<4) func `leaving an argument out never allows more`(seed: Int) throws {
        var maker = RuleMaker(random: SeededGenerator(seed: 2000 + UInt64(seed)))
        for _ in 0..<40 {
            let rules = (0..<4).map { maker.rule("r\($0)") }
            let set = try policySet(rules.joined(separator: "\n"))
            for full in [#"{"x":1,"y":{"z":"a"}}"#, #"{"x":"a","y":{"z":2}}"#, #"{"x":[1,2],"y":{"z":1}}"#] {
                for part in ["{}", #"{"x":{}}"#, #"{"x":null,"y":[]}"#] {
                    let (with, without) = (
                        try set.decide(toolCall("t1", full, agent: "spiffe://e/a")),
                        try set.decide(toolCall("t1", part, agent: "spiffe://e/a"))
                    )
                    #expect(rank(without.effect) <= rank(with.effect), "seed \(seed): \(rules)")
                }
            }
        }
    }

    @Test(arguments: 0..<6) func `mutated rule files load or are refused and never crash`(seed: Int) throws {
        var maker = RuleMaker(random: SeededGenerator(seed: 3000 + UInt64(seed)))
        let pieces = [
            "Allow", "Deny", "Hold", "when: ", "[", "]", "{", "}", "*", "**", "\"", "'", ", ", ": ", "args.",
            "5", "~", "\n", "(a", "NotRequired",
        ].map { Array($0.utf8) }
        for _ in 0..<300 {
            var bytes = Array(policyFile((0..<3).map { maker.rule("r\($0)") }.joined(separator: "\n")).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &maker.random) {
                let place = Int.random(in: 90..<bytes.count, using: &maker.random)
                if Bool.random(using: &maker.random) {
                    bytes.insert(contentsOf: pieces.randomElement(using: &maker.random) ?? [], at: place)
                } else {
                    bytes.removeSubrange(
                        place..<min(bytes.count, place + Int.random(in: 1...6, using: &maker.random)))
                }
            }
            guard let set = try? PolicySet.load([("f.yaml", bytes)], hash: testHash) else { continue }
            _ = set.decide(try maker.request())
        }
    }
}
