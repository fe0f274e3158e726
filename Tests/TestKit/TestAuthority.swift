public import Crypto
public import Identity
public import Primitives

/// A SPIFFE trust domain in memory: its root, and SVIDs that may break any rule.
public struct TestAuthority: Sendable {
    public let trustDomain: Text
    public let authority: CertificateAuthority
    /// What its certificates are valid in, unless said otherwise.
    public let from, to: Timestamp

    /// Valid from 2020 to 2090 without further words, so that virtual and real clocks are both in it.
    public init(
        _ trustDomain: Text = "example.org", from: Timestamp = Timestamp(seconds: 1_577_836_800),
        to: Timestamp = Timestamp(seconds: 3_786_912_000)
    ) {
        (self.trustDomain, self.from, self.to) = (trustDomain, from, to)
        authority = .root(name: "\(trustDomain) root", uri: "spiffe://" + trustDomain, from: from, to: to)
    }

    public var root: Certificate { authority.certificate }
    public var anchors: TrustAnchors { TrustAnchors([root]) }

    /// The bundles of this trust domain and of those it is federated with.
    public func bundles(federatedWith others: [TestAuthority] = [], generation: UInt64 = 1) -> TrustBundles {
        let all = ([self] + others).map { ($0.trustDomain, $0.anchors) }
        return TrustBundles(Dictionary(all) { first, _ in first }, generation: generation)
    }

    /// The ID of a path in this trust domain, as `/agent/sales-bot`.
    public func id(_ path: Text) -> SPIFFEID {
        let text = "spiffe://" + trustDomain + path
        guard let id = try? SPIFFEID(text) else { preconditionFailure("`\(text)` is a SPIFFE ID") }
        return id
    }

    /// A certificate and key for `id`, fit for both roles; `change` makes it something else, up to a forbidden one.
    public func svid(
        _ id: SPIFFEID, key: PrivateKey = .generate(.p256),
        _ change: (inout CertificateAuthority.Leaf) -> Void = { _ in }
    ) -> TLSIdentity {
        var leaf = CertificateAuthority.Leaf(uriNames: [id.text], from: from, to: to)
        change(&leaf)
        do {
            return try TLSIdentity(chain: [authority.issue(leaf, for: key.publicKey)], key: key)
        } catch {
            preconditionFailure("a certificate can be made: \(error)")
        }
    }

    /// Who the holder of that SVID is, as a connection would find out.
    public func peer(_ svid: TLSIdentity, trustGeneration: UInt64 = 1) -> Peer {
        let leaf = svid.leaf
        guard let name = leaf.uriNames.first, let id = try? SPIFFEID(name) else {
            preconditionFailure("the certificate names a SPIFFE ID")
        }
        return Peer(
            id: id, leafDigest: leaf.digest, notAfter: min(leaf.notAfter, root.notAfter),
            trustGeneration: trustGeneration)
    }
}

extension TLSIdentity {
    /// The certificate shown first.
    public var leaf: Certificate {
        guard let leaf = chain.first else { preconditionFailure("an identity has a certificate") }
        return leaf
    }

    /// What the certificate's tokens are bound to.
    public var digest: Digest { leaf.digest }

    /// As in a file: the leaf first.
    public var chainPEM: String { chain.map(\.pem).joined() }
}
