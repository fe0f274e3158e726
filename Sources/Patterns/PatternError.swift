/// Why an expression is no pattern.
public enum PatternError: Error, Hashable, Sendable {
    /// More than `Pattern.expressionBytesMax` bytes.
    case tooLong
    case notUTF8
    /// PCRE2's own words, and the byte of the expression they speak of.
    case invalid(message: String, offset: Int)
}

extension PatternError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong: "longer than \(Pattern.expressionBytesMax) bytes"
        case .notUTF8: "not UTF-8"
        case .invalid(let message, let offset): "\(message) at offset \(offset)"
        }
    }
}
