public import Crypto
public import Primitives

/// The authorities of every trust domain that is known, under one generation number.
///
/// Replaced whole when a bundle changes; the generation then grows, and a peer of an older one is checked
/// again.
public struct TrustBundles: Sendable {
    public let generation: UInt64
    private let anchors: [Text: TrustAnchors]

    /// By the name of the trust domain, as `example.org`.
    public init(_ anchors: [Text: TrustAnchors], generation: UInt64) {
        self.anchors = anchors
        self.generation = generation
    }

    public subscript(_ trustDomain: Text) -> TrustAnchors? { anchors[trustDomain] }

    /// In byte order, for people.
    public var trustDomains: [Text] { anchors.keys.sorted() }
}
