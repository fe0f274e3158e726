public import Primitives

/// The valid name that an unknown one was probably meant to be.
public enum Suggestion {
    /// Longer names than this are not compared.
    private static let bytesMax = 64

    /// `did you mean …?` when a name is near, else the valid names.
    public static func phrase(for name: Text, among candidates: [String]) -> String {
        if let nearest = nearest(to: name, among: candidates) { return "did you mean `\(nearest)`?" }
        return "valid here: " + candidates.map { "`\($0)`" }.joined(separator: ", ")
    }

    /// The candidate that differs least, letter case aside; nil when none is near.
    public static func nearest(to name: Text, among candidates: [String]) -> String? {
        guard 1...bytesMax ~= name.count else { return nil }
        let scored = candidates.map { candidate in
            (candidate, distance(name.lowercased.bytes, Text(candidate).lowercased.bytes))
        }
        guard let best = scored.min(by: { $0.1 < $1.1 }) else { return nil }
        let longer = max(name.count, best.0.utf8.count)
        return best.1 <= min(3, max(1, longer / 3)) ? best.0 : nil
    }

    /// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                let change = last[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(change, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
