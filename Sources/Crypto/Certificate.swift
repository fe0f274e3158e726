internal import COpenSSL
public import Primitives

/// One X.509 certificate: decoded once, not yet trusted.
///
/// `TrustAnchors` says whether it is.
///
/// A value of this type is well formed: strict DER, every extension known to OpenSSL decodes and none occurs
/// twice, both times are in the form of RFC 5280, the public key can be read (see `keyKind` for whether it is
/// fit).
public struct Certificate: Sendable {
    public static let bytesMax = 64 * 1024

    private let fields: CertificateFields

    /// Written anew at each call: an idle connection keeps its peer's certificate, and OpenSSL has the bytes
    /// already.
    public var der: [UInt8] {
        guard let der = fields.handle.der else {
            preconditionFailure("a certificate that was written once can be")
        }
        return der
    }
    /// SHA-256 of `der`: what `x5t#S256` binds (RFC 8705 §3.1).
    public var digest: Digest { fields.digest }
    /// The certificate is in time from here on.
    public var notBefore: Timestamp { fields.notBefore }
    /// The certificate is in time until just before here.
    public var notAfter: Timestamp { fields.notAfter }
    public var uriNames: [Text] { fields.extensions.names.uris }
    public var dnsNames: [Text] { fields.extensions.names.dns }
    /// There are alternative names that are neither URI nor DNS.
    public var hasOtherNames: Bool { fields.extensions.names.hasOthers }
    /// `cA` of the basic constraints; false without them.
    public var isCA: Bool { fields.extensions.isCA }
    /// Nil when the extension is absent, and then nothing is restricted.
    public var keyUsage: KeyUsage? { fields.extensions.keyUsage }
    /// Nil when the extension is absent, and then nothing is restricted.
    public var extendedKeyUsages: ExtendedKeyUsages? { fields.extensions.extendedKeyUsages }
    public var keyKind: KeyKind { fields.publicKey.kind }
    public var publicKey: PublicKey { fields.publicKey }

    var handle: X509Handle { fields.handle }

    public init(der: [UInt8]) throws(CertificateError) {
        guard der.count <= Self.bytesMax else { throw .tooLarge }
        let pointer = unsafe der.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            return unsafe d2i_X509(nil, &position, bytes.count)
        }
        guard let pointer = unsafe pointer else {
            OpenSSLError.clear()
            throw .malformed
        }
        try self.init(unsafe X509Handle(owning: pointer))
        // OpenSSL reads BER; what it would write is the one DER form. This finds trailing bytes too.
        guard fields.handle.der == der else { throw .malformed }
    }

    /// A certificate that OpenSSL has decoded.
    init(_ handle: X509Handle) throws(CertificateError) {
        fields = try CertificateFields(handle)
    }

    /// Shares a certificate that OpenSSL holds.
    init(sharing pointer: OpaquePointer) throws(CertificateError) {
        guard unsafe X509_up_ref(pointer) == 1 else {
            preconditionFailure("a certificate in use can be shared")
        }
        try self.init(unsafe X509Handle(owning: pointer))
    }

    /// The subject's distinguished name, for people (RFC 4514).
    public var subject: String {
        let text = MemoryBIO()
        guard unsafe sallyport_print_name(text.pointer, X509_get_subject_name(handle.pointer)) >= 0 else {
            OpenSSLError.clear()
            return ""
        }
        return String(decoding: text.drain(), as: UTF8.self)
    }

    var hasNameConstraints: Bool {
        unsafe X509_get_ext_by_NID(handle.pointer, NID_name_constraints, -1) >= 0
    }

    /// Whether the digest of its signature is SHA-256 or better; the key's own is not asked here.
    var hasStrongSignature: Bool {
        var digest: Int32 = 0
        var algorithm: Int32 = 0
        guard unsafe X509_get_signature_info(handle.pointer, &digest, &algorithm, nil, nil) == 1 else {
            OpenSSLError.clear()
            return false
        }
        return algorithm == NID_ED25519 || [NID_sha256, NID_sha384, NID_sha512].contains(digest)
    }
}

extension Certificate: Hashable {
    public static func == (left: Certificate, right: Certificate) -> Bool { left.digest == right.digest }
    public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// Shared by all copies of a `Certificate`.
private final class CertificateFields: Sendable {
    let handle: X509Handle
    let digest: Digest
    let notBefore, notAfter: Timestamp
    let extensions: CertificateExtensions
    let publicKey: PublicKey

    init(_ handle: X509Handle) throws(CertificateError) {
        guard let der = handle.der else { throw .malformed }
        guard let notBefore = unsafe Timestamp(X509_get0_notBefore(handle.pointer)),
            let notAfter = unsafe Timestamp(X509_get0_notAfter(handle.pointer))
        else { throw .badTime }
        guard let key = unsafe X509_get_pubkey(handle.pointer) else {
            OpenSSLError.clear()
            throw .badKey
        }
        publicKey = PublicKey(unsafe EVPKey(owning: key))
        extensions = try CertificateExtensions(handle)
        digest = SHA256.hash(der)
        (self.handle, self.notBefore, self.notAfter) = (handle, notBefore, notAfter)
    }
}

extension Timestamp {
    /// RFC 5280 §4.1.2.5: `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; nil for the other forms ASN.1 has.
    fileprivate init?(_ time: UnsafePointer<ASN1_TIME>?) {
        guard let time = unsafe time, let epoch = unsafe ASN1_TIME_set(nil, 0) else { return nil }
        defer { unsafe ASN1_TIME_free(epoch) }
        let form = unsafe (type: time.pointee.type, length: time.pointee.length)
        guard form == (V_ASN1_UTCTIME, 13) || form == (V_ASN1_GENERALIZEDTIME, 15) else { return nil }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else {
            OpenSSLError.clear()
            return nil
        }
        self.init(seconds: Int64(days) * 86_400 + Int64(seconds))
    }
}
