import Documents
import Primitives
import Setup
import Testing

/// What is wrong is said where it is written, with what would be right.
@Suite struct MistakeTests {
    private static let structure = [
        Mistake("kind: Proxy", "kind: ¶Proksy", "expected `Proxy`, found the text `Proksy`"),
        Mistake(
            "apiVersion: sallyport.dev/v1", "apiVersion: ¶v1",
            "expected `sallyport.dev/v1`, found the text `v1`"),
        Mistake("drain: 25s", "¶drian: 25s", "unknown key `drian`; did you mean `drain`?"),
        Mistake(
            "drain: 25s", "¶admin: { socket: x }",
            "unknown key `admin`; valid here: `apiVersion`, `kind`, `identity`, `tools`, `approvals`, `ledger`, `health`, `drain`"
        ),
        Mistake(
            "connectTimeout: 5s", "¶conectTimeout: 5s",
            "unknown key `conectTimeout`; did you mean `connectTimeout`?"),
        Mistake(
            "connectTimeout: 5s", "¶connect_timeout: 5s",
            "unknown key `connect_timeout`; did you mean `connectTimeout`?"),
        Mistake(
            "maxLifetime: 60s", "¶MaxLifetime: 60s", "unknown key `MaxLifetime`; did you mean `maxLifetime`?"),
        Mistake(
            "drain: 25s", "drain: ¶[25s]",
            "expected a duration such as `500ms`, `15s`, `5m` or `2h`, found a list"),
        Mistake(
            "drain: 25s", "drain: ¶soon",
            "expected a duration such as `500ms`, `15s`, `5m` or `2h`, found the text `soon`"),
        Mistake(
            "drain: 25s", "drain: ¶25",
            "expected a duration such as `500ms`, `15s`, `5m` or `2h`, found the number `25`"),
        Mistake(
            "drain: 25s", "drain: ¶-1s",
            "expected a duration such as `500ms`, `15s`, `5m` or `2h`, found the text `-1s`"),
        Mistake("drain: 25s", "drain: ¶2h", "expected a duration from `0ms` to `1h`, found the text `2h`"),
        Mistake("drain: 25s", "drain: ¶&a 25s", "anchors and aliases are not supported; write the value out"),
        Mistake(
            "drain: 25s", "¶drain: 25s\ndrain: 26s",
            "the key `drain` is written more than once in this mapping"),
        Mistake(
            "drain: 25s", "drain: 25s\n¶---\nkind: Proxy",
            "a second document begins here; one file is one document"),
        Mistake(
            "connectionsMax: 256", "connectionsMax: ¶0",
            "expected a whole number from 1 to 65536, found the number `0`"),
        Mistake(
            "connectionsMax: 256", "connectionsMax: ¶\"256\"",
            "expected a whole number from 1 to 65536, found the text `256`; leave out the quotes"),
        Mistake(
            "connectionsMax: 256", "connectionsMax: ¶0x10",
            "expected a whole number from 1 to 65536, found `0x10`"),
        Mistake(
            "externalHosts: [orders-db.tools.svc]", "externalHosts: ¶orders-db.tools.svc",
            "expected a list of texts, found the text `orders-db.tools.svc`; write `[orders-db.tools.svc]`"),
        Mistake(
            "externalHosts: [orders-db.tools.svc]", "externalHosts: [¶8443]",
            "expected text, found the number `8443`; put it in quotes if text is meant"),
        Mistake(
            "limits: { inspectedBody: 1MiB, connections: 20000 }", "limits: { inspectedBody: ¶1M }",
            "expected a size such as `64KiB` or `1MiB`, found the text `1M`"),
        Mistake(
            "limits: { inspectedBody: 1MiB, connections: 20000 }", "limits: ¶1MiB",
            "expected a mapping, found the text `1MiB`"),
        Mistake(
            "durability: flush", "durability: ¶synk", "unknown value `synk`; did you mean `sync`?"),
        Mistake(
            "checkpointKey: checkpoint.key", "¶checkpointkey: checkpoint.key",
            "unknown key `checkpointkey`; did you mean `checkpointKey`?"),
        Mistake(
            "checkpointOrigin: example.org/orders", "¶checkpointOrigin: orders of the shop",
            "`orders of the shop` cannot name a ledger; write a name without spaces and `+`, such as `example.org/tool/orders-db`"
        ),
        Mistake(
            "checkpointEvery: 30s", "checkpointEvery: ¶0s",
            "expected a duration from `1s` to `24h`, found the text `0s`"),
        Mistake(
            "checkpointRecords: 500", "checkpointRecords: ¶0",
            "expected a whole number from 1 to 1000000000, found the number `0`"),
        Mistake(
            "reserve: 16MiB", "reserve: ¶16MB",
            "expected a size such as `64KiB` or `1MiB`, found the text `16MB`"),
        Mistake("health: { listen: 127.0.0.1:9901 }", "health: ¶true", "expected a mapping, found `true`"),
    ]

