public import Primitives

/// A part of a document and where it stands.
///
/// Read it with the methods that say what it should be; they throw what was found instead, and where.
public struct Node: Sendable {
    public enum Kind: Sendable {
        /// Quoted (or a block scalar) is always text; plain may be a number, a boolean or nothing.
        case scalar(Text, isQuoted: Bool)
        case sequence([Node])
        /// In the order written; no key twice, every key a scalar.
        case mapping([Member])
    }

    public struct Member: Sendable {
        public let key, value: Node
    }

    public let kind: Kind
    public let position: Position

    init(_ kind: Kind, at position: Position) { (self.kind, self.position) = (kind, position) }

    public func error(_ message: String) -> DocumentError { DocumentError(message, at: position) }
}

/// What a scalar says, by the core schema of YAML 1.2 (§10.3).
enum ScalarMeaning {
    case text(Text)
    case number(JSONNumber)
    case bool(Bool)
    case null
    /// A number to some readers of YAML and not to JSON: `010`, `0x1F`, `+5`, `.inf`.
    case unclear(Text)
}

extension Node {
    /// Nil for a list or a mapping.
    var meaning: ScalarMeaning? {
        guard case .scalar(let text, let isQuoted) = kind else { return nil }
        if isQuoted { return .text(text) }
        switch text.lowercased {
        case "", "~": return .null
        case "null" where text.isCased("null", "Null", "NULL"): return .null
        case "true" where text.isCased("true", "True", "TRUE"): return .bool(true)
        case "false" where text.isCased("false", "False", "FALSE"): return .bool(false)
        case ".inf", "-.inf", "+.inf", ".nan": return .unclear(text)
        default: break
        }
        if let number = JSONNumber(text) { return .number(number) }
        return Self.looksNumeric(text) ? .unclear(text) : .text(text)
    }

    /// Digits where YAML reads a number and JSON does not (§10.3.2, and the underscores of YAML 1.1).
    private static func looksNumeric(_ text: Text) -> Bool {
        let signed = text.hasPrefix("+") || text.hasPrefix("-")
        let digits = signed ? text.dropFirst(1) : text
        if digits.hasPrefix("0x") {
            return digits.count > 2 && digits.bytes.dropFirst(2).allSatisfy { $0.hexValue != nil }
        }
        if digits.hasPrefix("0o") {
            return digits.count > 2 && digits.bytes.dropFirst(2).allSatisfy(\.isASCIIDigit)
        }
        var seenExponent = false
        var (seenDigit, seenPoint) = (false, false)
        for (index, byte) in digits.bytes.enumerated() {
            switch byte {
            case 0x30...0x39: seenDigit = true
            case 0x5F: guard seenDigit else { return false }
            case 0x2E:
                guard !seenPoint, !seenExponent else { return false }
                seenPoint = true
            case 0x45, 0x65:
                guard seenDigit, !seenExponent, index + 1 < digits.count else { return false }
                seenExponent = true
            case 0x2B, 0x2D:
                guard index > 0, [0x45, 0x65].contains(digits.bytes[index - 1]) else { return false }
            default: return false
            }
        }
        return seenDigit
    }

    /// For messages: what stands here.
    var found: String {
        switch kind {
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .scalar(let text, _):
            switch meaning {
            case .null, nil: return "nothing"
            case .number: return "the number \(Quoted.name(text))"
            case .text: return "the text \(Quoted.name(text))"
            case .bool, .unclear: return Quoted.name(text)
            }
        }
    }
}

extension Text {
    fileprivate func isCased(_ spellings: Text...) -> Bool { spellings.contains(self) }
}

/// What an operator wrote, fit for one line of a message.
public enum Quoted {
    private static let charactersMax = 80

    /// In backticks, control characters replaced, cut when long.
    public static func name(_ text: Text) -> String {
        let visible = text.string.unicodeScalars.prefix(charactersMax).map {
            $0.value < 0x20 || $0.value == 0x7F ? "?" : $0
        }
        let isCut = text.string.unicodeScalars.count > charactersMax
        return "`" + String(String.UnicodeScalarView(visible)) + (isCut ? "…" : "") + "`"
    }
}
