import Policies
import Primitives
import Testing

@Suite struct AmbiguousArgumentTests {
    private func set() throws -> PolicySet {
        try policySet(
            """
            - { name: all, effect: Allow, tools: ["*"] }
            - name: large
              effect: Hold
              tools: [pay]
              when:
              - { key: args.amount, operator: GreaterThan, value: 100, onMissing: Ignore }
              - { key: 'args.filter["Max.Rows"]', operator: Exists }
              approval: { groups: [g] }
            - { name: names, effect: Deny, when: [{ key: args.größe.kiss, operator: Equals, value: 1, onMissing: Ignore }] }
            """)
    }

    @Test(
        arguments: [
            ("{}", nil), (#"{"amount":1}"#, nil), (#"{"amount":1,"amounts":2,"Other":3,"other":4}"#, nil),
            (#"{"amount":1,"Amount":9999}"#, "args.amount"), (#"{"AMOUNT":9999,"amount":1}"#, "args.amount"),
            (#"{"Amount":1}"#, "args.amount"), (#"{"amount":1,"\u0041mount":2}"#, "args.amount"),
            (#"{"x":{"Amount":1}}"#, nil), (#"{"amount":{"Amount":1}}"#, nil), (#"[{"Amount":1}]"#, nil),
            (#""Amount""#, nil), (#"{"filter":{"Max.Rows":1}}"#, nil),
            (#"{"filter":{"max.rows":1}}"#, #"args.filter["Max.Rows"]"#),
            (#"{"filter":{"Max.Rows":1,"MAX.ROWS":2}}"#, #"args.filter["Max.Rows"]"#),
            (#"{"Filter":{}}"#, #"args.filter["Max.Rows"]"#),
            (#"{"filter":[],"FILTER":1}"#, #"args.filter["Max.Rows"]"#),
            (#"{"größe":{"kiss":1}}"#, nil), (#"{"GRÖßE":1}"#, "args.größe.kiss"),
            (#"{"größe":{"ki\u017fs":1}}"#, "args.größe.kiss"),
            (#"{"größe":{"\u212Aiss":1}}"#, "args.größe.kiss"),
            (#"{"grosse":{"kiss":1}}"#, nil),
        ] as [(String, String?)])
    func `an argument that a rule reads is spelt as the rule spells it`(
        arguments: String, ambiguous: String?
    ) throws {
        #expect(try set().ambiguousArgument(in: json(arguments)) == ambiguous.map { Text($0) })
    }

    @Test func `a name that rules spell in two ways is always ambiguous`() throws {
        let set = try policySet(
            """
            - { name: a, effect: Deny, when: [{ key: args.id, operator: Exists }] }
            - { name: b, effect: Deny, when: [{ key: args.ID, operator: Exists }] }
            """)
        #expect(try set.ambiguousArgument(in: json(#"{"id":1}"#)) == "args.ID")
        #expect(try set.ambiguousArgument(in: json(#"{"ID":1}"#)) == "args.id")
        #expect(try set.ambiguousArgument(in: json(#"{"other":1}"#)) == nil)
    }

    @Test func `nothing is ambiguous to rules that read no arguments`() throws {
        let set = try policySet(
            "- { name: a, effect: Deny, when: [{ key: query.amount, operator: Exists }] }")
        #expect(try set.ambiguousArgument(in: json(#"{"amount":1,"Amount":2}"#)) == nil)
    }

    @Test func `whether rules select tools is known`() throws {
        #expect(try set().selectsTools)
        #expect(try policySet("- { name: a, effect: Allow, tools: [x] }", mode: "Shadow").selectsTools)
        #expect(try !policySet("- { name: a, effect: Allow, http: { methods: [GET] } }").selectsTools)
    }
}
