public import Primitives

/// A path by its text alone; nothing is looked up.
extension Text {
    /// All before the last name: `.` where there is no slash.
    public var parentDirectory: Text {
        guard let slash = bytes.lastIndex(of: 0x2F) else { return "." }
        return slash == 0 ? "/" : prefix(slash)
    }

    public var lastName: Text { bytes.lastIndex(of: 0x2F).map { dropFirst($0 + 1) } ?? self }
}
