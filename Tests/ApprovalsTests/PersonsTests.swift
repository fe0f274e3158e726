import Approvals
import Documents
import Primitives
import Testing

struct `The list of persons` {
    static let head = "apiVersion: sallyport.dev/v1\nkind: Persons\n"
    static let hex = String(repeating: "ab", count: 32)

    @Test func `finds a person by each credential and subject`() throws {
        let persons = try World.persons(
            Self.head + """
                persons:
                - name: alice
                  groups: [data-stewards]
                  oidc: [{ issuer: "https://login.example.org", subject: alice-1 }]
                  certificates: ["\(Self.hex)"]
                  subjects: ["alice@example.org"]
                - name: bob
                """)
        #expect(persons.names == ["alice", "bob"])
        #expect(persons.byOIDC(issuer: "https://login.example.org", subject: "alice-1")?.name == "alice")
        #expect(persons.byOIDC(issuer: "https://login.example.org/", subject: "alice-1") == nil)
        #expect(persons.byOIDC(issuer: "https://other.example.org", subject: "alice-1") == nil)
        let digest = try #require(Digest(hex: Text(Self.hex)))
        #expect(persons.byCertificate(digest)?.groups == ["data-stewards"])
        #expect(persons.byCertificate(.zero) == nil)
        #expect(persons.bySubject("alice@example.org")?.name == "alice")
        #expect(persons.bySubject("ALICE@example.org") == nil)
        #expect(persons.bySubject("alice") == nil, "a name is no subject")
        #expect(Persons().names.isEmpty)
    }

    static let mistakes: [(String, String)] = [
        ("kind: Persons\npersons: [{name: a}]", ":1:1: `apiVersion` is missing"),
        ("apiVersion: sallyport.dev/v2\nkind: Persons\npersons: []", ":1:13: "),
        ("apiVersion: sallyport.dev/v1\nkind: Proxy\npersons: []", ":2:7: "),
        (head, ":1:1: `persons` is missing"),
        (head + "persons: []", ":3:10: nobody is listed"),
        (head + "persons: {}", ":3:10: "),
        (head + "persons:\n- groups: [a]", ":4:3: `name` is missing"),
        (head + "persons:\n- name: a\n  group: [x]", ":5:3: unknown key `group`"),
        (head + "persons:\n- name: ''", ":4:9: "),
        (head + "persons:\n- name: 7", ":4:9: "),
        (head + "persons:\n- name: \"a\\nb\"", ":4:9: "),
        (head + "persons:\n- name: a\n- name: a", ":5:9: two persons are named `a`"),
        (head + "persons:\n- name: a\n  groups: x", ":5:11: "),
        (head + "persons:\n- name: a\n  oidc: [{issuer: i}]", ":5:10: `subject` is missing"),
        (head + "persons:\n- name: a\n  oidc: [{issuer: i, subject: 'spiffe://x/y'}]", ":5:10: no person"),
        (
            head
                + "persons:\n- name: a\n  oidc: [{issuer: i, subject: s}]\n- name: b\n  oidc: [{issuer: i, subject: s}]",
            ":7:10: the subject `s` is listed for `a` already"
        ),
        (
            head + "persons:\n- name: a\n  subjects: [s]\n- name: b\n  subjects: [s]",
            ":7:14: the token subject `s` is listed for `a` already"
        ),
        (
            head + "persons:\n- name: a\n  subjects: [s, s]",
            ":5:17: the token subject `s` is listed for `a` already"
        ),
        (
            head + "persons:\n- name: a\n  certificates: ['\(hex)']\n- name: b\n  certificates: ['\(hex)']",
            ":7:18: the certificate `\(hex)` is listed for `a` already"
        ),
        (
            head + "persons:\n- name: a\n  certificates: ['\(hex.uppercased())']",
            ":5:18: a certificate is listed by"
        ),
        (head + "persons:\n- name: a\n  certificates: [abcd]", ":5:18: a certificate is listed by"),
    ]

    @Test(arguments: mistakes)
    func `with a mistake is refused where it is`(_ text: String, _ message: String) {
        #expect {
            try World.persons(text)
        } throws: { error in
            let description = "\(error)"
            let isExpected = description.hasPrefix("persons.yaml" + message)
            if !isExpected { Issue.record("\(description)") }
            return isExpected
        }
    }
}
