import Documents
import Gateway
import Primitives
import Testing

/// Rules that are written are read, and can match; what is left out is not meant as rules.
@Suite struct PolicyFilesTests {
    private static let rulesOfHTTP: Text = """
        apiVersion: sallyport.dev/v1
        kind: ActionPolicy
        metadata: { name: http }
        spec:
          rules:
          - { name: reads, effect: Allow, http: { methods: [GET] } }

        """

    @Test(arguments: ["deny.yml", "deny.YML", "deny.YAML", "deny.Yaml", "deny.cases.yml"])
    func `a file with rules under another suffix is an error`(name: String) throws {
        let workspace = try Workspace()
        try workspace.put("policies/" + Text(name), Workspace.rules)
        let mistake = Mistake(
            "policies: policies", "¶policies: policies",
            "`policies/\(name)` would not be read; rename to .yaml")
        let (yaml, complaint) = try #require(mistake.applied(to: Workspace.full))
        #expect(try workspace.complaint(about: yaml) == complaint)
    }

    @Test func `files that are no rules are left alone`() throws {
        let workspace = try Workspace()
        for name in ["README", "README.md", "orders.cases.yaml", "orders.yaml.bak", "yml", "..2026"] {
            try workspace.put("policies/" + Text(name), "none of this: [is rules")
        }
        #expect(try workspace.load(Workspace.full).settings.ruleFiles.count == 1)
    }

    @Test func `one file is read whatever its name`() throws {
        let workspace = try Workspace()
        try workspace.put("orders.yml", Workspace.rules)
        let yaml = Workspace.full.with("policies: orders.yml", for: "policies: policies")
        #expect(try workspace.load(yaml).settings.ruleFiles.count == 1)
    }

    private static let neverMatch =
        "rules select `tools`, which only an MCP route has; add a route with `protocol: mcp`"
    private static let withoutMCP = Workspace.full.with(nil, for: "- { path: /mcp, protocol: mcp }")
    private static let withoutRoutes = withoutMCP.with(nil, for: "- { path: /, protocol: http }")
        .with(nil, for: "routes:")

    @Test(arguments: [
        (Self.withoutMCP, Mistake("routes:", "¶routes:", Self.neverMatch)),
        (
            Self.withoutRoutes,
            Mistake("- listen: 127.0.0.1:8443", "- ¶listen: 127.0.0.1:8443", Self.neverMatch)
        ),
    ])
    func `rules about tools want an MCP route`(yaml: Text, mistake: Mistake) throws {
        let workspace = try Workspace()
        #expect(try workspace.complaint(about: Workspace.full) == nil)
        let (yaml, complaint) = try #require(mistake.applied(to: yaml))
        #expect(try workspace.complaint(about: yaml) == complaint)
    }

    @Test(arguments: [Self.withoutMCP, Self.withoutRoutes, Workspace.full])
    func `rules about HTTP want no MCP route`(yaml: Text) throws {
        let workspace = try Workspace()
        try workspace.put("http.yaml", Self.rulesOfHTTP)
        let yaml = yaml.with("policies: http.yaml", for: "policies: policies")
        #expect(try workspace.complaint(about: yaml) == nil)
    }
}

extension Text {
    /// With another line, or none, for each line that is `line` but for its indentation.
    fileprivate func with(_ other: Text?, for line: Text) -> Text {
        let lines = split(on: 0x0A).compactMap { written in
            written.trimmed == line ? other.map { written.dropLast(line.count) + $0 } : written
        }
        return Text(lines.map(\.bytes).joined(separator: [0x0A]))
    }
}
