import Primitives

/// The query of a request target.
enum Query {
    static func check(_ query: Text) throws(HTTPError) {
        guard !query.isEmpty else { throw .targetEmptyQuery }
        let allowed = ByteSet.query
        let bytes = query.bytes
        for index in bytes.indices {
            guard allowed.contains(bytes[index]) else {
                throw bytes[index] == Byte.semicolon ? .targetParameters : .targetByte
            }
            guard bytes[index] == Byte.percent else { continue }
            guard index + 2 < bytes.count, let byte = PercentEncoding.byte(bytes[index + 1], bytes[index + 2])
            else {
                throw .targetEscape
            }
            if byte == 0 { throw .targetEncodedSeparator }
        }
    }

    static func items(of query: Text) throws(HTTPError) -> [(name: Text, value: Text)] {
        var items: [(name: Text, value: Text)] = []
        for piece in query.bytes.split(separator: Byte.ampersand) {
            let equals = piece.firstIndex(of: Byte.equals) ?? piece.endIndex
            items.append((try decode(piece[..<equals]), try decode(piece[equals...].dropFirst())))
        }
        return items
    }

    private static func decode(_ piece: ArraySlice<UInt8>) throws(HTTPError) -> Text {
        guard let decoded = PercentEncoding.decode(piece, plusIsSpace: true) else { throw .targetEscape }
        guard PercentEncoding.isUTF8(decoded) else { throw .queryNotUTF8 }
        return Text(decoded)
    }
}

/// RFC 3986 §2.1.
enum PercentEncoding {
    /// The byte that two hexadecimal digits of either case stand for.
    static func byte(_ high: UInt8, _ low: UInt8) -> UInt8? {
        guard let high = high.hexValue, let low = low.hexValue else { return nil }
        return high << 4 | low
    }

    static func isLowerCase(_ high: UInt8, _ low: UInt8) -> Bool {
        0x61...0x66 ~= high || 0x61...0x66 ~= low
    }

    /// Nil when a `%` is not followed by two hexadecimal digits.
    static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == Byte.percent {
                guard index + 2 < text.endIndex, let byte = byte(text[index + 1], text[index + 2]) else {
                    return nil
                }
                decoded.append(byte)
                index += 3
            } else {
                decoded.append(plusIsSpace && text[index] == Byte.plus ? Byte.space : text[index])
                index += 1
            }
        }
        return decoded
    }

    /// Overlong forms and surrogates are not UTF-8.
    static func isUTF8(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }
}
