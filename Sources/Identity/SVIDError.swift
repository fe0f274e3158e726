public import Crypto
public import Primitives

/// Why a certificate chain is not an X.509-SVID that is believed here.
public enum SVIDError: Error, Hashable, Sendable {
    case noCertificate
    case noURIName
    case severalURINames
    case badID(SPIFFEIDError)
    /// The ID of a trust domain, which names no workload.
    case missingPath
    case isAuthority
    case missingKeyUsage
    case maySignCertificates
    case maySignRevocationLists
    case noDigitalSignature
    /// An extended key usage that leaves out the role the certificate is used in.
    case wrongExtendedKeyUsage
    case weakKey
    case unknownTrustDomain(Text)
    case chain(ChainError)

    /// Own files: the PEM text of the certificates.
    case badCertificate(CertificateError)
    /// Own files: a certificate after the first is not an authority.
    case notAuthority(subject: String)
    /// Own files: the PEM text of the private key.
    case badKey(KeyError)
    /// Own files: certificate and key do not belong together.
    case identity(TLSError)
}

extension SVIDError {
    /// What the peer is told.
    public var alert: TLSAlert {
        switch self {
        case .unknownTrustDomain: .unknownCA
        case .chain(let error): error.alert
        case .wrongExtendedKeyUsage, .weakKey: .unsupportedCertificate
        case .badKey, .identity: .internalError
        case .noCertificate, .noURIName, .severalURINames, .badID, .missingPath, .isAuthority,
            .missingKeyUsage,
            .maySignCertificates, .maySignRevocationLists, .noDigitalSignature, .badCertificate,
            .notAuthority:
            .badCertificate
        }
    }
}

extension SVIDError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noCertificate: "there is no certificate"
        case .noURIName: "the certificate has no URI name, where its SPIFFE ID belongs"
        case .severalURINames: "the certificate has more than one URI name"
        case .badID(let error): "the URI name is not a SPIFFE ID: \(error)"
        case .missingPath: "the SPIFFE ID names a trust domain and no workload"
        case .isAuthority: "the certificate is one of an authority (`CA:TRUE`)"
        case .missingKeyUsage: "the certificate has no key usage"
        case .maySignCertificates: "the key usage includes `keyCertSign`"
        case .maySignRevocationLists: "the key usage includes `cRLSign`"
        case .noDigitalSignature: "the key usage does not include `digitalSignature`"
        case .wrongExtendedKeyUsage: "the extended key usage does not include the role it is used in"
        case .weakKey: "the key is not P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits"
        case .unknownTrustDomain(let name): "there is no trust bundle for the trust domain `\(name)`"
        case .chain(let error): error.description
        case .badCertificate(let error): "certificate: \(error)"
        case .notAuthority(let subject):
            "the intermediate certificate `\(subject)` is not one of an authority"
        case .badKey(let error): "private key: \(error)"
        case .identity(let error): error.description
        }
    }
}
