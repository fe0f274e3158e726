internal import COpenSSL
import Primitives

/// RFC 5280 §4.2.1.3.
public struct KeyUsage: OptionSet, Hashable, Sendable {
    /// The bits as OpenSSL numbers them.
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let digitalSignature = KeyUsage(rawValue: 0x80)
    public static let nonRepudiation = KeyUsage(rawValue: 0x40)
    public static let keyEncipherment = KeyUsage(rawValue: 0x20)
    public static let dataEncipherment = KeyUsage(rawValue: 0x10)
    public static let keyAgreement = KeyUsage(rawValue: 0x08)
    public static let keyCertSign = KeyUsage(rawValue: 0x04)
    public static let cRLSign = KeyUsage(rawValue: 0x02)

    /// In the words of OpenSSL's configuration.
    var configuration: String {
        let names: [(KeyUsage, String)] = [
            (.digitalSignature, "digitalSignature"), (.nonRepudiation, "nonRepudiation"),
            (.keyEncipherment, "keyEncipherment"), (.dataEncipherment, "dataEncipherment"),
            (.keyAgreement, "keyAgreement"), (.keyCertSign, "keyCertSign"), (.cRLSign, "cRLSign"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}

/// RFC 5280 §4.2.1.12: the two that TLS asks for.
///
/// Others leave no trace; `anyExtendedKeyUsage` stands for neither.
public struct ExtendedKeyUsages: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let serverAuth = ExtendedKeyUsages(rawValue: 0x1)
    public static let clientAuth = ExtendedKeyUsages(rawValue: 0x2)

    /// In the words of OpenSSL's configuration; an empty set is written as a purpose that TLS has no use for.
    var configuration: String {
        if isEmpty { return "codeSigning" }
        return [(.serverAuth, "serverAuth"), (.clientAuth, "clientAuth")]
            .filter { (usage: ExtendedKeyUsages, _: String) in contains(usage) }
            .map(\.1).joined(separator: ",")
    }
}

/// What the extensions of one certificate say.
struct CertificateExtensions {
    /// Beyond this no honest certificate goes; looking for doubles is quadratic.
    static let countMax: Int32 = 64

    let isCA: Bool
    let keyUsage: KeyUsage?
    let extendedKeyUsages: ExtendedKeyUsages?
    let names: AlternativeNames

    init(_ handle: X509Handle) throws(CertificateError) {
        let flags = unsafe X509_get_extension_flags(handle.pointer)
        guard flags & UInt32(EXFLAG_INVALID | EXFLAG_INVALID_POLICY) == 0 else {
            OpenSSLError.clear()
            throw .badExtension
        }
        try Self.requireUnique(handle)
        isCA = flags & UInt32(EXFLAG_CA) != 0
        keyUsage =
            flags & UInt32(EXFLAG_KUSAGE) != 0
            ? KeyUsage(rawValue: unsafe X509_get_key_usage(handle.pointer)) : nil
        extendedKeyUsages =
            flags & UInt32(EXFLAG_XKUSAGE) != 0
            ? ExtendedKeyUsages(rawValue: unsafe X509_get_extended_key_usage(handle.pointer) & 0x3) : nil
        names = try AlternativeNames(handle)
    }

    private static func requireUnique(_ handle: X509Handle) throws(CertificateError) {
        let count = unsafe X509_get_ext_count(handle.pointer)
        guard count <= countMax else { throw .badExtension }
        for index in 0..<max(0, count) {
            let object = unsafe X509_EXTENSION_get_object(X509_get_ext(handle.pointer, index))
            guard unsafe X509_get_ext_by_OBJ(handle.pointer, object, index) < 0 else {
                throw .duplicateExtension
            }
        }
    }
}

/// The subject's alternative names (RFC 5280 §4.2.1.6), as bytes: a name with a NUL in it stays one.
struct AlternativeNames {
    private(set) var uris: [Text] = []
    private(set) var dns: [Text] = []
    /// There are names of other kinds: addresses, e-mail, directory, `otherName`.
    private(set) var hasOthers = false

    init(_ handle: X509Handle) throws(CertificateError) {
        // -1: there is none. -2: there are several. Anything else: it can not be decoded.
        var position: Int32 = 0
        let found = unsafe X509_get_ext_d2i(handle.pointer, NID_subject_alt_name, &position, nil)
        guard let found = unsafe found else {
            OpenSSLError.clear()
            guard position == -1 else { throw .badExtension }
            return
        }
        let names = OpaquePointer(found)
        defer { unsafe sallyport_names_free(names) }
        for index in 0..<max(0, unsafe sallyport_names_count(names)) {
            guard let name = unsafe sallyport_name_at(names, index) else { throw .badExtension }
            unsafe append(name.pointee.type, sallyport_name_text(name))
        }
    }

    private mutating func append(_ type: Int32, _ string: UnsafePointer<ASN1_STRING>?) {
        guard let string = unsafe string, type == GEN_URI || type == GEN_DNS else {
            hasOthers = true
            return
        }
        let bytes = unsafe UnsafeBufferPointer(
            start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
        if type == GEN_URI {
            uris.append(unsafe Text(Array(bytes)))
        } else {
            dns.append(unsafe Text(Array(bytes)))
        }
    }
}
