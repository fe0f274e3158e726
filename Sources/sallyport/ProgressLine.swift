import Primitives
import Reactor

/// How far a long reading is: one line on a terminal, rewritten once a second; nothing anywhere else.
final class ProgressLine {
    private static let interval: Duration = .seconds(1)

    private let clock = SystemClock()
    private let isSeen = Host.standardErrorIsTerminal
    private let began: Timestamp
    private var shown: Timestamp
    private var hasText = false

    init() {
        began = clock.now.time
        shown = began
    }

    /// Bytes.
    func show(_ done: Int, of total: Int) {
        guard isSeen, total > 0 else { return }
        let now = clock.now.time
        guard now - shown >= Self.interval else { return }
        let speed = Int(Double(done) / 1e6 / (now - began).inSeconds)
        write("\r\u{1B}[K\(done * 100 / total) %  \(speed) MB/s")
        (shown, hasText) = (now, true)
    }

    /// Before anything else is written.
    func clear() {
        if hasText { write("\r\u{1B}[K") }
        hasText = false
    }

    private func write(_ text: String) { Host.writeToStandardError(Array(text.utf8)) }
}
