import HTTP
import Ledger
import Primitives
import TestKit

/// Agents, people, a tool, the proxy and its disk, from one seed on a virtual clock.
///
/// **Real**: `Enforcer`, `CallMachine`, token signatures and their verification, `ReplayCache`, `PolicySet`,
/// `Approvals`, `Journal` with its recovery, the records, `ForwardedRequest`, `HTTP1Server` and `HTTP1Client`.
/// **Played**: sockets and TLS, event loops (each turn is one step; turns on different loops come in any order that the
/// seed decides), the ledger's thread, timers and clocks, and the code that drives the engines (`Exchange`,
/// `ApprovalDesk`, `LedgerWriter`, `Sidecar`, `Housekeeping`, `RefusalLog`, `UpstreamPool`), which is tied to
/// sockets and is therefore followed call by call in `SimulatedCall` and its neighbours.
///
/// Only ever used by one thread.
final class World {
    let plan: Plan
    let defect: Defect?
    var random: SeededGenerator
    let scheduler: Scheduler
    let story: Story
    let disk: FaultyDisk
    private(set) var observer: Observer! = nil
    var agents: SimulatedAgents! = nil
    var proxy: SimulatedProxy?

    var boot = 1
    var wallOffset: Duration = .zero
    var ruleSet = 0
    var tokenLifetimeMax: Int64
    var skew: Int64
    private(set) var attempts: [Int: Attempt] = [:]
    /// Connections that the proxy has accepted.
    var links: [Link] = []
    private var names: [CallID: Int] = [:]
    /// Nothing goes wrong any more.
    var isCalm = false
    /// Nothing can be written since then.
    var outageSince: Timestamp?
    /// This step was a routine: a crash right after it would teach nothing.
    var isQuietStep = false
    var isStarting = false
    /// The ledger refused to start for a reason that the disk explains.
    var isLost = false
    var summary = Summary()
    /// Steps of the wall clock since the proxy started, and where it was then.
    var wallSteps: [Timestamp] = []
    var offsetAtStart: Duration = .zero
    var killsLeft, powerLossesLeft: Int
    var errorRate = 0
    var bytesMax: Int?

    init(seed: UInt64, defect: Defect?, keepsStory: Bool) {
        var random = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 17)
        plan = Plan(&random)
        self.random = random
        self.defect = defect
        scheduler = Scheduler(seed: seed ^ 0x5EED, at: VirtualClock.start)
        story = Story(isKept: keepsStory, from: VirtualClock.start)
        disk = FaultyDisk(seed: seed ^ 0xD15C)
        (killsLeft, powerLossesLeft) = (plan.kills, plan.powerLosses)
        // The longest token an issuer makes must be within what the proxy believes.
        (tokenLifetimeMax, skew) = (Int64(plan.tokenLifetime), Int64(plan.skew))
        observer = Observer(self)
        agents = SimulatedAgents(self)
    }

    // MARK: Words

    func tell(_ who: @autoclosure () -> String, _ what: @autoclosure () -> String) {
        guard story.isKept else { return }
        story.tell(who(), at: scheduler.now, what())
    }

    func name(_ id: CallID) -> Int {
        if let name = names[id] { return name }
        names[id] = names.count + 1
        return names.count
    }

    func newID(at time: Timestamp) -> CallID { CallID(at: time, random: &random) }

    func register(_ id: CallID, _ request: HTTPRequest) {
        guard let number = request.fields[Attempt.tag].flatMap({ Int($0.string) }) else { return }
        tell("call \(name(id))", "is attempt \(number)")
        observer.names(id.text, number)
    }

    // MARK: Chance

    func microseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(Int.random(in: range, using: &random))
    }

    var networkDelay: Duration { random.chance(30) ? microseconds(0...400_000) : microseconds(20...900) }
    var syncTime: Duration {
        random.chance(isCalm ? 0 : 40) ? microseconds(10_000...3_000_000) : microseconds(100...9_000)
    }

    // MARK: Agents

    func present(_ intent: Attempt.Intent) -> Attempt { agents.present(intent, by: 0, isPatient: true) }

    func newAttempt(
        by agent: Int, _ method: Text, _ target: Text, body: [UInt8], tokenID: Text?, intent: Attempt.Intent
    ) -> Attempt {
        let attempt = Attempt(
            attempts.count + 1, agent: agent, method, target, body: body, tokenID: tokenID, intent: intent,
            at: scheduler.now)
        attempts[attempt.number] = attempt
        let token = tokenID.map { " token …\($0.string.suffix(4))" } ?? ""
        tell("agent \(agent)", "attempt \(attempt.number): \(intent)\(token)")
        return attempt
    }

    func answered(_ attempt: Attempt, _ status: Int, _ link: Link) {
        tell("agent \(attempt.agent)", "attempt \(attempt.number) is answered \(status)")
        summary.answers += 1
        if status == 200 { summary.served += 1 }
        observer.answered(attempt)
        agents.answered(attempt)
        scheduler.after(networkDelay) { link.leave() }
    }

    func closed(_ attempt: Attempt) {
        tell("agent \(attempt.agent)", "the connection of attempt \(attempt.number) is gone")
        if attempt.statuses.isEmpty { agents.answered(attempt) }
    }

    // MARK: The disk

    func promisedContent(_ name: Text) -> [UInt8] {
        plan.durability == .flush ? disk.content(name) : disk.promisedContent(name)
    }

    /// True when the disk took the process with it, in the middle of a call.
    func hasDied(_ proxy: SimulatedProxy) -> Bool {
        guard disk.isProcessDead else { return false }
        if !proxy.life.isOver { crash(losesPower: mayLosePower(400), "in a call to the disk") }
        return true
    }
}
