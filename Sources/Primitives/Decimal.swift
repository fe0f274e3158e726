/// An exact decimal number: `1000`, `1e3` and `1000.0` are one value, 2^53+1 is not 2^53.
///
/// Rules and constraints compare numbers with this and never as binary floats (contract §2, §4). There is no
/// arithmetic: nothing here rounds.
public struct Decimal: Hashable, Sendable {
    /// An exponent beyond this is refused: no honest argument needs it.
    public static let exponentMax = 999_999

    private let isNegative: Bool
    /// Values 0...9 with no zero at either end; none for zero.
    private let digits: [UInt8]
    /// The power of ten of the first digit.
    private let exponent: Int

    /// JSON's grammar of a number (RFC 8259 §6); nil for anything else or an exponent out of bounds.
    public init?(_ text: some Collection<UInt8>) {
        var rest = text[...]
        func takeDigits() -> [UInt8] {
            let run = rest.prefix(while: \.isASCIIDigit)
            rest = rest.dropFirst(run.count)
            return run.map { $0 - 0x30 }
        }
        let negative = rest.first == 0x2D
        if negative { rest = rest.dropFirst() }
        let whole = takeDigits()
        guard !whole.isEmpty, whole.count == 1 || whole[0] != 0 else { return nil }
        var fraction: [UInt8] = []
        if rest.first == 0x2E {
            rest = rest.dropFirst()
            fraction = takeDigits()
            guard !fraction.isEmpty else { return nil }
        }
        var power = 0
        if let mark = rest.first, mark == 0x65 || mark == 0x45 {
            rest = rest.dropFirst()
            let down = rest.first == 0x2D
            if down || rest.first == 0x2B { rest = rest.dropFirst() }
            let exponentDigits = takeDigits()
            guard !exponentDigits.isEmpty else { return nil }
            for digit in exponentDigits {
                power = power * 10 + Int(digit)
                guard power <= Self.exponentMax else { return nil }
            }
            if down { power = -power }
        }
        guard rest.isEmpty else { return nil }
        self.init(negative: negative, digits: whole + fraction, exponent: whole.count - 1 + power)
    }

    public init(_ value: Int64) {
        self.init(
            negative: value < 0, digits: String(value.magnitude).utf8.map { $0 - 0x30 },
            exponent: String(value.magnitude).utf8.count - 1)
    }

    private init(negative: Bool, digits: [UInt8], exponent: Int) {
        let leading = digits.prefix { $0 == 0 }.count
        var kept = digits.dropFirst(leading)
        while kept.last == 0 { kept = kept.dropLast() }
        self.digits = Array(kept)
        self.exponent = kept.isEmpty ? 0 : exponent - leading
        isNegative = negative && !kept.isEmpty
    }

    /// The value when it is a whole number that fits.
    public var int64: Int64? {
        guard !digits.isEmpty else { return 0 }
        guard exponent >= digits.count - 1, exponent <= 18 else { return nil }
        var value: Int64 = 0
        for place in 0...exponent {
            let digit = Int64(place < digits.count ? digits[place] : 0)
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) =
                isNegative
                ? scaled.subtractingReportingOverflow(digit) : scaled.addingReportingOverflow(digit)
            guard !overflow, !carry else { return nil }
            value = next
        }
        return value
    }

    /// ECMAScript's `Number::toString` layout of these digits (RFC 8785 §3.2.2.3).
    var ecmaScriptText: [UInt8] {
        guard !digits.isEmpty else { return [0x30] }
        let point = exponent + 1
        let shown = digits.map { $0 + 0x30 }
        let sign: [UInt8] = isNegative ? [0x2D] : []
        if digits.count <= point, point <= 21 {
            return sign + shown + [UInt8](repeating: 0x30, count: point - digits.count)
        }
        if 0 < point, point <= 21 { return sign + shown[..<point] + [0x2E] + shown[point...] }
        if -6 < point, point <= 0 {
            return sign + [0x30, 0x2E] + [UInt8](repeating: 0x30, count: -point) + shown
        }
        let power = Array((exponent < 0 ? "e-" : "e+").utf8) + Array(String(abs(exponent)).utf8)
        return sign + shown[..<1] + (shown.count > 1 ? [0x2E] + shown[1...] : []) + power
    }
}

extension Decimal: Comparable {
    public static func < (left: Decimal, right: Decimal) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        return left.isNegative ? right.precedesInMagnitude(left) : left.precedesInMagnitude(right)
    }

    private func precedesInMagnitude(_ other: Decimal) -> Bool {
        if digits.isEmpty || other.digits.isEmpty { return digits.isEmpty && !other.digits.isEmpty }
        if exponent != other.exponent { return exponent < other.exponent }
        return digits.lexicographicallyPrecedes(other.digits)
    }
}

extension Decimal: CustomStringConvertible {
    public var description: String { String(decoding: ecmaScriptText, as: UTF8.self) }
}
