/// The JSON Canonicalization Scheme (RFC 8785): one text for one value, so that a digest binds the value.
extension JSON {
    public enum CanonicalNumbers: Sendable {
        /// Throws unless the number's exact value is the value of its canonical text. Every digest uses this: two
        /// different calls never share one (contract §2).
        case exact
        /// Rounds to the nearest IEEE 754 double, as RFC 8785 does by itself.
        case rounded
    }

    public func canonical(numbers: CanonicalNumbers = .exact) throws(CanonicalJSONError) -> [UInt8] {
        var output: [UInt8] = []
        try writeCanonical(numbers, into: &output)
        return output
    }

    private func writeCanonical(_ numbers: CanonicalNumbers, into output: inout [UInt8])
        throws(CanonicalJSONError)
    {
        switch self {
        case .null, .bool: output += encoded
        case .string(let text): JSONText.write(text, into: &output)
        case .number(let number): output += try number.canonicalText(numbers)
        case .array(let items):
            output.append(0x5B)
            for (position, item) in items.enumerated() {
                if position > 0 { output.append(0x2C) }
                try item.writeCanonical(numbers, into: &output)
            }
            output.append(0x5D)
        case .object(let object):
            output.append(0x7B)
            for (position, member) in object.canonicalOrder.enumerated() {
                if position > 0 { output.append(0x2C) }
                JSONText.write(member.name, into: &output)
                output.append(0x3A)
                try member.value.writeCanonical(numbers, into: &output)
            }
            output.append(0x7D)
        }
    }
}

extension JSONObject {
    /// RFC 8785 §3.2.3: names in the order of their UTF-16 code units, which for ASCII is the order of bytes.
    fileprivate var canonicalOrder: [Member] {
        if members.allSatisfy({ $0.name.bytes.allSatisfy { $0 < 0x80 } }) {
            return members.sorted { $0.name < $1.name }
        }
        return members.map { (key: Array($0.name.string.utf16), member: $0) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map(\.member)
    }
}

extension JSONNumber {
    fileprivate func canonicalText(_ numbers: JSON.CanonicalNumbers) throws(CanonicalJSONError) -> [UInt8] {
        guard let double = Double(text.string), double.isFinite else { throw .numberOverflows }
        // Swift prints the shortest digits that give the same double back, which is what ECMAScript prints too.
        guard let shortest = Decimal(Array(double.description.utf8)) else { throw .numberOverflows }
        if numbers == .exact {
            guard shortest == value else { throw .numberLosesPrecision }
            guard !(double == 0 && text.bytes.first == 0x2D) else { throw .negativeZero }
        }
        return shortest.ecmaScriptText
    }
}

public enum CanonicalJSONError: Error, Hashable, CustomStringConvertible {
    case numberOverflows, numberLosesPrecision, negativeZero

    public var description: String {
        switch self {
        case .numberOverflows: "a number is beyond the range of a double"
        case .numberLosesPrecision: "a number would lose precision in its canonical form"
        case .negativeZero: "negative zero has no canonical form of its own"
        }
    }
}
