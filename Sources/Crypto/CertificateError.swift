/// Why bytes are not a certificate that can be judged, or a certificate can not be made.
public enum CertificateError: Error, Hashable, Sendable {
    case tooLarge
    /// Not one X.509 certificate in DER, with nothing after it.
    case malformed
    /// An extension that can not be decoded, or too many of them.
    case badExtension
    /// RFC 5280 §4.2: no extension more than once.
    case duplicateExtension
    /// RFC 5280 §4.1.2.5: whole seconds, in UTC.
    case badTime
    /// A public key of a kind OpenSSL can not read.
    case badKey
    /// A PEM block that is cut off, empty or not base 64.
    case badPEM
    /// A PEM block with another label, as `PRIVATE KEY`.
    case notACertificate(label: String)
    case noCertificate
    /// A name that is not an IPv4 or IPv6 address.
    case badAddress(String)
    case cannotIssue(OpenSSLError)
}

extension CertificateError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLarge: "larger than \(Certificate.bytesMax) bytes"
        case .malformed: "not an X.509 certificate in DER"
        case .badExtension: "an extension of the certificate can not be decoded"
        case .duplicateExtension: "an extension of the certificate occurs twice"
        case .badTime: "a time of the certificate is not in the form of RFC 5280"
        case .badKey: "the public key of the certificate can not be decoded"
        case .badPEM: "a PEM block is cut off, empty or not base 64"
        case .notACertificate(let label): "`\(label)` stands where `-----BEGIN CERTIFICATE-----` is wanted"
        case .noCertificate: "there is no `CERTIFICATE` block"
        case .badAddress(let text): "`\(text)` is not an IP address"
        case .cannotIssue(let error): "the certificate can not be made: \(error)"
        }
    }
}
