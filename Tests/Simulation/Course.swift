import Ledger
import Primitives
import TestKit

// The proxy's life, and what is done to it.
extension World {
    func start() {
        guard proxy == nil else { return }
        do throws(LedgerError) {
            let started = try SimulatedProxy(self)
            guard !disk.isProcessDead else {
                started.die()
                return crash(losesPower: mayLosePower(300), "while starting")
            }
            proxy = started
            (offsetAtStart, wallSteps) = (wallOffset, [])
            summary.starts += 1
            if defect == .editsItsLedger { editLedger() }
            observer.inspect(isFinal: false)
            if summary.starts > 1, !isCalm { agents.repeatEverything() }
        } catch {
            tell("proxy", "does not start: \(error)")
            if case .unavailable = error {
                return crash(losesPower: disk.isProcessDead && mayLosePower(300), "while starting")
            }
            guard observer.diskLied else {
                return observer.fail(6, "the ledger cannot be recovered: \(error)")
            }
            isLost = true
        }
    }

    /// One digit of the oldest record's `seq`, when newer segments stand behind it.
    private func editLedger() {
        guard disk.names.count > 1, let name = disk.names.first else { return }
        var bytes = disk.content(name)
        guard let place = bytes.firstIndex(of: 0x31) else { return }
        bytes[place] = 0x32
        disk.put(bytes, as: name)
    }

    private func startLater() {
        guard !isStarting, !isLost else { return }
        isStarting = true
        let waits = isCalm ? [100_000...200_000] : [1_000...50_000, 500_000...8_000_000]
        scheduler.after(microseconds(waits.randomElement(using: &random) ?? 1...1)) { [self] in
            isStarting = false
            start()
        }
    }

    func mayLosePower(_ thousandths: Int) -> Bool { plan.losesPower && random.chance(thousandths) }

    func crash(losesPower: Bool, _ why: String) {
        tell("world", losesPower ? "power failure \(why)" : "kill -9 \(why)")
        proxy?.die()
        proxy = nil
        let cut = links
        links = []
        for link in cut { link.reset() }
        if losesPower { losePower() } else { disk.killProcess() }
        summary.crashes += 1
        applyFaults()
        startLater()
    }

    private func losePower() {
        disk.losePower(keepsUnsynced: !plan.lossesAreWhole)
        boot += 1
        summary.powerLosses += 1
        guard plan.mayLoseRecords else { return }
        observer.promisedCalls = []
    }

    func stop(_ then: @escaping () -> Void) {
        guard let proxy, !proxy.isDraining else { return }
        tell("world", "SIGTERM")
        proxy.drain { [self] in
            tell("proxy", "has stopped")
            self.proxy = nil
            summary.stops += 1
            observer.inspect(isFinal: false)
            then()
        }
    }

    private func restart() {
        stop { [self] in
            if plan.raisesWindow, !isCalm {
                tokenLifetimeMax += 5
                skew = min(skew + 1, 5)
            }
            startLater()
        }
    }

    /// After each step.
    func maybeCrash() {
        defer { isQuietStep = false }
        guard !isQuietStep, !isCalm, proxy != nil else { return }
        if killsLeft > 0, random.chance(6) {
            killsLeft -= 1
            crash(losesPower: false, "after step \(scheduler.steps)")
        } else if powerLossesLeft > 0, random.chance(5) {
            powerLossesLeft -= 1
            crash(losesPower: true, "after step \(scheduler.steps)")
        }
    }

    // MARK: The course of a world

    func begin() {
        tell("plan", "\(plan)")
        applyFaults()
        start()
        SimulatedApprovers(self).start()
        let bursts = (0..<3).map { _ in Int.random(in: 0...plan.activeSeconds * 1_000_000, using: &random) }
        for _ in 0..<plan.requests {
            let burst = bursts.randomElement(using: &random) ?? 0
            sometime(from: burst, within: 30_000) { $0.agents.wantSomething() }
        }
        for _ in 0..<plan.stops { sometime { $0.restart() } }
        for _ in 0..<plan.outages { sometime { $0.beginOutage() } }
        for _ in 0..<plan.floods { sometime { $0.fillDisk() } }
        for _ in 0..<plan.wallSteps { sometime { $0.stepWallClock() } }
        for _ in 0..<plan.ruleChanges { sometime { $0.changeRules() } }
        for _ in 0..<plan.deathsInCalls { sometime { $0.dieSoon() } }
        if plan.diskErrors > 0 { sometime { $0.beginErrors() } }
    }

