/// Writes JSON: members in their order, numbers as they were read, no white space.
extension JSON {
    /// One line of UTF-8 without a newline.
    public var encoded: [UInt8] {
        var output: [UInt8] = []
        write(into: &output)
        return output
    }

    /// Writes `encoded` behind `output`.
    public func write(into output: inout [UInt8]) {
        switch self {
        case .null: output += JSONWord.null
        case .bool(let flag): output += flag ? JSONWord.true : JSONWord.false
        case .number(let number): output += number.text.bytes
        case .string(let text): JSONText.write(text, into: &output)
        case .array(let items):
            output.append(0x5B)
            for (position, item) in items.enumerated() {
                if position > 0 { output.append(0x2C) }
                item.write(into: &output)
            }
            output.append(0x5D)
        case .object(let object):
            output.append(0x7B)
            for (position, member) in object.members.enumerated() {
                if position > 0 { output.append(0x2C) }
                JSONText.write(member.name, into: &output)
                output.append(0x3A)
                member.value.write(into: &output)
            }
            output.append(0x7D)
        }
    }
}

extension Text {
    /// Writes the text as a JSON string behind `output`; bytes that are not UTF-8 become U+FFFD.
    public func writeJSON(into output: inout [UInt8]) { JSONText.write(self, into: &output) }
}

/// A string literal as RFC 8785 §3.2.2.2 wants it; bytes that are not UTF-8 become U+FFFD.
enum JSONText {
    private static let digits = Array("0123456789abcdef".utf8)

    static func write(_ text: Text, into output: inout [UInt8]) {
        output.append(0x22)
        if isPlain(text.bytes) {
            output += text.bytes
        } else {
            writeEscaped(UTF8Check.isValid(text.bytes) ? text.bytes : Array(text.string.utf8), into: &output)
        }
        output.append(0x22)
    }

    /// Printable ASCII with nothing to escape, as nearly every text is.
    private static func isPlain(_ bytes: [UInt8]) -> Bool {
        for byte in bytes where !(0x20..<0x80 ~= byte) || byte == 0x22 || byte == 0x5C { return false }
        return true
    }

    private static func writeEscaped(_ bytes: [UInt8], into output: inout [UInt8]) {
        for byte in bytes {
            switch byte {
            case 0x22, 0x5C: output += [0x5C, byte]
            case 0x08: output += [0x5C, 0x62]
            case 0x09: output += [0x5C, 0x74]
            case 0x0A: output += [0x5C, 0x6E]
            case 0x0C: output += [0x5C, 0x66]
            case 0x0D: output += [0x5C, 0x72]
            case 0..<0x20: output += [0x5C, 0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: output.append(byte)
            }
        }
    }
}

enum JSONWord {
    static let null = Array("null".utf8)
    static let `true` = Array("true".utf8)
    static let `false` = Array("false".utf8)
}
