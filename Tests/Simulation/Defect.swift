/// A proxy that is wrong in one way, to show that the observer would see it.
public enum Defect: String, CaseIterable, Sendable {
    /// Invariant 1.
    case forgetsClaimsAtStart, skipsFence
    /// Invariant 2.
    case forwardsBeforeDurable
    /// Invariant 3.
    case releasesAtFirstReview, releasesTwice
    /// Invariant 4.
    case answersTwice, losesEffects, recordsEffectsTwice
    /// Invariant 5.
    case forwardsUnrecorded, ignoresDrift
    /// Invariant 6.
    case editsItsLedger
    /// Invariant 7.
    case holdsWithoutLimit
    /// Invariant 8.
    case changesBodies
}
