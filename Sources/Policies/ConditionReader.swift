internal import Documents
internal import Patterns
internal import Primitives

/// Reads `{ key: args.limit, operator: GreaterThan, value: 1000 }`.
extension Condition {
    /// Values of one `In`.
    static let valuesMax = 1000

    private enum Operator {
        case equals(isNegated: Bool)
        case isIn(isNegated: Bool)
        case compares(Comparison)
        case matches(isNegated: Bool)
        case part(@Sendable (Text) -> Test)
        case exists(Bool)
        case later
    }

    private static let operators: [String: Operator] = [
        "Equals": .equals(isNegated: false), "NotEquals": .equals(isNegated: true),
        "In": .isIn(isNegated: false), "NotIn": .isIn(isNegated: true),
        "GreaterThan": .compares(.greater), "GreaterOrEqual": .compares(.greaterOrEqual),
        "LessThan": .compares(.less), "LessOrEqual": .compares(.lessOrEqual),
        "Matches": .matches(isNegated: false), "NotMatches": .matches(isNegated: true),
        "StartsWith": .part(Test.startsWith), "EndsWith": .part(Test.endsWith),
        "Contains": .part(Test.contains),
        "Exists": .exists(true), "DoesNotExist": .exists(false),
        "Within": .later, "NotWithin": .later, "InCIDR": .later, "NotInCIDR": .later,
    ]

    init(_ node: Node, effect: Decision.Effect) throws(DocumentError) {
        let item = try node.mapping(keys: ["key", "operator", "value", "onMissing", "schedule"])
        let keyNode = try item.required("key")
        let operatorNode = try item.required("operator")
        key = try AttributeKey(keyNode)
        keyText = try keyNode.text()
        let chosen = try operatorNode.choice(Self.operators)
        if case .later = chosen {
            throw operatorNode.error("`\(try operatorNode.text())` is not supported yet")
        }
        if key.valueKind == .time {
            throw keyNode.error("`time` goes with `Within` and `NotWithin`, which are not supported yet")
        }
        guard item.optional("schedule") == nil else {
            throw item.error("`schedule` goes with `Within` and `NotWithin`", atKey: "schedule")
        }
        test = try Self.test(chosen, of: key, named: operatorNode, in: item)
        ignoresMissing = try Self.onMissing(item, effect: effect, test: test)
    }

    private static func test(
        _ chosen: Operator, of key: AttributeKey, named node: Node, in item: MappingReader
    ) throws(DocumentError) -> Test {
        if case .exists(let wanted) = chosen {
            guard item.optional("value") == nil else {
                throw item.error("`\(try node.text())` takes no value", atKey: "value")
            }
            return .exists(wanted)
        }
        let value = try item.required("value")
        switch chosen {
        case .equals(let isNegated): return .equals([try operand(value, of: key)], isNegated: isNegated)
        case .isIn(let isNegated): return .equals(try operands(value, of: key), isNegated: isNegated)
        case .compares(let comparison): return .compares(comparison, try bound(value, of: key, named: node))
        case .matches(let isNegated):
            return .matches(try pattern(value, of: key, named: node), isNegated: isNegated)
        case .part(let make): return make(try part(value, of: key, named: node))
        case .exists, .later:
            preconditionFailure("`Exists` and what is not supported yet have no value to read")
        }
    }

    /// A value that the attribute can have; anything else would never match without a word.
    private static func operand(_ value: Node, of key: AttributeKey) throws(DocumentError) -> JSON {
        let json = try value.jsonValue()
        if let text = json.string { try refuseEscape(in: text, of: key, at: value) }
        switch (key.valueKind, json) {
        case (_, .null): throw value.error("a value is missing; `Exists` and `DoesNotExist` ask for presence")
        case (.any, _), (.text, .string), (.textOrDecimal, .string), (.number, .number): return json
        case (.number, _): throw value.error("this attribute is a number; leave out the quotes")
        default: throw value.error("this attribute is text; put the value in quotes")
        }
    }

    private static func operands(_ value: Node, of key: AttributeKey) throws(DocumentError) -> [JSON] {
        let items = try value.items()
        guard 1...valuesMax ~= items.count else {
            throw value.error("expected a list of 1 to \(valuesMax) values")
        }
        var operands: [JSON] = []
        for item in items { operands.append(try operand(item, of: key)) }
        return operands
    }

    private static func bound(
        _ value: Node, of key: AttributeKey, named node: Node
    ) throws(DocumentError) -> Decimal {
        guard key.valueKind != .text else {
            throw node.error("`\(try node.text())` compares numbers; this attribute is text")
        }
        guard let number = try value.jsonValue().number else {
            throw value.error("`\(try node.text())` compares numbers; write one without quotes")
        }
        return number
    }

    private static func pattern(
        _ value: Node, of key: AttributeKey, named node: Node
    ) throws(DocumentError) -> Pattern {
        let expression = try part(value, of: key, named: node)
        do { return try Pattern(expression) } catch { throw value.error("bad regular expression: \(error)") }
    }

    private static func part(_ value: Node, of key: AttributeKey, named node: Node) throws(DocumentError)
        -> Text
    {
        guard key.valueKind != .number else {
            throw node.error("`\(try node.text())` reads text; this attribute is a number")
        }
        let text = try value.text()
        guard !text.isEmpty else { throw value.error("an empty text would match everything") }
        try refuseEscape(in: text, of: key, at: value)
        return text
    }

    /// What no decoded path has would never match without a word.
    private static func refuseEscape(
        in text: Text, of key: AttributeKey, at value: Node
    ) throws(DocumentError) {
        guard key == .httpPath, let escape = text.firstEscape else { return }
        throw value.error("rules see the path decoded, without `\(escape)`; write the character itself")
    }

    private static func onMissing(
        _ item: MappingReader, effect: Decision.Effect, test: Test
    ) throws(DocumentError) -> Bool {
        guard let node = item.optional("onMissing") else { return false }
        let ignores = try node.choice(["Ignore": true])
        if effect == .allow {
            throw item.error(
                "`onMissing` is for Deny and Hold; an Allow never matches what is absent", atKey: "onMissing")
        }
        if case .exists = test {
            throw item.error(
                "`onMissing` has no meaning with `Exists` and `DoesNotExist`", atKey: "onMissing")
        }
        return ignores
    }
}
