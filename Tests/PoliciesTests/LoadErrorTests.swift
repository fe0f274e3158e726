import Policies
import Primitives
import Testing

@Suite struct LoadErrorTests {
    /// Rules begin on line 6, column 3.
    @Test(arguments: [
        ("- { effect: Allow, tools: [x] }", "6:5: `name` is missing"),
        ("- { name: a, tools: [x] }", "6:5: `effect` is missing"),
        ("- name: a\n  effect: allow\n  tools: [x]", "7:13: unknown value `allow`; did you mean `Allow`?"),
        (
            "- name: a\n  effect: Permit\n  tools: [x]",
            "7:13: unknown value `Permit`; valid here: `Allow`, `Deny`, `Hold`"
        ),
        ("- name: a\n  effect: Allow\n  tool: [x]", "8:5: unknown key `tool`; did you mean `tools`?"),
        (
            "- name: a\n  effect: Allow\n  rateLimit: 5",
            "8:5: unknown key `rateLimit`; valid here: `name`, `effect`, `agents`, `tools`, `http`, `when`, `token`, `unsafeWithoutToken`, `message`, `approval`"
        ),
        (
            "- { name: A, effect: Allow, tools: [x] }",
            "6:13: `A` is no name; a name has 1 to 64 of `a-z`, `0-9` and `-`"
        ),
        (
            "- { name: '', effect: Allow, tools: [x] }",
            "6:13: `` is no name; a name has 1 to 64 of `a-z`, `0-9` and `-`"
        ),
        (
            "- { name: 5, effect: Allow, tools: [x] }",
            "6:13: expected text, found the number `5`; put it in quotes if text is meant"
        ),
        (
            "- { name: a, effect: Allow }",
            "6:5: rule `a` selects nothing; give it `agents`, `tools`, `http` or `when`"
        ),
        (
            "- { name: a, effect: Deny }",
            "6:5: rule `a` selects nothing; give it `agents`, `tools`, `http` or `when`"
        ),
        ("- {}", "6:5: `name` is missing"),
        ("- x", "6:5: expected a mapping, found the text `x`"),
        ("- name: a\n  effect: Allow\n  tools: []", "8:12: `tools` has 1 to 1000 entries, found 0"),
        ("- name: a\n  effect: Allow\n  tools: x", "8:12: expected a list, found the text `x`; write `[x]`"),
        (
            "- name: a\n  effect: Allow\n  tools: [x]\n  http: { methods: [GET] }",
            "9:5: `tools` and `http` never match the same request; write two rules"
        ),
        ("- name: a\n  effect: Allow\n  http: {}", "8:11: `http` needs `methods` or `paths`"),
        (
            "- name: a\n  effect: Allow\n  http: { methods: [get] }",
            "8:23: unknown value `get`; did you mean `GET`?"
        ),
        (
            "- name: a\n  effect: Deny\n  http: { methods: [DELTE] }",
            "8:23: unknown value `DELTE`; did you mean `DELETE`?"
        ),
        (
            "- name: a\n  effect: Allow\n  http: { path: [/x] }",
            "8:13: unknown key `path`; did you mean `paths`?"
        ),
        ("- name: a\n  effect: Allow\n  http: { paths: [x] }", "8:21: `x`: a path begins with `/`"),
        (
            "- name: a\n  effect: Allow\n  http: { paths: [/a?b] }",
            "8:21: `/a?b`: a path has no `?`; rules read the query as `query.name`"
        ),
        (
            "- name: a\n  effect: Allow\n  http: { paths: [/a/**] }",
            "8:21: `/a/**`: `**` is not supported; `*` stays inside one segment"
        ),
        (
            "- name: a\n  effect: Allow\n  http: { paths: [/a//b] }",
            "8:21: `/a//b`: no request has an empty or dot segment in its path"
        ),
        (
            "- name: a\n  effect: Allow\n  http: { paths: [/a/../b] }",
            "8:21: `/a/../b`: no request has an empty or dot segment in its path"
        ),
        (
            "- name: a\n  effect: Allow\n  http: { paths: ['/{id}.json'] }",
            "8:21: `/{id}.json`: `{name}` is one whole segment of a path"
        ),
        (
            "- name: a\n  effect: Allow\n  agents: [example.org/a]",
            "8:14: `example.org/a` is no SPIFFE ID: a SPIFFE ID begins with `spiffe://`"
        ),
        (
            "- name: a\n  effect: Allow\n  agents: ['*']",
            "8:14: `*` is no SPIFFE ID: a SPIFFE ID begins with `spiffe://`"
        ),
        (
            "- name: a\n  effect: Allow\n  agents: ['spiffe://*/a']",
            "8:14: `spiffe://*/a`: `*` may stand in a segment of the path, not in the trust domain"
        ),
        (
            "- name: a\n  effect: Allow\n  agents: ['spiffe://e/**']",
            "8:14: `spiffe://e/**`: `**` is not supported; `*` stays inside one segment"
        ),
        (
            "- name: a\n  effect: Allow\n  tools: ['a*b']",
            "8:13: `a*b`: `*` is the first or the last character of a tool name, once"
        ),
        (
            "- name: a\n  effect: Allow\n  tools: ['*a*']",
            "8:13: `*a*`: `*` is the first or the last character of a tool name, once"
        ),
        (
            "- name: a\n  effect: Hold\n  tools: [x]",
            "6:5: a Hold rule needs `approval`, such as `approval: { groups: [data-stewards] }`"
        ),
        ("- name: a\n  effect: Hold\n  tools: [x]\n  approval: { required: 2 }", "9:15: `groups` is missing"),
        (
            "- name: a\n  effect: Hold\n  tools: [x]\n  approval: { groups: [] }",
            "9:25: `groups` has 1 to 1000 entries, found 0"
        ),
        (
            "- name: a\n  effect: Hold\n  tools: [x]\n  approval: { groups: [g, g] }",
            "9:29: a group is empty or named twice"
        ),
        (
            "- name: a\n  effect: Hold\n  tools: [x]\n  approval: { groups: [g], required: 0 }",
            "9:40: expected a whole number from 1 to 20, found the number `0`"
        ),
        (
            "- name: a\n  effect: Hold\n  tools: [x]\n  approval: { groups: [g], expiresAfter: 15 }",
            "9:44: expected a duration such as `500ms`, `15s`, `5m` or `2h`, found the number `15`"
        ),
        (
            "- name: a\n  effect: Hold\n  tools: [x]\n  approval: { groups: [g], expiresAfter: 0s }",
            "9:44: expected a duration from `1s` to `168h`, found the text `0s`"
        ),
        (
            "- name: a\n  effect: Hold\n  tools: [x]\n  approval: { groups: [g], subject: work }",
            "9:39: unknown value `work`; valid here: `workload`"
        ),
        (
            "- name: a\n  effect: Allow\n  tools: [x]\n  approval: { groups: [g] }",
            "9:5: `approval` belongs to a Hold rule"
        ),
        (
            "- name: a\n  effect: Allow\n  tools: [x]\n  message: hello",
            "9:5: `message` belongs to a Deny or a Hold rule"
        ),
        (
            "- name: a\n  effect: Deny\n  tools: [x]\n  token: NotRequired",
            "9:5: `token` belongs to an Allow rule"
        ),
        ("- { name: a, effect: Deny, tools: [x], message: '' }", "6:51: a message has 1 to 1024 bytes"),
        (
            "- { name: a, effect: Allow, tools: [x] }\n- { name: a, effect: Deny, tools: [x] }",
            "7:13: rule `a` is already defined at policies/a.yaml:6:13"
        ),
        (
            "- { name: a, effect: Allow, tools: [x], tools: [y] }",
            "6:31: the key `tools` is written more than once in this mapping"
        ),
    ])
    func `a bad rule is refused where it is wrong`(rules: String, message: String) {
        #expect(loadError([("policies/a.yaml", policyFile(rules))]) == "policies/a.yaml:\(message)")
    }

