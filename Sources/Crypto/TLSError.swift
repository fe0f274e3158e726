internal import COpenSSL
public import Primitives

/// Why a TLS context can not be made, or a session failed.
public enum TLSError: Error, Hashable, Sendable {
    case emptyChain
    /// The private key is not the one of the leaf.
    case keyMismatch
    /// A protocol name that is not 1 to 255 bytes (RFC 7301 §3.1).
    case badApplicationProtocol(Text)
    case configuration(OpenSSLError)

    /// The peer sent no certificate where one is required.
    case noPeerCertificate
    /// We refused the peer's certificate, and said so with this alert.
    case peerRefused(TLSAlert)
    /// The peer ended the session with this alert (RFC 8446 §6).
    case alertReceived(UInt8)
    /// ALPN: the peer offers or chose none of our protocols.
    case noApplicationProtocol
    /// An older version of TLS than is allowed.
    case unsupportedVersion
    /// No cipher suite, group or signature algorithm in common.
    case nothingInCommon
    /// The first bytes are not TLS; often plain HTTP.
    case notTLS
    case protocolViolation(OpenSSLError)
}

extension TLSError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .emptyChain: "there is no certificate"
        case .keyMismatch: "the private key does not belong to the certificate"
        case .badApplicationProtocol(let name): "`\(name)` is not a protocol name of 1 to 255 bytes"
        case .configuration(let error): "TLS can not be set up: \(error)"
        case .noPeerCertificate: "the peer sent no certificate"
        case .peerRefused(let alert): "the certificate of the peer was refused: \(alert)"
        case .alertReceived(let code): "the peer ended the session: \(Self.words(ofAlert: code))"
        case .noApplicationProtocol: "no application protocol in common"
        case .unsupportedVersion: "the peer speaks no version of TLS that is allowed here"
        case .nothingInCommon: "no cipher suite, group or signature algorithm in common"
        case .notTLS: "the peer does not speak TLS"
        case .protocolViolation(let error): "TLS broke: \(error)"
        }
    }

    private static func words(ofAlert code: UInt8) -> String {
        guard let text = unsafe SSL_alert_desc_string_long(Int32(code)) else { return "alert \(code)" }
        return unsafe String(cString: text)
    }

    /// What OpenSSL's error queue says about a session; empties the queue.
    static func takeSessionError() -> TLSError {
        let error = OpenSSLError.take()
        let code = UInt(error.code)
        guard ERR_GET_LIB(code) == ERR_LIB_SSL else { return .protocolViolation(error) }
        switch ERR_GET_REASON(code) {
        case SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255):
            return .alertReceived(UInt8(truncatingIfNeeded: ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET))
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .noPeerCertificate
        case SSL_R_NO_APPLICATION_PROTOCOL: return .noApplicationProtocol
        case SSL_R_UNSUPPORTED_PROTOCOL: return .unsupportedVersion
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER: return .notTLS
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return .nothingInCommon
        default: return .protocolViolation(error)
        }
    }
}

/// The alerts we send about a peer's certificate, with their codes on the wire (RFC 8446 §6.2).
public enum TLSAlert: UInt8, Error, Hashable, Sendable {
    case handshakeFailure = 40
    case badCertificate = 42
    case unsupportedCertificate = 43
    case certificateRevoked = 44
    case certificateExpired = 45
    case certificateUnknown = 46
    case unknownCA = 48
    /// OpenSSL has no way to send this one: the peer sees `handshake_failure`.
    case accessDenied = 49
    case internalError = 80

    /// The verification error that makes OpenSSL send the alert.
    var verificationError: Int32 {
        switch self {
        case .handshakeFailure, .accessDenied: X509_V_ERR_APPLICATION_VERIFICATION
        case .badCertificate: X509_V_ERR_CERT_REJECTED
        case .unsupportedCertificate: X509_V_ERR_INVALID_PURPOSE
        case .certificateRevoked: X509_V_ERR_CERT_REVOKED
        case .certificateExpired: X509_V_ERR_CERT_HAS_EXPIRED
        case .certificateUnknown: X509_V_ERR_INVALID_EXTENSION
        case .unknownCA: X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        case .internalError: X509_V_ERR_UNSPECIFIED
        }
    }
}

extension TLSAlert: CustomStringConvertible {
    public var description: String {
        switch self {
        case .handshakeFailure: "handshake failure"
        case .badCertificate: "bad certificate"
        case .unsupportedCertificate: "unsupported certificate"
        case .certificateRevoked: "certificate revoked"
        case .certificateExpired: "certificate expired"
        case .certificateUnknown: "certificate unknown"
        case .unknownCA: "unknown authority"
        case .accessDenied: "access denied"
        case .internalError: "internal error"
        }
    }
}
