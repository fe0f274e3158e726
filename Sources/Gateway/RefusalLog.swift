internal import Ledger
internal import Primitives
internal import Synchronization

/// Refusals before redemption, in the ledger without anybody waiting for them (contract §6).
///
/// Each agent may write a few lines a minute; what is more is counted and written as one line a minute, agent and reason,
/// so that nobody fills the disk with refusals. While the ledger's disk is short of room all are only counted, and written
/// when there is room again, or at the end.
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
            guard ledger.hasRoomForRefusals else {
                count(Key(agent: agent, slug: slug), in: &state)
                return [Entry]()
            }
            var entries = roll(&state, at: time)
            let known = state.lines[agent]
            if known == nil, state.lines.count >= Self.keysMax {
                count(Key(agent: nil, slug: slug), in: &state)
            } else if (known ?? 0) < Self.linesPerWindow {
                state.lines[agent, default: 0] += 1
                entries.append(RefusedRecord(agent: agent.text, reason: Text(slug)).entry)
            } else {
                count(Key(agent: agent, slug: slug), in: &state)
            }
            return entries
        }
        if !entries.isEmpty { ledger.note(entries) }
    }

    /// Under its own key while the table has room, under no agent beyond that.
    private func count(_ key: Key, in state: inout State) {
        ledger.metrics.count(.refusalsCounted)
        let isKept = state.counts[key] != nil || state.counts.count < Self.keysMax
        state.counts[isKept ? key : Key(agent: nil, slug: key.slug), default: 0] += 1
    }

    /// Writes what was counted, when its window is over.
    func flush(ifDueAt time: Timestamp) {
        guard ledger.hasRoomForRefusals || time == .distantFuture else { return }
        let entries = state.withLock { roll(&$0, at: time) }
        if !entries.isEmpty { ledger.note(entries) }
    }

    /// Writes what was counted, at the end of the process.
    func flush() { flush(ifDueAt: .distantFuture) }

    private func roll(_ state: inout State, at time: Timestamp) -> [Entry] {
        // A clock that was set back must not stretch the window.
        guard time >= state.windowEnds || state.windowEnds - time > Self.window else { return [] }
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
