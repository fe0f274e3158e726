internal import COpenSSL

/// Why a certificate does not lead to a trust anchor.
public enum ChainError: Error, Hashable, Sendable {
    /// No path to a certificate of the bundle.
    case unknownIssuer
    /// More certificates than `TrustAnchors.chainMax`, or a loop.
    case tooLong
    case expired
    case notYetValid
    case badSignature
    /// An issuer that is not a CA, or whose key may not sign certificates.
    case notAuthority
    case pathLengthExceeded
    /// A name outside the name constraints of an issuer, or constraints that can not be applied.
    case nameConstraint
    case unknownCriticalExtension
    /// The usages of a certificate in the path do not include the one wanted here.
    case wrongPurpose
    /// The certificate is not for this host name or address.
    case wrongServerName
    /// RFC 5280 §4.2.1.1, §4.2.1.2: a key identifier is missing.
    case missingKeyIdentifier
    /// A key other than P-256, P-384, Ed25519 and RSA of whole bytes in 2048…8192 bits.
    case weakKey
    /// A signature over SHA-1, MD5 or something else below SHA-256.
    case weakSignature
    /// The certificate itself stands in the bundle, where only issuers belong.
    case leafIsAnchor
    /// Another rule of RFC 5280; `code` is OpenSSL's `X509_V_ERR_…`.
    case invalid(code: Int32)

    init(code: Int32) {
        self =
            switch code {
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
                X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_CERT_REJECTED:
                .unknownIssuer
            case X509_V_ERR_CERT_CHAIN_TOO_LONG, X509_V_ERR_PATH_LOOP: .tooLong
            case X509_V_ERR_CERT_HAS_EXPIRED: .expired
            case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
            case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE,
                X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY:
                .badSignature
            case X509_V_ERR_INVALID_CA, X509_V_ERR_KEYUSAGE_NO_CERTSIGN, X509_V_ERR_CA_CERT_MISSING_KEY_USAGE,
                X509_V_ERR_CA_BCONS_NOT_CRITICAL:
                .notAuthority
            case X509_V_ERR_PATH_LENGTH_EXCEEDED: .pathLengthExceeded
            case X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION, X509_V_ERR_SUBTREE_MINMAX,
                X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX,
                X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
                .nameConstraint
            case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION: .unknownCriticalExtension
            case X509_V_ERR_INVALID_PURPOSE: .wrongPurpose
            case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .wrongServerName
            case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
                .missingKeyIdentifier
            default: .invalid(code: code)
            }
    }

    /// What a peer with such a certificate is told.
    public var alert: TLSAlert {
        switch self {
        case .unknownIssuer, .leafIsAnchor, .tooLong: .unknownCA
        case .expired: .certificateExpired
        case .wrongPurpose, .weakKey, .weakSignature: .unsupportedCertificate
        case .notYetValid, .badSignature, .notAuthority, .pathLengthExceeded, .nameConstraint,
            .unknownCriticalExtension, .wrongServerName, .missingKeyIdentifier, .invalid:
            .badCertificate
        }
    }
}

extension ChainError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownIssuer: "no issuer of the certificate is in the trust bundle"
        case .tooLong: "the chain has more than \(TrustAnchors.chainMax) certificates or a loop"
        case .expired: "a certificate of the chain has expired"
        case .notYetValid: "a certificate of the chain is not yet valid"
        case .badSignature: "a signature in the chain is wrong"
        case .notAuthority: "a certificate is signed by one that is not allowed to sign certificates"
        case .pathLengthExceeded: "the chain is longer than an issuer allows"
        case .nameConstraint: "a name is outside the name constraints of an issuer"
        case .unknownCriticalExtension: "a certificate has a critical extension that is not known here"
        case .wrongPurpose: "the extended key usage of a certificate does not allow this use"
        case .wrongServerName: "the certificate is for another server name"
        case .missingKeyIdentifier: "a certificate lacks its subject or authority key identifier"
        case .weakKey: "a key of the chain is not P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits"
        case .weakSignature: "a signature in the chain is over a digest weaker than SHA-256"
        case .leafIsAnchor: "the certificate itself stands in the trust bundle, where only issuers belong"
        case .invalid(let code): "a certificate breaks RFC 5280: \(Self.words(of: code))"
        }
    }

    private static func words(of code: Int32) -> String {
        guard let text = unsafe X509_verify_cert_error_string(Int(code)) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}
