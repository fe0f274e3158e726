import Primitives

/// What happened, in order, for people: kept when somebody wants to read it.
final class Story {
    let isKept: Bool
    private let start: Timestamp
    private(set) var lines: [String] = []

    init(isKept: Bool, from start: Timestamp) { (self.isKept, self.start) = (isKept, start) }

    func tell(_ who: String, at time: Timestamp, _ what: @autoclosure () -> String) {
        guard isKept else { return }
        let micros = (time - start).nanosecondsClamped / 1_000
        let fraction = String(micros % 1_000_000)
        let padded = String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        lines.append("\(micros / 1_000_000).\(padded) \(who): \(what())")
    }
}
