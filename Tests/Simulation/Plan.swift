import Ledger
import Primitives
import TestKit

/// What one seed makes of a world: its settings and how much goes wrong in it.
struct Plan {
    var durability = Durability.sync
    /// Out of 1000 syncs, how many are lies.
    var lyingSyncs = 0
    var lossesAreWhole = false

    var requests: Int
    var activeSeconds: Int
    var kills: Int
    var powerLosses: Int
    var stops: Int
    var deathsInCalls: Int
    var outages: Int
    var floods: Int
    /// Out of 1000 calls to the disk, for spells of time.
    var diskErrors: Int
    var wallSteps: Int
    /// False in worlds where lost records and a clock set back could come together: no ledger can know then.
    var losesPower = true
    var ruleChanges: Int
    var raisesWindow: Bool
    /// The proxy finds the last checkpoint when it starts.
    var knowsCheckpoint: Bool
    /// Seconds.
    var tokenLifetime: Int
    var skew: Int

    var claimsMax: Int
    var pendingMax: Int
    var connectionsMax: Int
    var segmentBytesMax: Int
    var batchMax: Int

    init(_ random: inout SeededGenerator) {
        func some(_ choices: [Int]) -> Int { choices.randomElement(using: &random) ?? 0 }
        if random.chance(250) { durability = .flush }
        if durability == .sync, random.chance(120) { lyingSyncs = some([100, 400, 1000]) }
        lossesAreWhole = random.chance(500)
        requests = some([6, 12, 20])
        activeSeconds = some([4, 20, 60])
        kills = some([0, 0, 1, 2])
        powerLosses = some([0, 0, 1])
        if lyingSyncs > 0 { powerLosses += 1 }
        stops = some([0, 0, 1])
        deathsInCalls = some([0, 0, 1, 2])
        outages = some([0, 0, 1])
        floods = some([0, 0, 0, 1])
        diskErrors = some([0, 0, 20, 120])
        wallSteps = some([0, 0, 0, 1, 2])
        ruleChanges = some([0, 0, 1])
        knowsCheckpoint = random.chance(500)
        raisesWindow = random.chance(200)
        tokenLifetime = some([5, 10, 20])
        skew = some([0, 1, 3])
        claimsMax = some([8, 1000, 1000])
        pendingMax = some([1, 4, 4])
        connectionsMax = some([1, 2, 8])
        segmentBytesMax = some([4_000, 12_000, 1 << 20])
        batchMax = some([1, 3, 4_096])
        if mayLoseRecords, wallSteps > 0 {
            let keepsPower = lyingSyncs == 0 && random.chance(500)
            if keepsPower { (losesPower, powerLosses) = (false, 0) } else { wallSteps = 0 }
        }
    }

    /// The ledger may lack records that were acknowledged, after a loss of power.
    var mayLoseRecords: Bool { durability == .flush || lyingSyncs > 0 }
}