    private static let identity = [
        Mistake("certificate: proxy.pem", "¶certificate: nothing.pem", "cannot open `nothing.pem`: ENOENT"),
        Mistake(
            "certificate: proxy.pem", "¶certificate: bundle.pem",
            "the SPIFFE ID names a trust domain and no workload"),
        Mistake(
            "certificate: proxy.pem", "¶certificate: proxy.key",
            "certificate: `-----BEGIN PRIVATE KEY-----` stands where `-----BEGIN CERTIFICATE-----` is wanted"),
        Mistake(
            "certificate: proxy.pem", "¶certificate: policies", "cannot read `policies`: not a regular file"),
        Mistake("key: proxy.key", "¶key: nothing.key", "cannot open `nothing.key`: ENOENT"),
        Mistake(
            "certificate: proxy.pem", "¶certificate: approvals.pem",
            "the private key does not belong to the certificate"),
        Mistake("bundle: bundle.pem", "¶bundle: tool.key", "there is no `CERTIFICATE` block"),
        Mistake(
            "- { trustDomain: other.org, bundle: other.pem }",
            "- { ¶trustDomain: example.org, bundle: other.pem }",
            "trust domain `example.org` already has a bundle"),
        Mistake(
            "- { trustDomain: other.org, bundle: other.pem }",
            "- { ¶trustDomain: Other.org, bundle: other.pem }",
            "`Other.org` is not a trust domain name, such as `example.org`"),
        Mistake(
            "- { trustDomain: other.org, bundle: other.pem }", "- ¶{ trustDomain: other.org }",
            "`bundle` is missing"),
    ]

    private static let tool = [
        Mistake(
            "- listen: 127.0.0.1:8443", "- ¶listen: 127.0.0.1:99999",
            "`127.0.0.1:99999` is no address; write `host:port` or `[ipv6]:port`"),
        Mistake(
            "- listen: 127.0.0.1:8443", "- ¶listen: 127.0.0.1",
            "`127.0.0.1` is no address; write `host:port` or `[ipv6]:port`"),
        Mistake(
            "- listen: 127.0.0.1:8443", "- ¶listen: \":8443\"",
            "`:8443` is no address; write `host:port` or `[ipv6]:port`"),
        Mistake(
            "externalHosts: [orders-db.tools.svc]", "¶externalHosts: [\"http://a\"]",
            "`http://a` is not a host, such as `orders-db.tools.svc` or `10.0.0.1:8443`"),
        Mistake(
            "url: \"http://127.0.0.1:8080\"", "¶url: \"https://127.0.0.1:8080\"",
            "`https://127.0.0.1:8080` is neither `http://host:port` nor `unix:///path`"),
        Mistake(
            "url: \"http://127.0.0.1:8080\"", "¶url: \"http://127.0.0.1:8080/path\"",
            "`http://127.0.0.1:8080/path` is neither `http://host:port` nor `unix:///path`"),
        Mistake(
            "connectTimeout: 5s", "connectTimeout: ¶1ms",
            "expected a duration from `10ms` to `5m`, found the text `1ms`"),
        Mistake(
            "credential: { header: authorization, file: tool.key }",
            "credential: { ¶header: host, file: tool.key }",
            "`host` cannot be set; use a header such as `authorization` or `x-api-key`"),
        Mistake(
            "credential: { header: authorization, file: tool.key }",
            "credential: { ¶header: \"a b\", file: tool.key }",
            "`a b` cannot be set; use a header such as `authorization` or `x-api-key`"),
        Mistake(
            "credential: { header: authorization, file: tool.key }",
            "credential: { header: a, ¶file: proxy.pem }", "the file must hold one line of printable text"),
        Mistake(
            "- { path: /mcp, protocol: mcp }", "- { ¶path: mcp, protocol: mcp }",
            "`mcp` is not a canonical path that begins with `/`, or is routed twice"),
        Mistake(
            "- { path: /mcp, protocol: mcp }", "- { ¶path: /a/../mcp, protocol: mcp }",
            "`/a/../mcp` is not a canonical path that begins with `/`, or is routed twice"),
        Mistake(
            "- { path: /, protocol: http }", "- { ¶path: /mcp, protocol: http }",
            "`/mcp` is not a canonical path that begins with `/`, or is routed twice"),
        Mistake(
            "- { path: /mcp, protocol: mcp }", "- { path: /mcp, protocol: ¶grpc }",
            "unknown value `grpc`; valid here: `http`, `mcp`"),
        Mistake(
            "algorithms: [ES256]", "¶algorithms: [HS256]",
            "unknown algorithm `HS256`; there are ES256, Ed25519, PS256, RS256"),
        Mistake(
            "algorithms: [ES256]", "¶algorithms: [none]",
            "unknown algorithm `none`; there are ES256, Ed25519, PS256, RS256"),
        Mistake("algorithms: [ES256]", "¶algorithms: []", "name at least one algorithm"),
        Mistake(
            "jwks: { file: jwks.json }", "jwks: { ¶url: \"https://a\" }",
            "unknown key `url`; valid here: `file`"),
        Mistake(
            "jwks: { file: jwks.json }", "jwks: { ¶file: proxy.pem }",
            "not JSON: not a number, or out of bounds, at byte 0"),
        Mistake(
            "maxLifetime: 60s", "maxLifetime: ¶11m",
            "expected a duration from `1s` to `10m`, found the text `11m`"),
        Mistake("policies: policies", "¶policies: nothing", "cannot look at `nothing`: ENOENT"),
    ]

