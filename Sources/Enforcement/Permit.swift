public import Primitives
public import Tokens

/// Proof that this call's token was claimed and that nobody else's claim on it can succeed (invariant 1).
///
/// Only `Enforcer.redeem` makes one. It cannot be copied, so one redemption admits at most one call.
public struct Redemption: ~Copyable, Sendable {
    /// Nil when a rule lets identity alone suffice (contract §4.7): then there was nothing to claim.
    public let token: VerifiedToken?
    let redeemedAt: Timestamp

    init(_ token: VerifiedToken?, at time: Timestamp) { (self.token, redeemedAt) = (token, time) }
}

/// Proof that the rules, and people where they had to be asked, let this call pass (invariants 2 and 3).
///
/// Spent by forwarding together with the `Receipt` of the record that says so.
public struct Permit: ~Copyable, Sendable {
    /// A permit not used within this time is void (contract §1).
    public static let lifetime: Duration = .seconds(10)

    let grantedAt: Timestamp

    init(_ redemption: consuming Redemption, at time: Timestamp) { grantedAt = time }

    public func isFresh(at time: Timestamp) -> Bool { time - grantedAt <= Permit.lifetime }
}
