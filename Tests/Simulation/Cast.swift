import Approvals
import Crypto
import Documents
import Enforcement
import HTTP
import Identity
import Policies
import Primitives
import TestKit
import Tokens

/// Who takes part, the same in every world: made once, immutable.
enum Cast {
    static let host: Text = "tool.example"
    static let toolHost: Text = "inner.example"
    static let audience: Text = "spiffe://example.org/tool/orders"
    static let mint = TokenMint(audience: audience)
    static let caller = ["127.0.0.1:4001", "127.0.0.1:4002", "127.0.0.1:4003"] as [Text]

    /// Far beyond the end of every world.
    static let notAfter = VirtualClock.start + .seconds(86_400)

    static let agents: [Peer] = (0..<3).map { number in
        guard let id = try? SPIFFEID(Text("spiffe://example.org/agent/\(number)")) else {
            preconditionFailure("a SPIFFE ID is wanted")
        }
        return Peer(
            id: id, leafDigest: SHA256.hash(Text("leaf \(number)")), notAfter: notAfter, trustGeneration: 1)
    }

    /// Alice stands behind the tokens' subject, grace behind agent 1; mallory is in no group that counts.
    static let people: [(name: Text, groups: Set<Text>, standsBehind: Text?)] = [
        ("alice", ["stewards"], "alice@example.org"), ("bob", ["stewards"], nil),
        ("carol", ["stewards"], nil), ("dave", ["finance"], nil), ("erin", ["stewards", "finance"], nil),
        ("grace", ["stewards"], "spiffe://example.org/agent/1"), ("mallory", ["others"], nil),
    ]

    static let persons: Persons = {
        let entries = people.map { person in
            let groups = person.groups.sorted().map(\.string).joined(separator: ", ")
            let subjects = person.standsBehind.map { ", subjects: [\"\($0)\"]" } ?? ""
            let certificate = SHA256.hash(person.name).hex
            return
                "- { name: \(person.name), groups: [\(groups)], certificates: [\"\(certificate)\"]\(subjects) }"
        }
        let text =
            "apiVersion: sallyport.dev/v1\nkind: Persons\npersons:\n" + entries.joined(separator: "\n") + "\n"
        do {
            return try Persons(document: YAMLReader.read(Array(text.utf8), file: "persons.yaml"))
        } catch { preconditionFailure("\(error)") }
    }()

    static let reviewers: [Reviewer] = people.map { person in
        let authenticator = ReviewerAuthenticator(persons: persons, issuers: [])
        do {
            return try authenticator.reviewer(certificate: SHA256.hash(person.name), hasSPIFFEName: false)
        } catch { preconditionFailure("\(error)") }
    }

    static let routes = Routes([Route(path: "/", speaks: .http)])

    /// Two rule sets that decide alike; a review made under one does not count under the other.
    static let rules: [PolicySet] = ["Refunds need a steward.", "A steward looks at refunds."].map {
        message in
        let text = ruleText(message)
        do {
            return try PolicySet.load([("rules.yaml", Array(text.utf8))]) { SHA256.hash($0) }
        } catch { preconditionFailure("\(error)") }
    }

    private static func ruleText(_ message: String) -> String {
        """
        apiVersion: sallyport.dev/v1
        kind: ActionPolicy
        metadata: { name: simulation }
        spec:
          rules:
          - { name: reads, effect: Allow, http: { methods: [GET], paths: ["/v1/orders/{id}"] } }
          - { name: writes, effect: Allow, http: { methods: [POST], paths: ["/v1/orders"] } }
          - { name: uploads, effect: Allow, http: { methods: [PUT], paths: ["/v1/files/{id}"] } }
          - { name: refunds, effect: Allow, http: { methods: [POST], paths: ["/v1/refunds"] } }
          - name: no-huge-orders
            effect: Deny
            http: { methods: [POST], paths: ["/v1/orders"] }
            when: [{ key: args.count, operator: GreaterThan, value: 100 }]
          - name: refunds-need-one
            effect: Hold
            http: { methods: [POST], paths: ["/v1/refunds"] }
            when: [{ key: args.amount, operator: GreaterThan, value: 100 }]
            message: \(message)
            approval: { groups: [stewards], required: 1, expiresAfter: 30s }
          - name: large-refunds-need-two
            effect: Hold
            http: { methods: [POST], paths: ["/v1/refunds"] }
            when: [{ key: args.amount, operator: GreaterThan, value: 1000 }]
            approval: { groups: [stewards, finance], required: 2, expiresAfter: 20s }
        """
    }

    /// The longest a person may take, and how long what was approved can be used.
    static let expiresAfterMax: Duration = .seconds(30)
    static let approvedFor: Duration = .seconds(12)
    static let abandonAfter: Duration = .seconds(15)
}
