public import Primitives

/// Who is at the other end of a connection (contract §1).
public struct Peer: Sendable, Hashable {
    public let id: SPIFFEID
    /// SHA-256 of the DER of its certificate, to which its tokens are bound.
    public let leafDigest: Digest
    /// When the first certificate of its path expires; the connection does not outlive it.
    public let notAfter: Timestamp
    /// The generation of the bundles its path was checked against.
    public let trustGeneration: UInt64

    public init(id: SPIFFEID, leafDigest: Digest, notAfter: Timestamp, trustGeneration: UInt64) {
        (self.id, self.leafDigest, self.notAfter) = (id, leafDigest, notAfter)
        self.trustGeneration = trustGeneration
    }
}
