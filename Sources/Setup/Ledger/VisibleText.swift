public import Primitives

/// Text that others wrote, made safe for a terminal and one line.
///
/// What does not show itself, or changes how its neighbours show, is written as `\u{…}`. Text that could be taken
/// for more than one word, or for `name=value`, stands in quotes.
public enum VisibleText {
    /// Longer text is cut, and the end says so.
    public static let charactersMax = 512

    public static func word(_ text: Text) -> String {
        var needsQuotes = text.isEmpty
        var visible = String.UnicodeScalarView()
        var count = 0
        for scalar in text.string.unicodeScalars {
            count += 1
            guard count <= charactersMax else { continue }
            needsQuotes = needsQuotes || scalar == " " || scalar == "="
            guard let escaped = escape(scalar) else {
                visible.append(scalar)
                continue
            }
            needsQuotes = true
            visible += escaped.unicodeScalars
        }
        let end = count > charactersMax ? "… (\(count - charactersMax) more)" : ""
        return needsQuotes ? "\"\(String(visible))\"\(end)" : String(visible) + end
    }

    /// A line of JSON that means the same and has nothing in it that a terminal would act on.
    ///
    /// What is not ASCII stands in its strings only, where an escape says the same.
    public static func json(_ line: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
            if scalar.isASCII {
                output.append(scalar.value < 0x20 || scalar.value == 0x7F ? 0x20 : UInt8(scalar.value))
            } else if isVisible(scalar.properties) {
                output += Array(String(scalar).utf8)
            } else {
                for unit in UTF16.encode(scalar) ?? .init() { output += "\\u\(hex(unit))".utf8 }
            }
        }
        return output
    }

    private static func hex(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }

    /// Nil when the character may stand as it is.
    private static func escape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\"", "\\": "\\\(scalar)"
        case "\n": "\\n"
        case "\t": "\\t"
        case "\r": "\\r"
        case " "..."~": nil
        default:
            isVisible(scalar.properties) ? nil : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }

    private static func isVisible(_ properties: Unicode.Scalar.Properties) -> Bool {
        guard !properties.isDefaultIgnorableCodePoint else { return false }
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator,
            .paragraphSeparator:
            return false
        default: return true
        }
    }
}
