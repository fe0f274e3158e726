public import Primitives

/// `host` or `host:port`, as it stands in `Host` and in an absolute request target.
public enum Authority {
    /// RFC 1035 §2.3.4, in bytes.
    public static let hostBytesMax = 255

    /// In lower case; nil when it is not a name of letters, digits, `-`, `.` and `_`, an IPv4 address or an
    /// IPv6 address in brackets, with an optional port from 1 to 65535 without leading zeros.
    ///
    /// There is no user information, no percent-encoding and no empty port: no tool agrees with the next on
    /// those.
    public static func canonical(_ text: Text) -> Text? {
        let bytes = text.bytes
        let hostEnd: Int
        if bytes.first == Byte.leftBracket {
            guard let close = bytes.firstIndex(of: Byte.rightBracket), isIPv6(bytes[1..<close]) else {
                return nil
            }
            hostEnd = close + 1
        } else {
            hostEnd = bytes.firstIndex(of: Byte.colon) ?? bytes.count
            guard hostEnd > 0, ByteSet.hostName.containsAll(bytes[..<hostEnd]) else { return nil }
        }
        guard hostEnd <= hostBytesMax, isPort(bytes[hostEnd...]) else { return nil }
        return text.lowercased
    }

    private static func isIPv6(_ address: ArraySlice<UInt8>) -> Bool {
        address.count <= 45 && ByteSet.ipv6.containsAll(address)
            && address.count(where: { $0 == Byte.colon }) >= 2
    }

    /// Nothing, or a colon and a port.
    private static func isPort(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.first == Byte.colon else { return bytes.isEmpty }
        let digits = bytes.dropFirst()
        guard (1...5).contains(digits.count), digits.first != 0x30, digits.allSatisfy(\.isASCIIDigit) else {
            return false
        }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 65535
    }
}
