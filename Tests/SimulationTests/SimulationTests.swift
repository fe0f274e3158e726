import Simulation
import Testing

/// A few worlds of what `Tests/simulate` goes on with for ever; `Tests/simulate SEED` tells the story of one that failed.
@Suite struct SimulationTests {
    private static let seedsPerPart: UInt64 = 20

    /// Invariants 1 to 8, and that service comes back when nothing goes wrong any more.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `whatever goes wrong, every invariant holds after each step`(_ part: UInt64) {
        for seed in (part * Self.seedsPerPart)..<((part + 1) * Self.seedsPerPart) {
            guard Run(seed: seed).violation != nil else { continue }
            Issue.record("\(Run(seed: seed, keepsStory: true).report)")
            return
        }
    }

    @Test(arguments: [1, 7, 237] as [UInt64])
    func `one seed tells one story, to the byte`(_ seed: UInt64) {
        let first = Run(seed: seed, keepsStory: true).story
        #expect(first.count > 20)
        #expect(Run(seed: seed, keepsStory: true).story == first)
    }

    @Test func `many things happen in these worlds`() {
        var sum = Summary()
        for seed in 0..<40 as Range<UInt64> { sum.add(Run(seed: seed).summary) }
        #expect(sum.served > 40 && sum.crashes > 20 && sum.powerLosses > 5 && sum.stops > 40, "\(sum)")
    }

    /// An observer that finds nothing proves nothing: each of these proxies is wrong in one way, and is caught.
    @Test(arguments: [
        (Defect.forgetsClaimsAtStart, [1, 4]), (.skipsFence, [1, 4]), (.forwardsBeforeDurable, [2, 4]),
        (.releasesAtFirstReview, [3]), (.releasesTwice, [3]), (.answersTwice, [4]), (.losesEffects, [4]),
        (.recordsEffectsTwice, [4]), (.forwardsUnrecorded, [2, 4, 5]), (.ignoresDrift, [5]),
        (.editsItsLedger, [6]), (.holdsWithoutLimit, [7]), (.changesBodies, [8]),
    ])
    func `a proxy that is wrong in one way is caught`(_ defect: Defect, _ invariants: [Int]) {
        for seed in 0..<300 as Range<UInt64> {
            guard let violation = Run(seed: seed, defect: defect).violation else { continue }
            #expect(invariants.contains(violation.invariant), "seed \(seed): \(violation)")
            return
        }
        Issue.record("`\(defect.rawValue)` is not caught")
    }
}