    /// The path begins on line 8, column 21.
    @Test(arguments: [
        ("/a b", "write it percent-encoded, as requests have it: `/a%20b`"),
        ("/é/{id}/*", "write it percent-encoded, as requests have it: `/%C3%A9/{id}/*`"),
        ("/a|b", "write it percent-encoded, as requests have it: `/a%7Cb`"),
        ("/a#b", "write it percent-encoded, as requests have it: `/a%23b`"),
        ("/a;b", "no request has NUL, `;` or `\\` in its path"),
        ("/a\\b", "no request has NUL, `;` or `\\` in its path"),
        ("/a%3Bb", "no request has `%3B` in its path"), ("/a%2Fb", "no request has `%2F` in its path"),
        ("/a%2fb", "no request has `%2f` in its path"), ("/a%5Cb", "no request has `%5C` in its path"),
        ("/a%00", "no request has `%00` in its path"),
        ("/caf%c3%a9", "no request has `%c3` in its path; write its digits in upper case"),
        ("/%41b", "no request has `%41` in its path; write `A`"),
        ("/%2E%2E", "no request has `%2E` in its path; write `.`"),
        ("/%7e", "no request has `%7e` in its path; write `~`"),
        ("/100%", "`%` begins an escape of two hexadecimal digits; the character itself is `%25`"),
        ("/a%2", "`%` begins an escape of two hexadecimal digits; the character itself is `%25`"),
        ("/%*20", "`%` begins an escape of two hexadecimal digits; the character itself is `%25`"),
        ("/%2/0", "`%` begins an escape of two hexadecimal digits; the character itself is `%25`"),
        ("/%C3", "no request has escapes that are not UTF-8 in its path"),
        ("/%C3*%A9", "no request has escapes that are not UTF-8 in its path"),
        ("/%ED%A0%80", "no request has escapes that are not UTF-8 in its path"),
        ("/a%252Fb", "no request has an encoded `%` before two hexadecimal digits in its path"),
        ("/a%25zz/%254%31", "no request has `%31` in its path; write `1`"),
    ])
    func `a path no request can have is refused with what to write`(path: String, message: String) {
        let rules = "- name: a\n  effect: Deny\n  http: { paths: ['\(path)'] }"
        #expect(
            loadError([("policies/a.yaml", policyFile(rules))])
                == "policies/a.yaml:8:21: `\(path)`: \(message)")
    }

    /// The item begins on line 9, column 7.
    @Test(arguments: [
        ("{ operator: Exists }", "9:7: `key` is missing"),
        ("{ key: args.x }", "9:7: `operator` is missing"),
        ("{ key: args.x, operator: Equals }", "9:7: `value` is missing"),
        (
            "{ key: args.x, op: Equals, value: 1 }",
            "9:22: unknown key `op`; valid here: `key`, `operator`, `value`, `onMissing`, `schedule`"
        ),
        ("{ key: args.x, operator: In, values: [1] }", "9:36: unknown key `values`; did you mean `value`?"),
        (
            "{ key: args.x, operator: GreaterThen, value: 1 }",
            "9:32: unknown value `GreaterThen`; did you mean `GreaterThan`?"
        ),
        ("{ key: arg.x, operator: Exists }", "9:14: unknown key `arg.x`; did you mean `args.x`?"),
        ("{ key: agent.ID, operator: Exists }", "9:14: unknown key `agent.ID`; did you mean `agent.id`?"),
        (
            "{ key: mcp, operator: Exists }",
            "9:14: unknown key `mcp`; valid here: `agent.id`, `agent.trustDomain`, `subject`, `actor.depth`, `action`, `resource`, `http.method`, `http.path`, `http.host`, `grpc.service`, `grpc.method`, `token.issuer`, `token.txn`, `time`, `source.ip`, `args.*`, `query.*`, `header.*`"
        ),
        (
            "{ key: args, operator: Exists }",
            "9:14: `args` ends where a name should follow; write `args.name`"
        ),
        ("{ key: args., operator: Exists }", "9:14: `args.` has an empty name"),
        ("{ key: args.a..b, operator: Exists }", "9:14: `args.a..b` has an empty name"),
        (
            "{ key: 'args[0]', operator: Exists }",
            "9:14: `args[0]` is no key; write `args.name` or `[\"name\"]`"
        ),
        (
            "{ key: 'args.a[\"b\"', operator: Exists }",
            "9:14: `args.a[\"b\"` is no key; write `args.name` or `[\"name\"]`"
        ),
        (
            "{ key: query., operator: Exists }",
            "9:14: `query.` ends where a name should follow; write `query.name`"
        ),
        (
            "{ key: header.Authorization, operator: Exists }",
            "9:14: `authorization` carries credentials or is the proxy's own; rules can not read it"
        ),
        (
            "{ key: header.Sallyport-Capability, operator: Exists }",
            "9:14: `sallyport-capability` carries credentials or is the proxy's own; rules can not read it"
        ),
        ("{ key: 'header.a b', operator: Exists }", "9:14: `a b` is no name of a header field"),
        ("{ key: args.x, operator: Exists, value: 1 }", "9:40: `Exists` takes no value"),
        (
            "{ key: args.x, operator: Exists, onMissing: Ignore }",
            "9:40: `onMissing` has no meaning with `Exists` and `DoesNotExist`"
        ),
        (
            "{ key: args.x, operator: Equals, value: 1, onMissing: ignore }",
            "9:61: unknown value `ignore`; did you mean `Ignore`?"
        ),
        (
            "{ key: args.x, operator: Equals, value: [1] }",
            "9:47: expected a text, a number, `true` or `false`, found a list"
        ),
        (
            "{ key: args.x, operator: Equals, value: ~ }",
            "9:47: a value is missing; `Exists` and `DoesNotExist` ask for presence"
        ),
        (
            "{ key: args.x, operator: Equals, value: 0x10 }",
            "9:47: `0x10` is not a plain decimal number; write it as one, or quote it if text is meant"
        ),
        (
            "{ key: args.x, operator: In, value: 1 }",
            "9:43: expected a list, found the number `1`; write `[1]`"
        ),
        ("{ key: args.x, operator: In, value: [] }", "9:43: expected a list of 1 to 1000 values"),
        (
            "{ key: query.x, operator: Equals, value: 1 }",
            "9:48: this attribute is text; put the value in quotes"
        ),
        (
            "{ key: subject, operator: In, value: [a, true] }",
            "9:48: this attribute is text; put the value in quotes"
        ),
        (
            "{ key: actor.depth, operator: Equals, value: '1' }",
            "9:52: this attribute is a number; leave out the quotes"
        ),
        (
            "{ key: actor.depth, operator: Contains, value: '1' }",
            "9:37: `Contains` reads text; this attribute is a number"
        ),
        (
            "{ key: subject, operator: LessThan, value: 1 }",
            "9:33: `LessThan` compares numbers; this attribute is text"
        ),
        (
            "{ key: args.x, operator: LessThan, value: '1' }",
            "9:49: `LessThan` compares numbers; write one without quotes"
        ),
        (
            "{ key: args.x, operator: Matches, value: 5 }",
            "9:48: expected text, found the number `5`; put it in quotes if text is meant"
        ),
        (
            "{ key: args.x, operator: Matches, value: 'a(b' }",
            "9:48: bad regular expression: missing closing parenthesis at offset 3"
        ),
        ("{ key: args.x, operator: Contains, value: '' }", "9:49: an empty text would match everything"),
        (
            "{ key: time, operator: NotWithin, schedule: { days: [Mon] } }",
            "9:30: `NotWithin` is not supported yet"
        ),
        ("{ key: source.ip, operator: InCIDR, value: 10.0.0.0/8 }", "9:35: `InCIDR` is not supported yet"),
        (
            "{ key: time, operator: Equals, value: x }",
            "9:14: `time` goes with `Within` and `NotWithin`, which are not supported yet"
        ),
        (
            "{ key: http.path, operator: Equals, value: '/a%20b' }",
            "9:50: rules see the path decoded, without `%20`; write the character itself"
        ),
        (
            "{ key: http.path, operator: In, value: [/a, '/%c3%A9'] }",
            "9:51: rules see the path decoded, without `%c3`; write the character itself"
        ),
        (
            "{ key: http.path, operator: StartsWith, value: '/a%2F' }",
            "9:54: rules see the path decoded, without `%2F`; write the character itself"
        ),
        (
            "{ key: http.path, operator: Matches, value: '/a%20.*' }",
            "9:51: rules see the path decoded, without `%20`; write the character itself"
        ),
        (
            "{ key: args.x, operator: Equals, value: 1, schedule: {} }",
            "9:50: `schedule` goes with `Within` and `NotWithin`"
        ),
    ])
    func `a bad condition is refused where it is wrong`(item: String, message: String) {
        let rules = "- name: a\n  effect: Deny\n  when:\n  - \(item)"
        #expect(loadError([("policies/a.yaml", policyFile(rules))]) == "policies/a.yaml:\(message)")
    }

    @Test func `an allow can not ignore what is missing`() {
        let rules =
            "- name: a\n  effect: Allow\n  when:\n  - { key: args.x, operator: Equals, value: 1, onMissing: Ignore }"
        #expect(
            loadError([("policies/a.yaml", policyFile(rules))])
                == "policies/a.yaml:9:50: `onMissing` is for Deny and Hold; an Allow never matches what is absent"
        )
    }

    @Test(arguments: [
        ("", "1:1: the file is empty"),
        ("a: 1", "1:1: unknown key `a`; valid here: `apiVersion`, `kind`, `metadata`, `spec`"),
        (
            "apiVersion: sallyport.dev/v1\nkind: Policy",
            "2:7: expected `ActionPolicy`, found the text `Policy`"
        ),
        (
            "apiVersion: sallyport.dev/v2\nkind: ActionPolicy",
            "1:13: expected `sallyport.dev/v1`, found the text `sallyport.dev/v2`"
        ),
        ("apiVersion: sallyport.dev/v1\nkind: ActionPolicy", "1:1: `metadata` is missing"),
        ("apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: x }", "1:1: `spec` is missing"),
        (
            "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: x }\nspec: {}",
            "4:7: `rules` is missing"
        ),
        (
            "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: x }\nspec: { rules: [] }",
            "4:16: `rules` has 1 to 10000 entries, found 0"
        ),
        (
            "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: x }\nspec: { mode: Audit, rules: [] }",
            "4:15: unknown value `Audit`; valid here: `Enforce`, `Shadow`"
        ),
        (
            "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: x, labels: {} }\nspec: { rules: [] }",
            "3:22: unknown key `labels`; valid here: `name`"
        ),
    ])
    func `a bad file is refused where it is wrong`(text: String, message: String) {
        #expect(loadError([("policies/a.yaml", text)]) == "policies/a.yaml:\(message)")
    }

    @Test func `files share one name space and load all or nothing`() {
        let good = policyFile("- { name: a, effect: Allow, tools: [x] }")
        #expect(loadError([]) == "policies:1:1: there is no file with rules")
        #expect(
            loadError([("b.yaml", good), ("a.yaml", good)])
                == "b.yaml:6:13: rule `a` is already defined at a.yaml:6:13")
        #expect(loadError([("a.yaml", good), ("b.yaml", "")]) == "b.yaml:1:1: the file is empty")
    }
}
