public import Primitives

/// Text in which `*` stands for any characters, none too.
public struct WildcardText: Hashable, Sendable {
    private let pieces: [Text]

    public init(_ text: Text) { pieces = text.split(on: 0x2A) }

    public func matches(_ text: Text) -> Bool {
        let (first, last) = (pieces[0], pieces[pieces.count - 1])
        guard pieces.count > 1 else { return text == first }
        guard text.count >= first.count + last.count, text.hasPrefix(first), text.hasSuffix(last) else {
            return false
        }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for piece in pieces.dropFirst().dropLast() {
            guard let start = rest.start(of: piece) else { return false }
            rest = rest.dropFirst(start + piece.count)
        }
        return true
    }
}

extension Text {
    fileprivate func start(of part: Text) -> Int? {
        guard part.count <= count else { return nil }
        return (0...(count - part.count)).first { bytes[$0...].starts(with: part.bytes) }
    }
}
