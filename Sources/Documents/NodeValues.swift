public import Primitives

/// Scalars and lists, read as what they should be.
extension Node {
    /// Text: quoted, or plain and not a number, a boolean or nothing.
    public func text() throws(DocumentError) -> Text {
        switch meaning {
        case .text(let text): return text
        case .number, .bool, .unclear:
            throw error("expected text, found \(found); put it in quotes if text is meant")
        case .null, nil: throw error("expected text, found \(found)")
        }
    }

    /// A list; it may be empty.
    public func items() throws(DocumentError) -> [Node] {
        guard case .sequence(let items) = kind else {
            throw error("expected a list, found \(found)\(listHint)")
        }
        return items
    }

    /// A list of texts; it may be empty.
    public func texts() throws(DocumentError) -> [Text] {
        guard case .sequence(let items) = kind else {
            throw error("expected a list of texts, found \(found)\(listHint)")
        }
        var texts: [Text] = []
        for item in items { texts.append(try item.text()) }
        return texts
    }

    /// A whole number, in decimal and without quotes.
    public func int(in range: ClosedRange<Int>) throws(DocumentError) -> Int {
        let wanted = "expected a whole number from \(range.lowerBound) to \(range.upperBound), found \(found)"
        guard case .number(let number) = meaning else {
            if case .text(let text) = meaning, JSONNumber(text) != nil {
                throw error("\(wanted); leave out the quotes")
            }
            throw error(wanted)
        }
        guard number.text.bytes.allSatisfy({ $0.isASCIIDigit || $0 == 0x2D }), let value = number.value.int64,
            let int = Int(exactly: value), range.contains(int)
        else { throw error(wanted) }
        return int
    }

    /// `true` or `false`.
    public func bool() throws(DocumentError) -> Bool {
        guard case .bool(let flag) = meaning else {
            throw error("expected `true` or `false`, found \(found)")
        }
        return flag
    }

    /// A scalar as JSON: quoted is text; plain by the core schema of YAML 1.2, but what JSON would not read as the
    /// same number (`010`, `0x1F`, `+5`, `.inf`) is refused.
    public func jsonValue() throws(DocumentError) -> JSON {
        switch meaning {
        case .text(let text): return .string(text)
        case .number(let number): return .number(number)
        case .bool(let flag): return .bool(flag)
        case .null: return .null
        case .unclear:
            throw error(
                "\(found) is not a plain decimal number; write it as one, or quote it if text is meant")
        case nil: throw error("expected a text, a number, `true` or `false`, found \(found)")
        }
    }

    /// The value that goes with one of the given names.
    public func choice<T>(_ options: [String: T]) throws(DocumentError) -> T {
        let text = try text()
        guard let option = options.first(where: { Text($0.key) == text }) else {
            throw error(
                "unknown value \(Quoted.name(text)); \(Suggestion.phrase(for: text, among: options.keys.sorted()))"
            )
        }
        return option.value
    }

    private var listHint: String {
        guard case .scalar(let text, _) = kind, !text.isEmpty else { return "" }
        return "; write \(Quoted.name("[" + text + "]"))"
    }
}