    private func sometime(
        from start: Int = 0, within microseconds: Int? = nil, _ work: @escaping (World) -> Void
    ) {
        let span = microseconds ?? plan.activeSeconds * 1_000_000
        let wait = Duration.microseconds(start + Int.random(in: 0...span, using: &random))
        scheduler.after(wait) { [self] in if !isCalm { work(self) } }
    }

    private func later(_ work: @escaping (World) -> Void) {
        scheduler.after(microseconds(200_000...5_000_000)) { [self] in if !isCalm { work(self) } }
    }

    // MARK: Faults

    private func applyFaults() {
        let isOut = outageSince != nil
        let rate = isOut ? 1_000 : errorRate
        // Under `flush` a failed sync means that acknowledged records are gone: nothing that could be promised.
        disk.faults = .init(
            writeErrors: rate, syncErrors: plan.durability == .sync ? errorRate : 0,
            otherErrors: errorRate, diesAtCall: disk.faults.diesAtCall, bytesMax: bytesMax,
            lyingSyncs: isCalm ? 0 : plan.lyingSyncs)
    }

    private func beginOutage() {
        tell("disk", "nothing can be written")
        outageSince = scheduler.now
        applyFaults()
        later { $0.endOutage() }
    }

    private func endOutage() {
        tell("disk", "can be written again")
        outageSince = nil
        applyFaults()
    }

    private func fillDisk() {
        let used = disk.names.reduce(0) { $0 + disk.content($1).count }
        bytesMax = used + Int.random(in: 0...6_000, using: &random)
        tell("disk", "is nearly full")
        applyFaults()
        later { $0.makeRoom() }
    }

    private func makeRoom() {
        tell("disk", "has room again")
        bytesMax = nil
        applyFaults()
    }

    private func beginErrors() {
        tell("disk", "fails now and then")
        errorRate = plan.diskErrors
        applyFaults()
        later { world in
            world.errorRate = 0
            world.applyFaults()
        }
    }

    private func dieSoon() {
        disk.faults.diesAtCall = disk.calls + Int.random(in: 1...8, using: &random)
    }

    private func stepWallClock() {
        let seconds = [-100, -30, -8, -1, 1, 8, 30, 100].randomElement(using: &random) ?? 0
        tell("world", "the wall clock is stepped by \(seconds) s")
        wallOffset = wallOffset + .seconds(seconds)
        wallSteps.append(scheduler.now)
    }

    /// Only where it is plain: one step since the start, and no claim of before has had time to age.
    func mustRefuseByClock(_ attempt: Attempt) -> Bool {
        guard wallSteps.count == 1, let step = wallSteps.first, attempt.sentAt > step else { return false }
        let drift = abs((wallOffset - offsetAtStart).nanosecondsClamped)
        let window = Duration.seconds(tokenLifetimeMax + 2 * skew)
        return drift > Duration.seconds(max(skew, 1)).nanosecondsClamped && scheduler.now - step < window
    }

    private func changeRules() {
        ruleSet = 1 - ruleSet
        proxy?.rules = Cast.rules[ruleSet]
        tell("world", "rule set \(ruleSet)")
    }

    /// Everything works again; from now on the world has to come to rest.
    func calmDown() {
        tell("world", "calm")
        isCalm = true
        (outageSince, errorRate, bytesMax) = (nil, 0, nil)
        disk.faults.diesAtCall = nil
        applyFaults()
        if wallOffset != .zero || plan.wallSteps > 0 {
            wallOffset = .zero
            wallSteps.append(scheduler.now)
            if proxy != nil { restart() }
        }
        if proxy == nil { startLater() }
    }
}
