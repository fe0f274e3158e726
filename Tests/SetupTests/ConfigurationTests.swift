import Approvals
import Crypto
import Documents
import Gateway
import Identity
import Ledger
import Primitives
import Reactor
import Setup
import Testing
import Tokens

@Suite struct ConfigurationTests {
    @Test func `a good configuration becomes settings`() throws {
        let workspace = try Workspace()
        let settings = try workspace.load(Workspace.full).settings
        #expect(settings.listen == "127.0.0.1:8443" && settings.healthListen == "127.0.0.1:9901")
        #expect(settings.svid.id.text == "spiffe://example.org/proxy")
        #expect(settings.bundles.trustDomains == ["example.org", "other.org"])
        #expect(settings.tokens.audience == "spiffe://example.org/tool/orders-db")
        #expect(settings.tokens.maxLifetime == .seconds(60) && settings.tokens.clockSkew == .seconds(5))
        #expect(settings.tokens.issuers.map(\.issuer) == ["https://broker.example.org"])
        #expect(settings.claimsMax == 1_000_000)
        #expect(settings.ruleFiles == [workspace.directory + "/policies/orders.yaml"])
        #expect(settings.ledgerDirectory == workspace.directory + "/ledger" && settings.durability == .flush)
        #expect(settings.checkpoints.keyFile == workspace.directory + "/checkpoint.key")
        #expect(settings.checkpoints.origin == "example.org/orders")
        #expect(settings.checkpoints.every == .seconds(30) && settings.checkpoints.records == 500)
        #expect(settings.ledgerReserve == 16 << 20)
        #expect(settings.limits.inspectedBodyMax == 1 << 20 && settings.limits.connectionsMax == 20_000)
        #expect(settings.drain == .seconds(25))
    }

