/// Reads one JSON text (RFC 8259) with one meaning or not at all.
///
/// Refused beyond the grammar: duplicate member names at any depth, invalid UTF-8, lone surrogates, a byte order
/// mark, trailing bytes, depth over the limit and exponents over `Decimal.exponentMax`. What is accepted means the same
/// to every conforming reader.
public struct JSONParser {
    public struct Limits: Sendable {
        public var depthMax: Int
        /// Values of all kinds: what a text costs in memory goes with this, not with its bytes.
        public var valuesMax: Int
        /// Only for judging a corpus of plain RFC 8259 texts; nothing that decides allows duplicates.
        public var allowsDuplicateNames: Bool

        public init(depthMax: Int = 64, valuesMax: Int = 50_000, allowsDuplicateNames: Bool = false) {
            (self.depthMax, self.valuesMax) = (depthMax, valuesMax)
            self.allowsDuplicateNames = allowsDuplicateNames
        }
    }

    let bytes: [UInt8]
    let limits: Limits
    var index = 0
    var values = 0

    init(_ bytes: [UInt8], _ limits: Limits) { (self.bytes, self.limits) = (bytes, limits) }

    public static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes, limits)
        parser.skipWhitespace()
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.index == bytes.count else { throw .trailingBytes(at: parser.index) }
        return value
    }

    var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func skipWhitespace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard let byte = current else { throw .unexpectedEnd }
        values += 1
        guard values <= limits.valuesMax else { throw .tooManyValues }
        switch byte {
        case 0x7B: return try object(depth: depth + 1)
        case 0x5B: return try array(depth: depth + 1)
        case 0x22: return .string(try text())
        case 0x74: return try literal(JSONWord.true, .bool(true))
        case 0x66: return try literal(JSONWord.false, .bool(false))
        case 0x6E: return try literal(JSONWord.null, .null)
        case 0x2D, 0x30...0x39: return try number()
        default: throw .unexpectedByte(at: index)
        }
    }

    private mutating func literal(_ word: [UInt8], _ meaning: JSON) throws(JSONError) -> JSON {
        for byte in word {
            guard take(byte) else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
        }
        return meaning
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = index
        scan: while index < bytes.count {
            switch bytes[index] {
            case 0x30...0x39, 0x2D, 0x2B, 0x2E, 0x65, 0x45: index += 1
            default: break scan
            }
        }
        guard let number = JSONNumber(Text(bytes[start..<index])) else { throw .badNumber(at: start) }
        return .number(number)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        guard depth <= limits.depthMax else { throw .tooDeep(at: index) }
        index += 1
        var items: [JSON] = []
        skipWhitespace()
        if take(0x5D) { return .array(items) }
        while true {
            skipWhitespace()
            items.append(try value(depth: depth))
            skipWhitespace()
            if take(0x5D) { return .array(items) }
            guard take(0x2C) else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
        }
    }

    /// From here on a set looks for duplicates; below it, a walk is faster.
    private static let membersBeforeSet = 12

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        guard depth <= limits.depthMax else { throw .tooDeep(at: index) }
        index += 1
        var object = JSONObject()
        var seen: Set<Text> = []
        skipWhitespace()
        if take(0x7D) { return .object(object) }
        while true {
            skipWhitespace()
            let start = index
            guard current == 0x22 else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
            let name = try text()
            if !limits.allowsDuplicateNames {
                let isNew: Bool
                if object.count < Self.membersBeforeSet {
                    isNew = !object.members.contains { $0.name == name }
                } else {
                    if seen.isEmpty { seen = Set(object.names) }
                    isNew = seen.insert(name).inserted
                }
                guard isNew else { throw .duplicateName(at: start) }
            }
            skipWhitespace()
            guard take(0x3A) else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
            skipWhitespace()
            object.append(name, try value(depth: depth))
            skipWhitespace()
            if take(0x7D) { return .object(object) }
            guard take(0x2C) else { throw current == nil ? .unexpectedEnd : .unexpectedByte(at: index) }
        }
    }

    /// A string whose opening quote is the current byte.
    mutating func text() throws(JSONError) -> Text {
        index += 1
        let start = index
        while index < bytes.count, bytes[index] != 0x22, bytes[index] != 0x5C, 0x20..<0x80 ~= bytes[index] {
            index += 1
        }
        if current == 0x22 {
            defer { index += 1 }
            return Text(bytes[start..<index])
        }
        var decoded = Array(bytes[start..<index])
        while true {
            guard let byte = current else { throw .unexpectedEnd }
            switch byte {
            case 0x22:
                index += 1
                return Text(decoded)
            case 0x5C: try escape(into: &decoded)
            case 0..<0x20: throw .controlCharacter(at: index)
            case 0x20..<0x80:
                decoded.append(byte)
                index += 1
            default: try multibyte(into: &decoded)
            }
        }
    }

    private mutating func escape(into decoded: inout [UInt8]) throws(JSONError) {
        let start = index
        index += 1
        guard let letter = current else { throw .unexpectedEnd }
        index += 1
        switch letter {
        case 0x22, 0x5C, 0x2F: decoded.append(letter)
        case 0x62: decoded.append(0x08)
        case 0x66: decoded.append(0x0C)
        case 0x6E: decoded.append(0x0A)
        case 0x72: decoded.append(0x0D)
        case 0x74: decoded.append(0x09)
        case 0x75: try unicodeEscape(from: start, into: &decoded)
        default: throw .badEscape(at: start)
        }
    }

    private mutating func unicodeEscape(from start: Int, into decoded: inout [UInt8]) throws(JSONError) {
        var point = try hexQuad(from: start)
        if 0xD800...0xDBFF ~= point {
            guard take(0x5C), take(0x75) else { throw .loneSurrogate(at: start) }
            let low = try hexQuad(from: start)
            guard 0xDC00...0xDFFF ~= low else { throw .loneSurrogate(at: start) }
            point = 0x10000 + (point - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(point) else { throw .loneSurrogate(at: start) }
        decoded.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
    }

    private mutating func hexQuad(from start: Int) throws(JSONError) -> UInt32 {
        guard index + 4 <= bytes.count else { throw .unexpectedEnd }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = bytes[index].hexValue else { throw .badEscape(at: start) }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }

    /// One scalar of two to four bytes, checked to the letter of RFC 3629 §4.
    private mutating func multibyte(into decoded: inout [UInt8]) throws(JSONError) {
        guard let length = UTF8Check.sequenceLength(bytes, at: index) else { throw .badUTF8(at: index) }
        decoded.append(contentsOf: bytes[index..<(index + length)])
        index += length
    }
}

/// UTF-8 validity (RFC 3629 §4): no overlong form, no surrogate, nothing above U+10FFFF.
public enum UTF8Check {
    public static func isValid(_ bytes: [UInt8]) -> Bool {
        var index = 0
        while index < bytes.count {
            if bytes[index] < 0x80 {
                index += 1
            } else if let length = sequenceLength(bytes, at: index) {
                index += length
            } else {
                return false
            }
        }
        return true
    }

    /// The length of the multi-byte sequence that begins at `index`; nil when it is not valid.
    static func sequenceLength(_ bytes: [UInt8], at index: Int) -> Int? {
        let lead = bytes[index]
        let length: Int
        let second: ClosedRange<UInt8>
        switch lead {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return nil }
        return bytes[(index + 2)..<(index + length)].allSatisfy { 0x80...0xBF ~= $0 } ? length : nil
    }
}

public enum JSONError: Error, Hashable {
    case unexpectedEnd
    case unexpectedByte(at: Int)
    case trailingBytes(at: Int)
    case duplicateName(at: Int)
    case badUTF8(at: Int)
    case loneSurrogate(at: Int)
    case controlCharacter(at: Int)
    case badEscape(at: Int)
    case badNumber(at: Int)
    case tooDeep(at: Int)
    case tooManyValues
}

extension JSONError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unexpectedEnd: "the JSON ends too early"
        case .unexpectedByte(let offset): "not JSON at byte \(offset)"
        case .trailingBytes(let offset): "bytes after the JSON value, at byte \(offset)"
        case .duplicateName(let offset): "a member name appears twice, at byte \(offset)"
        case .badUTF8(let offset): "not UTF-8 at byte \(offset)"
        case .loneSurrogate(let offset): "a lone surrogate at byte \(offset)"
        case .controlCharacter(let offset): "a bare control character in a string, at byte \(offset)"
        case .badEscape(let offset): "an unknown escape at byte \(offset)"
        case .badNumber(let offset): "not a number, or out of bounds, at byte \(offset)"
        case .tooDeep(let offset): "nested too deeply at byte \(offset)"
        case .tooManyValues: "more values than are read"
        }
    }
}