    private static let tls: Text =
        "tls: { certificate: approvals.pem, key: approvals.key, clientCertificates: true }"
    private static let webhook: Text =
        "webhook: { url: \"https://hooks.example.org/x\", secretFile: hook.secret }"

    private static let approvals = [
        Mistake(
            tls,
            "tls: { certificate: approvals.pem, ¶key: approvals.pem }", "not a PEM key without a passphrase"),
        Mistake(
            tls,
            "tls: { ¶certificate: approvals.pem, key: proxy.key }",
            "the private key does not belong to the certificate"),
        Mistake("persons: persons.yaml", "¶persons: nobody.yaml", "cannot open `nobody.yaml`: ENOENT"),
        Mistake(
            "authorizedParties: [sallyport-page]", "¶authorizedParties: []",
            "`authorizedParties` must name at least one"),
        Mistake(
            "audience: sallyport", "maxAge: ¶2d\n    audience: sallyport",
            "expected a duration such as `500ms`, `15s`, `5m` or `2h`, found the text `2d`"),
        Mistake(
            webhook,
            "webhook: { ¶url: \"http://hooks.example.org/x\", secretFile: hook.secret }",
            "a webhook that leaves this machine needs `https://`"),
        Mistake(
            webhook,
            "webhook: { ¶url: \"ftp://hooks.example.org/x\", secretFile: hook.secret }",
            "`ftp://hooks.example.org/x` is not an `https://` URL"),
        Mistake(
            webhook,
            "webhook: { ¶url: \"https://hooks.example.org/a/../x\", secretFile: hook.secret }",
            "`https://hooks.example.org/a/../x` is not a URL with a host and a canonical path"),
        Mistake(
            webhook,
            "webhook: { url: \"https://hooks.example.org/x\", ¶secretFile: tool.key }",
            "the file must hold `whsec_` and the base64 of 24 to 64 random bytes"),
        Mistake(
            webhook,
            "webhook: ¶{ url: \"https://hooks.example.org/x\" }", "`secretFile` is missing"),
    ]

    @Test(arguments: structure + identity + tool + approvals)
    func `a mistake is named where it is, with what would be right`(_ mistake: Mistake) throws {
        let workspace = try Workspace()
        let (yaml, complaint) = try #require(
            mistake.applied(to: Workspace.full), "the line is there, and a mark")
        let found = try workspace.complaint(about: yaml)
        #expect(found == complaint)
    }
}
