import Crypto
import Documents
import Gateway
import Issuance
import Primitives
import Reactor
import Setup
import TestKit

/// A directory with everything a configuration names, and configurations read from it.
final class Workspace {
    let directory: Text
    static let authority = TestAuthority()
    static let mint = TokenMint()

    init(persons: Text = persons, rules: Text = rules) throws {
        directory = try Files.makeTemporaryDirectory(in: "/tmp", prefix: "setup-tests")
        let proxy = Self.authority.svid(Self.authority.id("/proxy"))
        let page = Self.authority.svid(Self.authority.id("/approvals"))
        let keys = Text(Self.mint.issuer.keySet.encoded)
        try put("proxy.pem", Text(proxy.chainPEM))
        try put("proxy.key", Text(proxy.key.pem))
        try put("other.key", Text(page.key.pem))
        try put("bundle.pem", Text(Self.authority.root.pem))
        try put("other.pem", Text(TestAuthority("other.org").root.pem))
        try put("approvals.pem", Text(page.chainPEM))
        try put("approvals.key", Text(page.key.pem))
        try put("jwks.json", keys)
        try put("login-jwks.json", keys)
        try put("tool.key", "Bearer secret\n")
        try put("hook.secret", "whsec_" + Text(Base64.encode([UInt8](0..<32))) + "\n")
        try put("persons.yaml", persons)
        _ = try Directory.make(directory + "/policies")
        _ = try Directory.make(directory + "/empty")
        try put("policies/orders.yaml", rules)
    }

    deinit { Files.removeTree(directory) }

    func put(_ name: Text, _ content: Text) throws {
        try Files.write(content.bytes, to: directory + "/" + name, mode: 0o600)
    }

    /// Reads a configuration from here: what it would run with, or what is wrong.
    func load(_ yaml: Text) throws -> (settings: SidecarSettings, notes: [String]) {
        let path = directory + "/proxy.yaml"
        let notes = EffectiveValues()
        try? Directory(directory).remove("proxy.yaml")
        try Files.write(yaml.bytes, to: path, mode: 0o600)
        return (try ProxyConfiguration.load(path, noting: notes).settings, notes.lines)
    }

    /// `line:column: message`, with the paths of this directory left out; nil when nothing is wrong.
    func complaint(about yaml: Text) throws -> String? {
        do {
            _ = try load(yaml)
            return nil
        } catch let error as DocumentError {
            return error.description.split(
                separator: directory.string + "/", omittingEmptySubsequences: false
            ).joined()
        }
    }

    static let rules: Text = """
        apiVersion: sallyport.dev/v1
        kind: ActionPolicy
        metadata: { name: orders }
        spec:
          rules:
          - { name: all, effect: Allow, tools: [query_orders] }

        """

    static let persons: Text = """
        apiVersion: sallyport.dev/v1
        kind: Persons
        persons:
        - { name: alice, groups: [data-stewards] }

        """

    /// The least that is needed.
    static let least: Text = """
        apiVersion: sallyport.dev/v1
        kind: Proxy
        identity: { certificate: proxy.pem, key: proxy.key, bundle: bundle.pem }
        tools:
        - upstream: { url: "http://127.0.0.1:8080" }
          routes: [{ path: /, protocol: mcp }]
          policies: policies
          tokens:
            issuers:
            - { issuer: "https://broker.example.org", jwks: { file: jwks.json } }

        """

    /// Every section, written so that one line can be changed at a time.
    static let full: Text = """
        apiVersion: sallyport.dev/v1
        kind: Proxy
        identity:
          certificate: proxy.pem
          key: proxy.key
          bundle: bundle.pem
          federatedBundles:
          - { trustDomain: other.org, bundle: other.pem }
        tools:
        - listen: 127.0.0.1:8443
          externalHosts: [orders-db.tools.svc]
          upstream:
            url: "http://127.0.0.1:8080"
            host: orders-db.tools.svc
            connectTimeout: 5s
            connectionsMax: 256
            credential: { header: authorization, file: tool.key }
          routes:
          - { path: /mcp, protocol: mcp }
          - { path: /, protocol: http }
          tokens:
            audience: spiffe://example.org/tool/orders-db
            issuers:
            - issuer: "https://broker.example.org"
              jwks: { file: jwks.json }
              algorithms: [ES256]
            maxLifetime: 60s
          policies: policies
          limits: { inspectedBody: 1MiB, connections: 20000 }
        approvals:
          listen: 127.0.0.1:8444
          tls: { certificate: approvals.pem, key: approvals.key, clientCertificates: true }
          persons: persons.yaml
          oidc:
          - issuer: "https://login.example.org"
            audience: sallyport
            authorizedParties: [sallyport-page]
            jwks: { file: login-jwks.json }
          webhook: { url: "https://hooks.example.org/x", secretFile: hook.secret }
        ledger:
          directory: ledger
          durability: flush
          checkpointKey: checkpoint.key
          checkpointOrigin: example.org/orders
          checkpointEvery: 30s
          checkpointRecords: 500
          reserve: 16MiB
        health: { listen: 127.0.0.1:9901 }
        drain: 25s

        """
}

/// One change to a good configuration, with `¶` where the complaint must point.
struct Mistake: Sendable, CustomStringConvertible {
    /// A line of the good configuration, without its indentation.
    let line: Text
    /// What stands there instead; the indentation is kept.
    let instead: Text
    let message: String

    init(_ line: Text, _ instead: Text, _ message: String) {
        (self.line, self.instead, self.message) = (line, instead, message)
    }

    var description: String { instead.string }

    static let mark: Text = "¶"

    /// The configuration with the mistake, and `proxy.yaml:line:column: message`.
    func applied(to yaml: Text) -> (yaml: Text, complaint: String)? {
        var lines = yaml.split(on: 0x0A)
        guard let at = lines.firstIndex(where: { $0.trimmed == line }) else { return nil }
        lines[at] = lines[at].prefix(lines[at].count - lines[at].trimmed.count) + instead
        lines = lines.flatMap { $0.split(on: 0x0A) }
        for (number, text) in zip(1..., lines) where text.contains(Self.mark) {
            guard let column = (0...text.count).first(where: { text.dropFirst($0).hasPrefix(Self.mark) })
            else { break }
            lines[number - 1] = text.prefix(column) + text.dropFirst(column + Self.mark.count)
            let joined = Text(lines.map(\.bytes).joined(separator: [0x0A]))
            return (joined, "proxy.yaml:\(number):\(column + 1): \(message)")
        }
        return nil
    }
}