    @Test func `the tool is reached as written, with its credential`() throws {
        let upstream = try Workspace().load(Workspace.full).settings.upstream
        #expect(
            upstream.endpoint == .tcp(host: "127.0.0.1", port: 8080) && upstream.host == "orders-db.tools.svc"
        )
        #expect(upstream.credential?.name == "authorization" && upstream.credential?.value == "Bearer secret")
        #expect(upstream.connectionsMax == 256)
    }

    @Test func `approvers get their listener, and the webhook its secret`() throws {
        let approvals = try Workspace().load(Workspace.full).settings.approvals
        #expect(approvals.listen == "127.0.0.1:8444" && approvals.tls != nil)
        #expect(approvals.persons.names == ["alice"])
        #expect(approvals.issuers.map(\.issuer) == ["https://login.example.org"])
        #expect(
            approvals.webhook?.host == "hooks.example.org" && approvals.webhook?.secret == [UInt8](0..<32))
        #expect(approvals.webhook?.tls != nil)
    }

    @Test func `what is left out has its default`() throws {
        let settings = try Workspace().load(Workspace.least).settings
        #expect(settings.listen == "0.0.0.0:8443" && settings.healthListen == nil)
        #expect(settings.tokens.audience == "spiffe://example.org/proxy", "the SVID's own ID")
        #expect(settings.upstream.host == "127.0.0.1:8080" && settings.upstream.credential == nil)
        #expect(
            settings.approvals.listen == nil && settings.approvals.webhook == nil
                && settings.approvals.persons.count == 0)
        #expect(settings.ledgerDirectory == "/var/lib/sallyport/ledger" && settings.durability == .sync)
        #expect(settings.checkpoints.keyFile == "/var/lib/sallyport/checkpoint.key")
        #expect(settings.checkpoints.origin == "example.org/proxy", "the SVID's own ID")
        #expect(settings.checkpoints.every == .seconds(60) && settings.checkpoints.records == 10_000)
        #expect(settings.ledgerReserve == 64 << 20)
        #expect(settings.drain == .seconds(25))
    }

    @Test func `--check shows every effective value by its path, defaults included`() throws {
        let notes = try Workspace().load(Workspace.full).notes
        for line in [
            "identity.certificate: proxy.pem", "identity.federatedBundles[0].trustDomain: other.org",
            "tools[0].listen: 127.0.0.1:8443", "tools[0].externalHosts: [orders-db.tools.svc]",
            "tools[0].upstream.url: http://127.0.0.1:8080", "tools[0].upstream.responseTimeout: 60s",
            "tools[0].routes[0].path: /mcp", "tools[0].routes[0].protocol: mcp",
            "tools[0].tokens.maxLifetime: 60s",
            "tools[0].tokens.clockSkew: 5s", "tools[0].tokens.issuers[0].algorithms: [ES256]",
            "tools[0].limits.inspectedBody: 1048576B", "tools[0].limits.heldCalls: 1000",
            "approvals.hold: 300s",
            "approvals.abandonAfter: 600s", "approvals.tls.clientCertificates: true",
            "approvals.oidc[0].maxAge: 3600s",
            "ledger.durability: flush",
            "ledger.checkpointKey: checkpoint.key", "ledger.checkpointOrigin: example.org/orders",
            "ledger.checkpointEvery: 30s", "ledger.checkpointRecords: 500", "ledger.reserve: 16777216B",
            "health.listen: 127.0.0.1:9901", "drain: 25s",
        ] { #expect(notes.contains(line), "\(line)") }
        let twice = notes.filter { note in notes.count { $0 == note } > 1 }
        #expect(twice.isEmpty, "no value is shown twice: \(twice)")
    }

    @Test func `--check shows no secret`() throws {
        let notes = try Workspace().load(Workspace.full).notes.joined(separator: "\n")
        for secret in ["Bearer", "whsec", "PRIVATE"] { #expect(!notes.contains(secret)) }
    }

    @Test func `a check makes nothing`() throws {
        let workspace = try Workspace()
        _ = try workspace.load(Workspace.full)
        let names = try Directory(workspace.directory).names()
        #expect(!names.contains("ledger") && !names.contains("checkpoint.key"))
    }

    @Test(arguments: ["0", "\"0\"", "0B"]) func `no reserve is written as 0`(_ none: String) throws {
        let yaml = try #require(Workspace.full.replacing("reserve: 16MiB", "reserve: " + Text(none)))
        let found = try Workspace().load(yaml)
        #expect(found.settings.ledgerReserve == 0 && found.notes.contains("ledger.reserve: 0B"))
    }

    // MARK: The checkpoint key

    @Test func `--check says whether the first start makes a checkpoint key`() throws {
        let workspace = try Workspace()
        let remark = "# `\(workspace.directory)/checkpoint.key` does not exist; the first start makes it"
        #expect(try workspace.load(Workspace.full).notes.contains(remark))
        try workspace.put("checkpoint.key", Text(PrivateKey.generate(.ed25519).pem))
        #expect(try workspace.load(Workspace.full).notes.allSatisfy { !$0.contains("the first start") })
    }

    @Test func `a checkpoint key that cannot be used is said where it is named`() throws {
        let workspace = try Workspace()
        let at = "proxy.yaml:43:3: "
        try workspace.put("checkpoint.key", "nonsense")
        #expect(
            try workspace.complaint(about: Workspace.full)?.hasPrefix(
                at + "`checkpoint.key` holds no private key") == true)
        try workspace.put("other.pem.key", Text(PrivateKey.generate(.p256).pem))
        let other = try #require(
            Workspace.full.replacing("checkpointKey: checkpoint.key", "checkpointKey: other.pem.key"))
        #expect(
            try workspace.complaint(about: other)?.hasPrefix(
                at + "the key in `other.pem.key` is no Ed25519 key") == true)
        let inside = try #require(
            Workspace.full.replacing("checkpointKey: checkpoint.key", "checkpointKey: ledger/key"))
        #expect(
            try workspace.complaint(about: inside)?.hasPrefix(
                at + "the checkpoint key `ledger/key` must lie outside") == true)
    }

    @Test(
        arguments: ["nowhere/checkpoint.key", "rules.yaml/checkpoint.key", "/proc/self/nothing/key"] as [Text]
    )
    func `a place where no key can be made is found before a start`(path: Text) throws {
        let yaml = try #require(
            Workspace.full.replacing("checkpointKey: checkpoint.key", "checkpointKey: " + path))
        let found = try Workspace().complaint(about: yaml)
        #expect(found?.hasPrefix("proxy.yaml:43:3: ") == true)
        #expect(found?.contains("`\(path)`") == true, "\(found ?? "")")
    }

    @Test func `a ledger whose key has gone is found before a start`() throws {
        let workspace = try Workspace()
        _ = try Directory.make(workspace.directory + "/ledger")
        try workspace.put("ledger/00000000000000000001.jsonl", "{}\n")
        let found = try workspace.complaint(about: Workspace.full)
        #expect(found?.hasPrefix("proxy.yaml:43:3: there is no checkpoint key `checkpoint.key`") == true)
        let unnamed = try #require(
            Workspace.full.replacing("checkpointKey: checkpoint.key", "checkpointKey: /etc/nothing.key"))
        #expect(try workspace.complaint(about: unnamed)?.contains("bring the key back") == true)
    }

    @Test func `paths are beside the configuration file unless they are absolute`() throws {
        let workspace = try Workspace()
        let absolute = "certificate: " + workspace.directory + "/proxy.pem"
        let yaml = try #require(Workspace.full.replacing("certificate: proxy.pem", absolute))
        #expect(try workspace.complaint(about: yaml) == nil)
    }

    // MARK: What is missing

    /// The line that is left out, and what is said about the mapping it leaves.
    private static let missing: [(line: Text, complaint: String)] = [
        ("apiVersion: sallyport.dev/v1", "2:1: `apiVersion` is missing"),
        ("kind: Proxy", "1:1: `kind` is missing"),
        ("certificate: proxy.pem", "5:3: `certificate` is missing"),
        ("key: proxy.key", "4:3: `key` is missing"),
        ("bundle: bundle.pem", "4:3: `bundle` is missing"),
        ("url: \"http://127.0.0.1:8080\"", "14:5: `url` is missing"),
        ("persons: persons.yaml", "31:3: `persons` is missing"),
        ("audience: sallyport", "35:5: `audience` is missing"),
        ("authorizedParties: [sallyport-page]", "35:5: `authorizedParties` is missing"),
        (
            "tls: { certificate: approvals.pem, key: approvals.key, clientCertificates: true }",
            "31:3: `0.0.0.0:8444` is not loopback, so approvers need `tls: {certificate, key}` there"
        ),
    ]

    @Test(arguments: missing) func `what must be there and is not is named`(_ line: Text, _ complaint: String)
        throws
    {
        let workspace = try Workspace()
        var yaml = try #require(Workspace.full.replacing(line, "# left out"))
        if line.hasPrefix("tls:") {
            yaml = try #require(yaml.replacing("listen: 127.0.0.1:8444", "listen: 0.0.0.0:8444"))
        }
        let found = try workspace.complaint(about: yaml)
        #expect(found == "proxy.yaml:" + complaint)
    }

    @Test(
        arguments: [
            ("tools: []", "4:1: exactly one tool is served by one proxy"),
            ("tools: [{}, {}]", "4:1: exactly one tool is served by one proxy"),
            ("# no tools", "1:1: `tools` is missing: name the one tool this proxy stands before"),
            ("tools: {}", "4:8: expected a list, found a mapping"),
            ("tools:", "4:7: expected a list, found nothing"),
        ] as [(Text, String)])
    func `one proxy serves exactly one tool`(_ tools: Text, _ complaint: String) throws {
        let start: Text = """
            apiVersion: sallyport.dev/v1
            kind: Proxy
            identity: { certificate: proxy.pem, key: proxy.key, bundle: bundle.pem }

            """
        let found = try Workspace().complaint(about: start + tools + "\n")
        #expect(found == "proxy.yaml:" + complaint)
    }

    @Test func `two whole tools are refused`() throws {
        let tool = try #require(Workspace.least.dropping(before: "- upstream"))
        let found = try Workspace().complaint(about: Workspace.least + tool)
        #expect(found == "proxy.yaml:4:1: exactly one tool is served by one proxy")
    }

    @Test func `rules that no route can reach are refused`() throws {
        let yaml = try #require(Workspace.full.replacing("protocol: mcp", "protocol: http"))
        let found = try Workspace().complaint(about: yaml)
        #expect(
            found
                == "proxy.yaml:18:3: rules select `tools`, which only an MCP route has; add a route with `protocol: mcp`"
        )
    }

    @Test func `a configuration without rules is refused, since it would refuse every call`() throws {
        let yaml = try #require(Workspace.full.replacing("policies: policies", "policies: empty"))
        let found = try Workspace().complaint(about: yaml)
        #expect(
            found == "proxy.yaml:10:3: `empty` holds no `*.yaml` file; without rules every call is refused")
    }

    // MARK: Other files

    @Test func `a mistake in a rule file is said there`() throws {
        let workspace = try Workspace()
        try workspace.put(
            "policies/more.yaml", try #require(Workspace.rules.replacing("effect: Allow", "effect: Permit")))
        let found = try workspace.complaint(about: Workspace.least)
        #expect(
            found == "policies/more.yaml:6:26: unknown value `Permit`; valid here: `Allow`, `Deny`, `Hold`")
    }

    @Test func `a mistake in the persons' file is said there`() throws {
        let workspace = try Workspace()
        try workspace.put("persons2.yaml", try #require(Workspace.persons.replacing("groups:", "group:")))
        let yaml = try #require(Workspace.full.replacing("persons: persons.yaml", "persons: persons2.yaml"))
        let found = try workspace.complaint(about: yaml)
        #expect(found == "persons2.yaml:4:18: unknown key `group`; did you mean `groups`?")
    }

    @Test(
        arguments: [
            ("", "1:1: the file is empty"), ("\u{0}", "1:1: the character U+0 may not stand in a document"),
            ("- a\n", "1:1: expected a mapping, found a list"),
            ("a: b: c\n", "1:5: not YAML: mapping values are not allowed in this context"),
            ("apiVersion: !!python/x y\n", "1:13: tags are not supported; quote what is meant as text"),
            ("&a [*a]\n", "1:5: anchors and aliases are not supported; write the value out"),
        ] as [(Text, String)])
    func `what is no configuration at all is refused where it stops being one`(
        _ yaml: Text, _ complaint: String
    ) throws {
        let found = try Workspace().complaint(about: yaml)
        #expect(found == "proxy.yaml:" + complaint)
    }

    @Test func `bytes that are not UTF-8 are refused where they are`() throws {
        let found = try Workspace().complaint(about: "kind: Proxy\na: " + Text([0xFF]))
        #expect(found == "proxy.yaml:2:4: not UTF-8")
    }

    @Test func `a configuration that is not there is named`() throws {
        let error = #expect(throws: DocumentError.self) {
            try ProxyConfiguration.load("/nowhere/proxy.yaml", noting: EffectiveValues())
        }
        #expect(error?.description == "/nowhere/proxy.yaml:1:1: cannot open `/nowhere/proxy.yaml`: ENOENT")
    }
}

extension Text {
    /// With the first occurrence replaced; nil when there is none.
    func replacing(_ old: Text, _ new: Text) -> Text? {
        guard count >= old.count,
            let at = (0...(count - old.count)).first(where: { dropFirst($0).hasPrefix(old) })
        else { return nil }
        return prefix(at) + new + dropFirst(at + old.count)
    }

    /// From the first occurrence on.
    func dropping(before part: Text) -> Text? {
        (0..<count).first { dropFirst($0).hasPrefix(part) }.map { dropFirst($0) }
    }
}
