public import Documents
public import Primitives

/// A human being who may review or stand behind a token's subject.
public struct Person: Sendable, Hashable {
    public struct OIDCSubject: Sendable, Hashable {
        public let issuer, subject: Text

        public init(issuer: Text, subject: Text) { (self.issuer, self.subject) = (issuer, subject) }
    }

    /// What is counted and recorded.
    public let name: Text
    public let groups: Set<Text>
    public let oidc: [OIDCSubject]
    /// SHA-256 of client certificates (DER).
    public let certificates: [Digest]
    /// Token subjects this person stands behind.
    public let subjects: [Text]
}

/// Everybody who is known (`persons.yaml`).
///
/// A credential or subject belongs to one person only, so that nobody counts twice and nobody approves their
/// own.
public struct Persons: Sendable {
    public static let personsMax = 10_000
    /// Bytes of a name or group.
    public static let nameBytesMax = 128

    private var people: [Text: Person] = [:]
    private var oidcOwners: [Person.OIDCSubject: Text] = [:]
    private var certificateOwners: [Digest: Text] = [:]
    private var subjectOwners: [Text: Text] = [:]

    /// Nobody: then no subject is known and nothing can be approved.
    public init() {}

    /// The whole file; closed keys, errors where they are.
    public init(document: Node) throws(DocumentError) {
        let file = try document.mapping(keys: ["apiVersion", "kind", "persons"])
        try file.requireHeader(kind: "Persons")
        let list = try file.required("persons")
        let entries = try list.items()
        guard !entries.isEmpty else { throw list.error("nobody is listed, so nobody could approve anything") }
        guard entries.count <= Self.personsMax else {
            throw list.error("more than \(Self.personsMax) persons")
        }
        for entry in entries { try add(entry) }
    }

    public var names: Set<Text> { Set(people.keys) }

    public var count: Int { people.count }

    public func contains(_ name: Text) -> Bool { people[name] != nil }

    public func byOIDC(issuer: Text, subject: Text) -> Person? {
        oidcOwners[.init(issuer: issuer, subject: subject)].flatMap { people[$0] }
    }

    public func byCertificate(_ digest: Digest) -> Person? {
        certificateOwners[digest].flatMap { people[$0] }
    }

    public func bySubject(_ subject: Text) -> Person? { subjectOwners[subject].flatMap { people[$0] } }

    /// The names of those behind the subject, the agent and every actor: they never count.
    ///
    /// A subject also names the person who signs in under it at the same issuer.
    func behind(_ request: HeldRequest) -> Set<Text> {
        let parties = [request.subject, request.agent.text] + request.actors
        let owners = parties.flatMap { [bySubject($0), byOIDC(issuer: request.issuer, subject: $0)] }
        return Set(owners.compactMap { $0?.name })
    }
}

// MARK: Reading

extension Persons {
    private mutating func add(_ entry: Node) throws(DocumentError) {
        let fields = try entry.mapping(keys: ["name", "groups", "oidc", "certificates", "subjects"])
        let nameNode = try fields.required("name")
        let name = try nameNode.shortName()
        guard people[name] == nil else { throw nameNode.error("two persons are named \(Quoted.name(name))") }
        var groups: Set<Text> = []
        for node in try fields.list("groups") { groups.insert(try node.shortName()) }
        people[name] = Person(
            name: name, groups: groups, oidc: try addOIDC(fields.list("oidc"), of: name),
            certificates: try addCertificates(fields.list("certificates"), of: name),
            subjects: try addSubjects(fields.list("subjects"), of: name))
    }

    private mutating func addOIDC(
        _ entries: [Node], of name: Text
    ) throws(DocumentError) -> [Person.OIDCSubject] {
        var subjects: [Person.OIDCSubject] = []
        for entry in entries {
            let fields = try entry.mapping(keys: ["issuer", "subject"])
            let subject = Person.OIDCSubject(
                issuer: try fields.required("issuer").filledText(),
                subject: try fields.required("subject").filledText())
            guard !subject.subject.lowercased.hasPrefix("spiffe://") else {
                throw entry.error(
                    "no person signs in as a workload; a `spiffe://` name belongs under `subjects`")
            }
            if let owner = oidcOwners.updateValue(name, forKey: subject) {
                throw entry.listedTwice("the subject", subject.subject, for: owner)
            }
            subjects.append(subject)
        }
        return subjects
    }

    private mutating func addCertificates(_ entries: [Node], of name: Text) throws(DocumentError) -> [Digest]
    {
        var digests: [Digest] = []
        for entry in entries {
            guard let digest = Digest(hex: try entry.filledText()) else {
                throw entry.error("a certificate is listed by its SHA-256: 64 lower-case hexadecimal digits")
            }
            if let owner = certificateOwners.updateValue(name, forKey: digest) {
                throw entry.listedTwice("the certificate", Text(digest.hex), for: owner)
            }
            digests.append(digest)
        }
        return digests
    }

    private mutating func addSubjects(_ entries: [Node], of name: Text) throws(DocumentError) -> [Text] {
        var subjects: [Text] = []
        for entry in entries {
            let subject = try entry.filledText()
            if let owner = subjectOwners.updateValue(name, forKey: subject) {
                throw entry.listedTwice("the token subject", subject, for: owner)
            }
            subjects.append(subject)
        }
        return subjects
    }
}

extension MappingReader {
    /// The items of a list that may be left out.
    fileprivate func list(_ key: String) throws(DocumentError) -> [Node] { try optional(key)?.items() ?? [] }
}

extension Node {
    fileprivate func filledText() throws(DocumentError) -> Text {
        let text = try text()
        guard !text.isEmpty else { throw error("expected text, found empty quotes") }
        return text
    }

    /// A name of a person or group: it is shown and recorded, so it is short and has no control characters.
    fileprivate func shortName() throws(DocumentError) -> Text {
        let name = try filledText()
        guard name.count <= Persons.nameBytesMax, name.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error("a name has at most \(Persons.nameBytesMax) bytes and no control characters")
        }
        return name
    }

    fileprivate func listedTwice(_ what: String, _ value: Text, for owner: Text) -> DocumentError {
        error("\(what) \(Quoted.name(value)) is listed for \(Quoted.name(owner)) already")
    }
}
