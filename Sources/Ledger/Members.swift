internal import Primitives

/// Writes a record's members as JSON text, one behind the other: what has no value is `null`, so that every
/// record of one event has the same shape.
///
/// Names are literals of this module; each is used once.
struct Members {
    private var bytes: [UInt8] = []
    private var isEmpty = true
    /// Nesting, the record's own object included.
    private(set) var depth = 1

    /// Room for a decision or a release.
    static let bytesOfDecision = 1_280

    init(expecting count: Int = 384) {
        bytes.reserveCapacity(count)
        bytes.append(0x7B)
    }

    consuming func finish() -> [UInt8] {
        bytes.append(0x7D)
        return bytes
    }

    private mutating func name(_ name: String) {
        if !isEmpty { bytes.append(0x2C) }
        isEmpty = false
        bytes.append(0x22)
        bytes += name.utf8
        bytes.append(0x22)
        bytes.append(0x3A)
    }

    private mutating func null() { bytes += Self.nullWord }
    private static let nullWord = Array("null".utf8)

    /// A word that needs no escape.
    mutating func word(_ name: String, _ value: String?) {
        self.name(name)
        guard let value else { return null() }
        bytes.append(0x22)
        bytes += value.utf8
        bytes.append(0x22)
    }

    mutating func text(_ name: String, _ value: Text?) {
        self.name(name)
        if let value { value.writeJSON(into: &bytes) } else { null() }
    }

    mutating func texts(_ name: String, _ values: [Text]) {
        self.name(name)
        depth = max(depth, 2)
        bytes.append(0x5B)
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            value.writeJSON(into: &bytes)
        }
        bytes.append(0x5D)
    }

    mutating func integer(_ name: String, _ value: Int64?) {
        self.name(name)
        guard let value else { return null() }
        if value < 0 { bytes.append(0x2D) }
        bytes.append(decimal: value.magnitude)
    }

    mutating func json(_ name: String, _ value: JSON) {
        self.name(name)
        depth = max(depth, 1 + value.depth)
        value.write(into: &bytes)
    }

    mutating func call(_ name: String, _ value: CallID?) { text(name, value?.text) }
    mutating func time(_ name: String, _ value: Timestamp?) { word(name, value?.rfc3339) }

    mutating func digest(_ name: String, _ value: Digest?) {
        self.name(name)
        guard let value else { return null() }
        bytes.append(0x22)
        value.appendHex(to: &bytes)
        bytes.append(0x22)
    }

    /// An object with the members that `body` writes.
    mutating func object(_ name: String, _ body: (inout Members) -> Void) {
        self.name(name)
        bytes.append(0x7B)
        isEmpty = true
        body(&self)
        bytes.append(0x7D)
        (isEmpty, depth) = (false, max(depth, 2))
    }

    mutating func null(_ name: String) {
        self.name(name)
        null()
    }
}

extension [UInt8] {
    /// The number's digits, without a `String` between.
    mutating func append(decimal number: UInt64) {
        var place: UInt64 = 1
        while number / place >= 10 { place *= 10 }
        append(addingCapacity: 20) { (output: inout OutputSpan<UInt8>) in
            while place > 0 {
                output.append(0x30 + UInt8(number / place % 10))
                place /= 10
            }
        }
    }
}
