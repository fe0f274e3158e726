internal import Approvals
internal import Crypto
public import Documents
internal import Enforcement
public import Gateway
internal import HTTP
internal import Identity
internal import Ledger
internal import Policies
public import Primitives
internal import Reactor
internal import Tokens

/// Reads `kind: Proxy` (contract §8) and every file it names into checked `SidecarSettings`.
///
/// The schema is closed; each error says `file:line:column`, what was wrong and what would be right. Relative paths are
/// beside the configuration file. Every key has a default but `identity` and `tools`.
public struct ProxyConfiguration {
    public let settings: SidecarSettings

    public static func load(_ path: Text, noting notes: EffectiveValues) throws(DocumentError)
        -> ProxyConfiguration
    {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try Files.read(path, bytesMax: YAMLReader.bytesMax)
        } catch {
            throw DocumentError("\(error)", at: Position(file: path.string, line: 1, column: 1))
        }
        return try read(bytes, file: path.string, directory: path.parentDirectory, noting: notes)
    }

    static func read(
        _ bytes: [UInt8], file: String, directory: Text, noting notes: EffectiveValues
    ) throws(DocumentError) -> ProxyConfiguration {
        let root = try Scope(
            YAMLReader.read(bytes, file: file),
            keys: ["apiVersion", "kind", "identity", "tools", "approvals", "ledger", "health", "drain"],
            path: "",
            notes: notes, directory: directory)
        try root.reader.requireHeader(kind: "Proxy")
        return ProxyConfiguration(settings: try settings(root))
    }

    private static func settings(_ root: Scope) throws(DocumentError) -> SidecarSettings {
        let identity = try root.scope("identity", keys: ["certificate", "key", "bundle", "federatedBundles"])
        let svid = try ownSVID(identity)
        let tools = try root.scopes("tools", keys: toolKeys)
        guard let tool = tools.first, tools.count == 1 else {
            throw root.has("tools")
                ? root.error("exactly one tool is served by one proxy", at: "tools")
                : root.reader.error("`tools` is missing: name the one tool this proxy stands before")
        }
        let listen = try address(tool, "listen", default: "0.0.0.0:8443")
        var limits = SidecarLimits()
        let holds = try readLimits(tool, &limits)
        let rules = try policies(tool)
        let tokens = try tool.scope(
            "tokens", keys: ["audience", "issuers", "maxLifetime", "clockSkew", "claimsMax"])
        let tokenRules = try readTokens(tokens, audience: svid.id.text)
        let claimsMax = try tokens.int("claimsMax", default: 1_000_000, in: 1_000...10_000_000)
        let approvals = try ApprovalConfiguration.read(root, &limits, holds)
        let ledger = try LedgerConfiguration.read(root, own: svid.id.text)
        let health = try root.optionalScope("health", keys: ["listen"])
        return SidecarSettings(
            listen: listen, svid: svid, bundles: try bundles(identity, own: svid),
            externalHosts: try externalHosts(tool), routes: try routes(tool, for: rules.set),
            tokens: tokenRules,
            claimsMax: claimsMax, rules: rules.set, ruleFiles: rules.files, upstream: try upstream(tool),
            approvals: approvals,
            ledgerDirectory: ledger.directory, durability: ledger.durability,
            checkpoints: ledger.checkpoints, ledgerReserve: ledger.reserve,
            healthListen: try health.map { health throws(DocumentError) in
                try address(health, "listen", default: "127.0.0.1:9901")
            },
            limits: limits,
            drain: try root.duration("drain", default: .seconds(25), in: .zero ... .seconds(3_600)),
            loops: Host.cores)
    }

    private static let toolKeys = [
        "listen", "externalHosts", "upstream", "routes", "tokens", "policies", "limits",
    ]

    // MARK: Identity

    private static func ownSVID(_ identity: Scope) throws(DocumentError) -> OwnSVID {
        let certificate = String(decoding: try identity.file("certificate"), as: UTF8.self)
        let key = String(decoding: try identity.file("key"), as: UTF8.self)
        return try identity.checked("certificate") { () throws(SVIDError) in
            try OwnSVID(certificatePEM: certificate, keyPEM: key)
        }
    }

    private static func bundles(_ identity: Scope, own: OwnSVID) throws(DocumentError) -> TrustBundles {
        var anchors = [own.id.trustDomain: try bundle(identity)]
        for federated in try identity.scopes("federatedBundles", keys: ["trustDomain", "bundle"]) {
            let name = try federated.text("trustDomain")
            guard SPIFFEID.isTrustDomain(name) else {
                throw federated.error(
                    "`\(name)` is not a trust domain name, such as `example.org`", at: "trustDomain")
            }
            guard anchors[name] == nil else {
                throw federated.error("trust domain `\(name)` already has a bundle", at: "trustDomain")
            }
            anchors[name] = try bundle(federated)
        }
        return TrustBundles(anchors, generation: 1)
    }

    private static func bundle(_ scope: Scope) throws(DocumentError) -> TrustAnchors {
        let pem = String(decoding: try scope.file("bundle"), as: UTF8.self)
        return TrustAnchors(
            try scope.checked("bundle") { () throws(CertificateError) in try Certificate.chain(pem: pem) })
    }

    // MARK: The tool

    private static func routes(_ tool: Scope, for rules: PolicySet) throws(DocumentError) -> Routes {
        let scopes = try tool.scopes("routes", keys: ["path", "protocol"])
        var routes: [Route] = []
        for scope in scopes {
            let path = try scope.text("path")
            guard let target = try? RequestTarget(path), target.query == nil, target.authority == nil,
                !routes.contains(where: { $0.path == target.decodedPath })
            else {
                throw scope.error(
                    "`\(path)` is not a canonical path that begins with `/`, or is routed twice", at: "path")
            }
            let speaks = try scope.choice(
                "protocol", default: "http", ["http": RouteProtocol.http, "mcp": .mcp])
            routes.append(Route(path: target.decodedPath, speaks: speaks))
        }
        // A `Deny` that can never match would be silent.
        guard !rules.selectsTools || routes.contains(where: { $0.speaks == .mcp }) else {
            let message =
                "rules select `tools`, which only an MCP route has; add a route with `protocol: mcp`"
            throw tool.has("routes") ? tool.error(message, at: "routes") : tool.reader.error(message)
        }
        return Routes(routes.isEmpty ? [Route(path: "/", speaks: .http)] : routes)
    }

    /// Names that callers may use; an entry without a port also stands for the listener's port.
    ///
    /// The default is loopback.
    private static func externalHosts(_ tool: Scope) throws(DocumentError) -> ExternalHosts {
        ExternalHosts(try hosts(tool, "externalHosts", default: ["localhost", "127.0.0.1"]))
    }

    static func hosts(_ scope: Scope, _ key: String, default fallback: [Text]) throws(DocumentError) -> Set<
        Text
    > {
        var hosts: Set<Text> = []
        for written in try scope.texts(key, default: fallback) {
            guard let host = Authority.canonical(written) else {
                throw scope.error(
                    "`\(written)` is not a host, such as `orders-db.tools.svc` or `10.0.0.1:8443`", at: key)
            }
            hosts.insert(host)
        }
        return hosts
    }

    private static func upstream(_ tool: Scope) throws(DocumentError) -> UpstreamSettings {
        let upstream = try tool.scope(
            "upstream",
            keys: ["url", "host", "connectTimeout", "responseTimeout", "connectionsMax", "credential"])
        let url = try upstream.text("url")
        guard let endpoint = Endpoint(url: url) else {
            throw upstream.error("`\(url)` is neither `http://host:port` nor `unix:///path`", at: "url")
        }
        var credential: (name: Text, value: Text)?
        if let scope = try upstream.optionalScope("credential", keys: ["header", "file"]) {
            credential = (try fieldName(scope, "header"), try scope.secret("file"))
        }
        let own: Text = if case .tcp = endpoint { endpoint.text } else { "localhost" }
        return UpstreamSettings(
            endpoint: endpoint, host: try upstream.text("host", default: own), credential: credential,
            connectionsMax: try upstream.int("connectionsMax", default: 256, in: 1...65_536),
            connectTimeout: try upstream.duration(
                "connectTimeout", default: .seconds(5), in: .milliseconds(10) ... .seconds(300)),
            responseTimeout: try upstream.duration(
                "responseTimeout", default: .seconds(60), in: .milliseconds(10) ... .seconds(86_400)))
    }

    private static func fieldName(_ scope: Scope, _ key: String) throws(DocumentError) -> Text {
        let name = try scope.text(key)
        let isName =
            !name.isEmpty && name.bytes.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D }
        guard isName, !HopByHop.isHopByHop(name.lowercased), name.lowercased != "host" else {
            throw scope.error(
                "`\(name)` cannot be set; use a header such as `authorization` or `x-api-key`", at: key)
        }
        return name
    }

    private static func policies(_ tool: Scope) throws(DocumentError) -> (set: PolicySet, files: [Text]) {
        let path = try tool.path("policies", default: "/etc/sallyport/policies")
        let key = tool.has("policies") ? "policies" : nil
        let files: [(name: String, bytes: [UInt8])]
        do throws(PolicyFiles.Failure) {
            files = try PolicyFiles.read(path)
        } catch {
            throw key.map { tool.error("\(error)", at: $0) } ?? tool.reader.error("`policies`: \(error)")
        }
        guard !files.isEmpty else {
            throw tool.reader.error("`\(path)` holds no `*.yaml` file; without rules every call is refused")
        }
        let set = try PolicySet.load(files) { SHA256.hash($0) }
        return (set, files.map { Text($0.name) })
    }

    private static func readTokens(_ scope: Scope, audience own: Text) throws(DocumentError) -> TokenRules {
        var issuers: [TokenIssuer] = []
        for issuer in try scope.scopes("issuers", keys: ["issuer", "jwks", "algorithms"]) {
            let name = try issuer.text("issuer")
            guard !issuers.contains(where: { $0.issuer == name }) else {
                throw issuer.error("issuer `\(name)` is configured twice", at: "issuer")
            }
            issuers.append(
                TokenIssuer(
                    issuer: name, keys: try KeySetConfiguration.read(issuer),
                    algorithms: try KeySetConfiguration.algorithms(issuer, default: ["ES256"])))
        }
        guard !issuers.isEmpty else {
            throw scope.reader.error("`issuers` must name at least one token issuer")
        }
        return TokenRules(
            audience: try scope.text("audience", default: own), issuers: issuers,
            maxLifetime: try scope.duration(
                "maxLifetime", default: .seconds(60), in: .seconds(1) ... .seconds(600)),
            clockSkew: try scope.duration("clockSkew", default: .seconds(5), in: .zero ... .seconds(30)))
    }

    private static func readLimits(_ tool: Scope, _ limits: inout SidecarLimits) throws(DocumentError)
        -> Approvals.Limits
    {
        var holds = Approvals.Limits()
        guard
            let scope = try tool.optionalScope(
                "limits",
                keys: [
                    "inspectedBody", "connections", "heldCalls", "heldCallsPerAgent", "idleTimeout",
                    "headTimeout",
                ])
        else { return holds }
        limits.inspectedBodyMax = try scope.size("inspectedBody", default: 1 << 20, in: 1_024...(64 << 20))
        limits.connectionsMax = try scope.int("connections", default: 20_000, in: 1...1_000_000)
        holds.pendingMax = try scope.int("heldCalls", default: 1_000, in: 1...100_000)
        holds.pendingPerAgentMax = try scope.int("heldCallsPerAgent", default: 100, in: 1...100_000)
        limits.idleTimeout = try scope.duration(
            "idleTimeout", default: .seconds(300), in: .seconds(1) ... .seconds(86_400))
        limits.headTimeout = try scope.duration(
            "headTimeout", default: .seconds(15), in: .seconds(1) ... .seconds(600))
        return holds
    }

    static func address(_ scope: Scope, _ key: String, default fallback: Text) throws(DocumentError) -> Text {
        let address = try scope.text(key, default: fallback)
        guard Endpoint(listen: address) != nil else {
            throw scope.error("`\(address)` is no address; write `host:port` or `[ipv6]:port`", at: key)
        }
        return address
    }
}
