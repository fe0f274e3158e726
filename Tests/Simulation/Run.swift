import Primitives

/// Numbers of one or many worlds.
public struct Summary: Sendable, CustomStringConvertible {
    public var attempts = 0, answers = 0, served = 0, starts = 0, crashes = 0, powerLosses = 0, stops = 0
    public var steps = 0, records = 0

    public init() {}

    public var description: String {
        "\(attempts) calls, \(served) served, \(starts) starts, \(crashes) crashes (\(powerLosses) power failures), "
            + "\(stops) stops, \(steps) steps, \(records) records"
    }

    public mutating func add(_ other: Summary) {
        attempts += other.attempts
        answers += other.answers
        served += other.served
        starts += other.starts
        crashes += other.crashes
        powerLosses += other.powerLosses
        stops += other.stops
        steps += other.steps
        records += other.records
    }
}

/// One world from its beginning to its end.
public struct Run: Sendable {
    public let seed: UInt64
    public let violation: Violation?
    /// What happened; empty unless it was asked for.
    public let story: [String]
    public let summary: Summary

    /// Long enough for whatever is under way to reach its limit, and for every claim to age.
    private static let settleTime: Duration = .seconds(50)
    private static let serviceTime: Duration = .seconds(20)

    public init(seed: UInt64, defect: Defect? = nil, keepsStory: Bool = false) {
        let world = World(seed: seed, defect: defect, keepsStory: keepsStory)
        world.begin()
        world.pass(until: world.scheduler.now + .seconds(world.plan.activeSeconds + 2))
        if !world.isLost {
            world.calmDown()
            // An approval that was given while the clock was ahead keeps its place until that time comes.
            let stepped = Duration.seconds(130 * world.plan.wallSteps)
            world.pass(until: world.scheduler.now + Self.settleTime + stepped)
        }
        if !world.isLost { world.prove(within: Self.serviceTime) }
        self.seed = seed
        violation = world.observer.violation
        story = world.story.lines
        summary = world.finalSummary
    }

    /// For people: the seed, what was wrong, and the last events.
    public var report: String {
        guard let violation else { return "seed \(seed): nothing is wrong" }
        let tail = story.suffix(60).map { "  " + $0 }.joined(separator: "\n")
        return "seed \(seed): invariant \(violation.invariant): \(violation.what)\n\(tail)"
    }
}

extension World {
    private static let stepsMax = 100_000

    fileprivate func pass(until end: Timestamp) {
        var isOver = false
        scheduler.at(end) { isOver = true }
        while !isOver, observer.violation == nil, !isLost, scheduler.step() {
            if let proxy { observer.check(proxy.gauges, restoredClaims: proxy.restoredClaims) }
            maybeCrash()
            if scheduler.steps > Self.stepsMax { observer.fail(0, "the world does not come to rest") }
        }
    }

    /// Service is as on the first day, and the ledger closes and is whole.
    fileprivate func prove(within time: Duration) {
        guard observer.violation == nil else { return }
        guard proxy != nil else { return observer.fail(0, "the proxy does not come back") }
        let plain = present(.read)
        let held = present(.refund(amount: 500))
        pass(until: scheduler.now + time)
        if plain.statuses != [200] { observer.fail(0, "an honest call is not served: \(plain.statuses)") }
        if held.statuses != [200] { observer.fail(0, "a held call is not let go: \(held.statuses)") }
        var hasStopped = false
        stop { hasStopped = true }
        pass(until: scheduler.now + .seconds(SimulatedProxy.drainSeconds + 5))
        guard observer.violation == nil else { return }
        if !hasStopped { observer.fail(0, "the proxy does not stop") }
        observer.inspect(isFinal: true)
        for number in attempts.keys.sorted() where attempts[number]?.isOver != true {
            observer.fail(4, "attempt \(number) has neither an answer nor an end")
        }
    }

    fileprivate var finalSummary: Summary {
        var summary = summary
        (summary.attempts, summary.steps) = (attempts.count, scheduler.steps)
        summary.records = observer.image?.lines.count ?? 0
        return summary
    }
}
