import Glibc
import Reactor
import Simulation

guard let wanted = Wanted(Array(CommandLine.arguments.dropFirst())) else {
    say(Wanted.usage)
    exit(2)
}

switch wanted {
case .story(let seed, let defect):
    let run = Run(seed: seed, defect: defect, keepsStory: true)
    for line in run.story { say(line) }
    say(
        "seed \(seed): \(run.violation.map { "invariant \($0.invariant): \($0.what)" } ?? "nothing is wrong")"
    )
    exit(run.violation == nil ? 0 : 1)
case .seeds(let seeds, let defect):
    let campaign = Campaign(seeds, defect)
    let (found, sum, worlds) = campaign.run(threads: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    say("\(worlds) seeds, \(sum)")
    guard let found else { exit(0) }
    // The same seed tells the same story, this time aloud.
    say(Run(seed: found, defect: defect, keepsStory: true).report)
    exit(1)
}
