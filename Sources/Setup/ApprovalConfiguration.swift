internal import Approvals
internal import Crypto
internal import Documents
internal import Gateway
internal import HTTP
internal import Primitives
internal import Reactor

/// The `approvals:` part: who may decide, where they do it, how they hear of it.
enum ApprovalConfiguration {
    private static let keys = [
        "listen", "hosts", "tls", "persons", "oidc", "hold", "abandonAfter", "approvedFor", "webhook",
    ]

    /// A listener always answers to these; `hosts` adds the names that approvers use.
    private static let loopbackHosts: Set<Text> = ["localhost", "127.0.0.1", "[::1]"]

    static func read(
        _ root: Scope, _ limits: inout SidecarLimits, _ holds: Approvals.Limits
    ) throws(DocumentError) -> ApprovalSettings {
        guard let scope = try root.optionalScope("approvals", keys: keys) else { return .none(holds) }
        limits.hold = try scope.duration("hold", default: .seconds(300), in: .seconds(1) ... .seconds(3_600))
        let listen = try ProxyConfiguration.address(scope, "listen", default: "127.0.0.1:8444")
        let tls = try scope.optionalScope("tls", keys: ["certificate", "key", "clientCertificates"])
        if tls == nil, Endpoint(listen: listen)?.isLoopback != true {
            throw scope.reader.error(
                "`\(listen)` is not loopback, so approvers need `tls: {certificate, key}` there")
        }
        return ApprovalSettings(
            listen: listen, tls: try tls.map(context),
            hosts: try ProxyConfiguration.hosts(scope, "hosts", default: []).union(loopbackHosts),
            persons: try persons(scope), issuers: try issuers(scope), limits: holds,
            abandonAfter: try scope.duration(
                "abandonAfter", default: .seconds(600), in: .seconds(1) ... .seconds(86_400)),
            approvedFor: try scope.duration(
                "approvedFor", default: .seconds(300), in: .seconds(1) ... .seconds(86_400)),
            webhook: try scope.optionalScope("webhook", keys: ["url", "secretFile"]).map(webhook))
    }

    private static func context(_ tls: Scope) throws(DocumentError) -> TLSServerContext {
        let certificate = String(decoding: try tls.file("certificate"), as: UTF8.self)
        let key = String(decoding: try tls.file("key"), as: UTF8.self)
        let asks = try tls.bool("clientCertificates", default: true)
        let chain = try tls.checked("certificate") { () throws(CertificateError) in
            try Certificate.chain(pem: certificate)
        }
        let privateKey = try tls.checked("key") { () throws(KeyError) in try PrivateKey(pem: key) }
        return try tls.checked("certificate") { () throws(TLSError) in
            try TLSServerContext(
                identity: TLSIdentity(chain: chain, key: privateKey),
                clientCertificates: asks ? .requested : .none,
                applicationProtocols: ["http/1.1"])
        }
    }

    private static func persons(_ scope: Scope) throws(DocumentError) -> Persons {
        let bytes = try scope.file("persons")
        return try Persons(document: YAMLReader.read(bytes, file: try scope.path("persons").string))
    }

    private static func issuers(_ scope: Scope) throws(DocumentError) -> [OIDCIssuer] {
        var issuers: [OIDCIssuer] = []
        let keys = ["issuer", "audience", "authorizedParties", "groupsClaim", "jwks", "algorithms", "maxAge"]
        for login in try scope.scopes("oidc", keys: keys) {
            let name = try login.text("issuer")
            guard !issuers.contains(where: { $0.issuer == name }) else {
                throw login.error("issuer `\(name)` is configured twice", at: "issuer")
            }
            issuers.append(
                OIDCIssuer(
                    issuer: name, audience: try login.text("audience"),
                    authorizedParties: try login.texts("authorizedParties"),
                    groupsClaim: try login.optionalText("groupsClaim"),
                    keys: try KeySetConfiguration.read(login),
                    algorithms: try KeySetConfiguration.algorithms(
                        login, default: ["RS256", "ES256", "PS256", "Ed25519"]),
                    maxAge: try login.duration(
                        "maxAge", default: .seconds(3_600), in: .seconds(1) ... .seconds(86_400))))
        }
        return issuers
    }

    private static func webhook(_ scope: Scope) throws(DocumentError) -> WebhookSettings {
        let url = try scope.text("url")
        let isTLS = url.hasPrefix("https://")
        guard isTLS || url.hasPrefix("http://") else {
            throw scope.error("`\(url)` is not an `https://` URL", at: "url")
        }
        let rest = url.dropFirst(isTLS ? 8 : 7)
        let slash = rest.firstIndex(of: 0x2F) ?? rest.count
        let host = rest.prefix(slash)
        let target: Text = slash == rest.count ? "/" : rest.dropFirst(slash)
        let hasPort = host.bytes.last.map(\.isASCIIDigit) == true && host.contains(0x3A)
        let address = hasPort ? host : host + (isTLS ? ":443" : ":80")
        guard let endpoint = Endpoint(url: "http://" + address), (try? RequestTarget(target)) != nil else {
            throw scope.error("`\(url)` is not a URL with a host and a canonical path", at: "url")
        }
        guard isTLS || endpoint.isLoopback else {
            throw scope.error("a webhook that leaves this machine needs `https://`", at: "url")
        }
        let secret = try scope.secret("secretFile")
        guard secret.hasPrefix("whsec_"), let key = Base64.decode(secret.dropFirst(6).bytes),
            24...64 ~= key.count
        else {
            throw scope.error(
                "the file must hold `whsec_` and the base64 of 24 to 64 random bytes", at: "secretFile")
        }
        let tls =
            isTLS
            ? try scope.checked("url") { () throws(TLSError) in
                try TLSClientContext(identity: nil, trust: .system, applicationProtocols: ["http/1.1"])
            } : nil
        return WebhookSettings(endpoint: endpoint, tls: tls, host: host, target: target, secret: key)
    }
}

extension ApprovalSettings {
    /// Nobody can approve: what a rule holds is refused.
    static func none(_ holds: Approvals.Limits) -> ApprovalSettings {
        ApprovalSettings(
            listen: nil, tls: nil, hosts: [], persons: Persons(), issuers: [], limits: holds,
            abandonAfter: .seconds(600), approvedFor: .seconds(300), webhook: nil)
    }
}
