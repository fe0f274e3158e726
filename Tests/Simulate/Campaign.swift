import Reactor
import Simulation
import Synchronization

/// Many seeds on all cores, until one of them finds something.
final class Campaign: Sendable {
    private static let worldsPerNote: UInt64 = 1_000

    private struct State {
        var next: UInt64
        var done: UInt64 = 0
        var sum = Summary()
        var found: UInt64?
    }

    private let seeds: Range<UInt64>
    private let defect: Defect?
    private let state: Mutex<State>

    init(_ seeds: Range<UInt64>, _ defect: Defect?) {
        (self.seeds, self.defect) = (seeds, defect)
        state = Mutex(State(next: seeds.lowerBound))
    }

    /// Returns the seed that found something, and the sum of what was done.
    func run(threads: Int) -> (found: UInt64?, sum: Summary, worlds: UInt64) {
        let workers = (0..<threads).map { number in
            WorkerThread(name: "world \(number)") { [self] in while let seed = take() { live(seed) } }
        }
        for worker in workers { worker.join() }
        return state.withLock { ($0.found, $0.sum, $0.done) }
    }

    private func take() -> UInt64? {
        state.withLock { state in
            guard state.found == nil, state.next < seeds.upperBound else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    private func live(_ seed: UInt64) {
        let run = Run(seed: seed, defect: defect)
        let note = state.withLock { state in
            state.done += 1
            state.sum.add(run.summary)
            // The first of those that were under way, so that the same campaign names the same seed.
            if run.violation != nil { state.found = min(state.found ?? seed, seed) }
            return state.done.isMultiple(of: Self.worldsPerNote) ? (state.done, state.sum) : nil
        }
        if let note { say("\(note.0) seeds, \(note.1)") }
    }
}

/// One line, at once: a campaign may run for days.
func say(_ line: String) { Host.writeToStandardOutput(Array((line + "\n").utf8)) }
