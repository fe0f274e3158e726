public import Primitives

/// Where tokens are spent.
///
/// The first to claim an id has it; nobody else has it until it expires.
public protocol ClaimStore: Sendable {
    /// Atomic over all threads. `expiring` is when the claim may be forgotten: no token of that id may be
    /// good by then.
    func claim(_ id: ClaimID, expiring: Timestamp, at now: Timestamp) -> ClaimOutcome
}

/// What is spent: the `jti` of one issuer (contract §2).
public struct ClaimID: Hashable, Sendable {
    public let issuer, tokenID: Text

    public init(issuer: Text, tokenID: Text) { (self.issuer, self.tokenID) = (issuer, tokenID) }
}

public enum ClaimOutcome: Sendable, Hashable {
    case claimed
    /// Somebody has it already.
    case replayed
    /// No room for another; nothing was spent.
    case full
    /// The store can not say.
    case unavailable
}
