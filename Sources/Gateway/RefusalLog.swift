internal import Ledger
internal import Primitives
internal import Synchronization

/// Refusals before redemption, in the ledger without anybody waiting for them (contract §6).
///
/// Each agent may write a few lines a minute; what is more is counted and written as one line a minute, agent and reason,
/// so that nobody fills the disk with refusals.
final class RefusalLog: Sendable {
    /// Lines of their own that one agent gets in a window.
    static let linesPerWindow = 20
    static let window: Duration = .seconds(60)
    /// Agents and reasons told apart in one window; further ones are counted under no agent.
    static let keysMax = 4_096

    private struct Key: Hashable {
        let agent: SPIFFEID?
        let slug: String
    }

    private struct State {
        var windowEnds = Timestamp.distantPast
        var lines: [SPIFFEID: Int] = [:]
        var counts: [Key: Int] = [:]
    }

    private let state = Mutex(State())
    private let ledger: LedgerWriter

    init(_ ledger: LedgerWriter) { self.ledger = ledger }

    func note(_ slug: String, by agent: SPIFFEID, at time: Timestamp) {
        let entries = state.withLock { state in
            var entries = roll(&state, at: time)
            let known = state.lines[agent]
            if known == nil, state.lines.count >= Self.keysMax {
                state.counts[Key(agent: nil, slug: slug), default: 0] += 1
            } else if (known ?? 0) < Self.linesPerWindow {
                state.lines[agent, default: 0] += 1
                entries.append(RefusedRecord(agent: agent.text, reason: Text(slug)).entry)
            } else {
                state.counts[Key(agent: agent, slug: slug), default: 0] += 1
            }
            return entries
        }
        if !entries.isEmpty { ledger.note(entries) }
    }

    /// Writes what was counted, when its window is over.
    func flush(ifDueAt time: Timestamp) {
        let entries = state.withLock { roll(&$0, at: time) }
        if !entries.isEmpty { ledger.note(entries) }
    }

    /// Writes what was counted, at the end of the process.
    func flush() { flush(ifDueAt: .distantFuture) }

    private func roll(_ state: inout State, at time: Timestamp) -> [Entry] {
        guard time >= state.windowEnds else { return [] }
        if time != .distantFuture, state.counts.isEmpty, state.lines.isEmpty {
            state.windowEnds = time + Self.window
            return []
        }
        let entries = state.counts.map { key, count in
            RefusedRecord(agent: key.agent?.text, reason: Text(key.slug), count: count).entry
        }
        state = State(windowEnds: time == .distantFuture ? .distantPast : time + Self.window)
        return entries
    }
}
