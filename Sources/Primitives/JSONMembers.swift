/// Reads some members of an object, and no more than checks the rest.
///
/// A log is read back by the million lines, of whose members only a few matter. To check a text costs a
/// fraction of building it.
extension JSONParser {
    /// The object's members of those names, in their order in the text.
    ///
    /// Refuses exactly the texts that `parse` refuses, and those that are not an object.
    public static func members(
        _ wanted: [Text], of bytes: [UInt8], limits: Limits = Limits()
    ) throws(JSONError) -> JSONObject {
        var parser = JSONParser(bytes, limits)
        parser.skipWhitespace()
        guard parser.current == 0x7B else { throw .unexpectedByte(at: parser.index) }
        guard let object = try parser.members(wanted) else {
            // The long way finds out what is wrong, if anything is.
            let whole = try parse(bytes, limits: limits).object?.members ?? []
            return JSONObject(whole.filter { wanted.contains($0.name) })
        }
        parser.skipWhitespace()
        guard parser.index == bytes.count else { throw .trailingBytes(at: parser.index) }
        return object
    }

    /// Names that are told apart by their hashes, one by one.
    private static let membersMax = 96

    /// Nil when there are many members, names that are not plain, or two that might be the same.
    private mutating func members(_ wanted: [Text]) throws(JSONError) -> JSONObject? {
        guard limits.depthMax > 0, limits.valuesMax > 0 else { return nil }
        var object = JSONObject()
        var seen: [UInt64] = []
        seen.reserveCapacity(Self.membersMax)
        (values, index) = (1, index + 1)
        skipWhitespace()
        if take(0x7D) { return object }
        while true {
            skipWhitespace()
            guard current == 0x22 else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
            guard let name = name(), seen.count < Self.membersMax, !seen.contains(name.hash) else {
                return nil
            }
            seen.append(name.hash)
            skipWhitespace()
            guard take(0x3A) else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
            skipWhitespace()
            if let kept = wanted.first(where: { bytes[name.place].elementsEqual($0.bytes) }) {
                object.append(kept, try value(depth: 1))
            } else {
                try check()
            }
            skipWhitespace()
            if take(0x7D) { return object }
            guard take(0x2C) else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
        }
    }

    /// A name's place in the text, and a hash (FNV-1a) of it; nil where it has an escape, or a byte that is not
    /// ASCII, or no end.
    private mutating func name() -> (place: Range<Int>, hash: UInt64)? {
        let start = index + 1
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for place in start..<bytes.count {
            let byte = bytes[place]
            if byte == 0x22 {
                index = place + 1
                return (start..<place, hash)
            }
            guard 0x20..<0x80 ~= byte, byte != 0x5C else { return nil }
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return nil
    }

    /// Any value, which is not kept.
    private mutating func check() throws(JSONError) {
        let start = index
        if current == 0x22, skipPlainText() { return }
        if current?.isASCIIDigit ?? false, skipPlainNumber() { return }
        index = start
        _ = try value(depth: 1)
    }

    /// False where the text has an escape, a byte that is not ASCII, or no end.
    private mutating func skipPlainText() -> Bool {
        for place in (index + 1)..<max(index + 1, bytes.count) {
            let byte = bytes[place]
            if byte == 0x22 {
                index = place + 1
                return countValue()
            }
            guard 0x20..<0x80 ~= byte, byte != 0x5C else { return false }
        }
        return false
    }

    /// False for what is not a short whole number without a leading zero.
    private mutating func skipPlainNumber() -> Bool {
        let start = index
        while index < bytes.count, bytes[index].isASCIIDigit { index += 1 }
        guard index < bytes.count, index - start <= 18, bytes[start] != 0x30 || index - start == 1,
            bytes[index] == 0x2C || bytes[index] == 0x7D
        else { return false }
        return countValue()
    }

    private mutating func countValue() -> Bool {
        guard values < limits.valuesMax else { return false }
        values += 1
        return true
    }
}
