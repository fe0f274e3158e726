/// A SPIFFE ID, valid by construction (SPIFFE-ID specification §2).
///
/// `spiffe://` in lower case, a trust domain of `[a-z0-9.-_]` up to 255 bytes, then path segments of
/// `[a-zA-Z0-9.-_]` that are never empty, `.` or `..`; at most 2048 bytes in all. Compared as bytes.
public struct SPIFFEID: Hashable, Sendable {
    public static let bytesMax = 2048
    public static let trustDomainBytesMax = 255

    /// The whole ID as written.
    public let text: Text
    public let trustDomain: Text
    /// With its leading slash; empty for the ID of a trust domain itself.
    public let path: Text

    public init(_ text: Text) throws(SPIFFEIDError) {
        let scheme: Text = "spiffe://"
        guard text.count <= Self.bytesMax else { throw .tooLong }
        guard text.hasPrefix(scheme) else { throw .wrongScheme }
        let rest = text.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: 0x2F) ?? rest.count
        self.text = text
        trustDomain = rest.prefix(slash)
        path = rest.dropFirst(slash)
        try Self.check(trustDomain: trustDomain)
        try Self.check(path: path)
    }

    /// True for a name that may stand between `spiffe://` and the path.
    public static func isTrustDomain(_ name: Text) -> Bool { (try? check(trustDomain: name)) != nil }

    private static func check(trustDomain: Text) throws(SPIFFEIDError) {
        guard !trustDomain.isEmpty else { throw .missingTrustDomain }
        guard trustDomain.count <= trustDomainBytesMax else { throw .tooLong }
        guard trustDomain.bytes.allSatisfy({ 0x61...0x7A ~= $0 || isCommon($0) }) else {
            throw .badTrustDomainCharacter
        }
    }

    private static func check(path: Text) throws(SPIFFEIDError) {
        guard !path.isEmpty else { return }
        for segment in path.dropFirst(1).split(on: 0x2F) {
            guard !segment.isEmpty else { throw .emptySegment }
            guard segment != ".", segment != ".." else { throw .dotSegment }
            guard segment.bytes.allSatisfy({ $0.isASCIILetter || isCommon($0) }) else {
                throw .badPathCharacter
            }
        }
    }

    private static func isCommon(_ byte: UInt8) -> Bool {
        byte.isASCIIDigit || byte == 0x2E || byte == 0x2D || byte == 0x5F
    }
}

extension SPIFFEID: CustomStringConvertible {
    public var description: String { text.string }
}

public enum SPIFFEIDError: Error, Hashable, CustomStringConvertible {
    case wrongScheme, missingTrustDomain, badTrustDomainCharacter, badPathCharacter, emptySegment, dotSegment,
        tooLong

    public var description: String {
        switch self {
        case .wrongScheme: "a SPIFFE ID begins with `spiffe://`"
        case .missingTrustDomain: "the trust domain is missing"
        case .badTrustDomainCharacter: "a trust domain has only a-z, 0-9, `.`, `-` and `_`"
        case .badPathCharacter: "a path segment has only letters, digits, `.`, `-` and `_`"
        case .emptySegment: "a path segment is empty, or the path ends in `/`"
        case .dotSegment: "a path segment is `.` or `..`"
        case .tooLong:
            "longer than \(SPIFFEID.bytesMax) bytes, or a trust domain over \(SPIFFEID.trustDomainBytesMax)"
        }
    }
}
