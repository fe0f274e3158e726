internal import Primitives

/// Compares a ledger with checkpoints while its records go by.
struct CheckpointWatch {
    private struct Watched {
        let checkpoint: TreeHead
        var verdict: LedgerReport.Verdict?
    }

    /// By size; `order[i]` is where the caller's i-th checkpoint stands.
    private var watched: [Watched]
    private let order: [Int]
    /// The first one that has no verdict yet.
    private var next = 0
    private var nextSize: UInt64

    init(_ checkpoints: [TreeHead]) {
        let sorted = checkpoints.indices.sorted { checkpoints[$0].size < checkpoints[$1].size }
        watched = sorted.map { Watched(checkpoint: checkpoints[$0], verdict: nil) }
        var order = sorted
        for (place, index) in sorted.enumerated() { order[index] = place }
        self.order = order
        nextSize = watched.first?.checkpoint.size ?? .max
    }

    /// What is there begins after `head`.
    mutating func begins(after head: ChainHead) {
        while next < watched.count, watched[next].checkpoint.size < head.sequence {
            settle(.tooOld(firstSequence: head.sequence + 1))
        }
        reached(head)
    }

    /// A checkpoint that covers all records up to `head`, and no more, is compared.
    mutating func reached(_ head: ChainHead) {
        guard head.sequence == nextSize else { return }
        let root = head.tree.root
        while next < watched.count, watched[next].checkpoint.size == head.sequence {
            settle(watched[next].checkpoint.root == root ? .matches : .differs)
        }
    }

    /// The records beyond that one are no part of the ledger after all.
    mutating func goBack(to sequence: UInt64) {
        while next > 0, watched[next - 1].checkpoint.size > sequence {
            next -= 1
            watched[next].verdict = nil
        }
        nextSize = next < watched.count ? watched[next].checkpoint.size : .max
    }

    private mutating func settle(_ verdict: LedgerReport.Verdict) {
        watched[next].verdict = verdict
        next += 1
        nextSize = next < watched.count ? watched[next].checkpoint.size : .max
    }

    /// In the caller's order; `rest` is said of those that were not reached.
    func findings(rest: LedgerReport.Verdict) -> [LedgerReport.Finding] {
        order.map { place in
            LedgerReport.Finding(
                checkpoint: watched[place].checkpoint, verdict: watched[place].verdict ?? rest)
        }
    }
}
