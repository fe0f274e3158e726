public import Approvals
public import Crypto
public import Enforcement
public import Identity
public import Ledger
public import Policies
public import Primitives
public import Reactor
public import Tokens

/// Everything a proxy is started with: checked values, no files left to read.
///
/// `Setup` makes it.
public struct SidecarSettings: Sendable {
    /// `host:port` of the data listener.
    public var listen: Text
    public var svid: OwnSVID
    public var bundles: TrustBundles
    public var externalHosts: ExternalHosts
    public var routes: Routes
    public var tokens: TokenRules
    public var claimsMax: Int
    public var rules: PolicySet
    /// Names of the rule files, for the record.
    public var ruleFiles: [Text]
    public var upstream: UpstreamSettings
    public var approvals: ApprovalSettings
    public var ledgerDirectory: Text
    public var durability: Durability
    public var checkpoints: CheckpointSettings
    /// Bytes of the ledger's disk that are kept for calls under way; 0: none.
    public var ledgerReserve: Int
    /// `host:port` of the health listener; nil: none.
    public var healthListen: Text?
    public var limits: SidecarLimits
    /// How long a drain may take before what is left is cut.
    public var drain: Duration
    /// Event loops; one a core.
    public var loops: Int

    public init(
        listen: Text, svid: OwnSVID, bundles: TrustBundles, externalHosts: ExternalHosts, routes: Routes,
        tokens: TokenRules, claimsMax: Int, rules: PolicySet, ruleFiles: [Text], upstream: UpstreamSettings,
        approvals: ApprovalSettings, ledgerDirectory: Text, durability: Durability,
        checkpoints: CheckpointSettings, ledgerReserve: Int, healthListen: Text?, limits: SidecarLimits,
        drain: Duration, loops: Int
    ) {
        (self.listen, self.svid, self.bundles, self.externalHosts) = (listen, svid, bundles, externalHosts)
        (self.routes, self.tokens, self.claimsMax) = (routes, tokens, claimsMax)
        (self.rules, self.ruleFiles, self.upstream, self.approvals) = (rules, ruleFiles, upstream, approvals)
        (self.ledgerDirectory, self.durability, self.healthListen) = (
            ledgerDirectory, durability, healthListen
        )
        (self.checkpoints, self.ledgerReserve) = (checkpoints, ledgerReserve)
        (self.limits, self.drain, self.loops) = (limits, drain, loops)
    }
}

/// When and by whom the ledger's tree is signed.
public struct CheckpointSettings: Sendable {
    /// An Ed25519 key outside the ledger's directory; made with the ledger.
    public var keyFile: Text
    /// The ledger's name in checkpoints.
    public var origin: Text
    /// A checkpoint is due when this long, or this many records, have passed since the last and something is new.
    public var every: Duration
    public var records: Int

    public init(keyFile: Text, origin: Text, every: Duration = .seconds(60), records: Int = 10_000) {
        (self.keyFile, self.origin, self.every, self.records) = (keyFile, origin, every, records)
    }
}

/// How the tool is reached.
public struct UpstreamSettings: Sendable {
    public var endpoint: Endpoint
    /// The `Host` the tool sees.
    public var host: Text
    public var credential: (name: Text, value: Text)?
    public var connectionsMax: Int
    public var connectTimeout: Duration
    /// Until the response head.
    public var responseTimeout: Duration

    public init(
        endpoint: Endpoint, host: Text, credential: (name: Text, value: Text)?, connectionsMax: Int,
        connectTimeout: Duration, responseTimeout: Duration
    ) {
        (self.endpoint, self.host, self.credential) = (endpoint, host, credential)
        (self.connectionsMax, self.connectTimeout) = (connectionsMax, connectTimeout)
        self.responseTimeout = responseTimeout
    }
}

/// People and how they are asked.
///
/// Without a listener nobody can approve, so what a rule holds is refused.
public struct ApprovalSettings: Sendable {
    public var listen: Text?
    /// Nil: plain HTTP, on loopback only.
    public var tls: TLSServerContext?
    /// Values of `Host` that name the listener.
    public var hosts: Set<Text>
    public var persons: Persons
    public var issuers: [OIDCIssuer]
    public var limits: Approvals.Limits
    public var abandonAfter: Duration
    public var approvedFor: Duration
    public var webhook: WebhookSettings?

    public init(
        listen: Text?, tls: TLSServerContext?, hosts: Set<Text>, persons: Persons, issuers: [OIDCIssuer],
        limits: Approvals.Limits, abandonAfter: Duration, approvedFor: Duration, webhook: WebhookSettings?
    ) {
        (self.listen, self.tls, self.hosts, self.persons, self.issuers) = (
            listen, tls, hosts, persons, issuers
        )
        (self.limits, self.abandonAfter, self.approvedFor) = (limits, abandonAfter, approvedFor)
        self.webhook = webhook
    }
}

/// Limits of the data listener (invariant 7); approvals and claims have their own.
public struct SidecarLimits: Sendable {
    /// Connections of agents; further ones wait in the kernel.
    public var connectionsMax = 20_000
    /// Bytes of a body that must be read whole before it is judged.
    public var inspectedBodyMax = 1 << 20
    /// Without a byte either way.
    public var idleTimeout: Duration = .seconds(300)
    /// For a handshake, a request head, and between two pieces of a request body.
    public var headTimeout: Duration = .seconds(15)
    /// How long a connection is held for people.
    public var hold: Duration = .seconds(300)

    public init() {}
}

/// Where holds are announced.
public struct WebhookSettings: Sendable {
    public var endpoint: Endpoint
    /// Nil: plain HTTP, to loopback only.
    public var tls: TLSClientContext?
    /// The `Host` and, with TLS, the server's name.
    public var host: Text
    /// Origin form.
    public var target: Text
    /// The HMAC key: the bytes behind `whsec_`.
    public var secret: [UInt8]

    public init(endpoint: Endpoint, tls: TLSClientContext?, host: Text, target: Text, secret: [UInt8]) {
        (self.endpoint, self.tls, self.host, self.target) = (endpoint, tls, host, target)
        self.secret = secret
    }
}
