internal import COpenSSL
public import Primitives

/// Issues certificates: for the demo, for tests, and for a broker that mints its own.
///
/// `Leaf` can say everything a certificate must not say, so that tests can make each forbidden one.
public struct CertificateAuthority: Sendable {
    public let certificate: Certificate
    public let key: PrivateKey

    public init(certificate: Certificate, key: PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    /// What a certificate is to say.
    public struct Leaf: Sendable {
        public var uriNames: [Text]
        public var dnsNames: [Text]
        /// IPv4 or IPv6 addresses as text.
        public var ipNames: [String]
        public var from, to: Timestamp
        public var isCA: Bool
        /// With `isCA`: how many more authorities may follow below this one.
        public var pathLength: Int?
        /// Nil leaves the extension out.
        public var keyUsage: KeyUsage?
        /// Nil leaves the extension out.
        public var extendedKeyUsages: ExtendedKeyUsages?
        /// Nil leaves the subject empty.
        public var commonName: String?
        /// Leaves both key identifiers out, which strict verification refuses.
        public var omitsKeyIdentifiers = false

        public init(
            uriNames: [Text] = [], dnsNames: [Text] = [], ipNames: [String] = [], from: Timestamp,
            to: Timestamp,
            isCA: Bool = false, pathLength: Int? = nil, keyUsage: KeyUsage? = [.digitalSignature],
            extendedKeyUsages: ExtendedKeyUsages? = [.serverAuth, .clientAuth], commonName: String? = nil
        ) {
            (self.uriNames, self.dnsNames, self.ipNames) = (uriNames, dnsNames, ipNames)
            (self.from, self.to, self.isCA, self.pathLength) = (from, to, isCA, pathLength)
            (self.keyUsage, self.extendedKeyUsages) = (keyUsage, extendedKeyUsages)
            self.commonName = commonName
        }
    }

    /// A self-signed authority with a new P-256 key.
    ///
    /// `uri` is its SPIFFE ID, that of the trust domain.
    public static func root(name: String, uri: Text?, from: Timestamp, to: Timestamp) -> CertificateAuthority
    {
        let key = PrivateKey.generate(.p256)
        let contents = Leaf(authority: name, uri, from, to, pathLength: nil)
        do {
            let certificate = try CertificateBuilder(contents, key.publicKey).signed(by: key, issuer: nil)
            return CertificateAuthority(certificate: certificate, key: key)
        } catch {
            preconditionFailure("a root with a name of 1 to 64 characters can be made: \(error)")
        }
    }

    /// An authority below this one, with a new P-256 key.
    public func intermediate(
        name: String, uri: Text? = nil, pathLength: Int? = 0, from: Timestamp, to: Timestamp
    ) throws(CertificateError) -> CertificateAuthority {
        let key = PrivateKey.generate(.p256)
        let contents = Leaf(authority: name, uri, from, to, pathLength: pathLength)
        return CertificateAuthority(certificate: try issue(contents, for: key.publicKey), key: key)
    }

    public func issue(_ leaf: Leaf, for key: PublicKey) throws(CertificateError) -> Certificate {
        try CertificateBuilder(leaf, key).signed(by: self.key, issuer: certificate)
    }
}

extension CertificateAuthority.Leaf {
    fileprivate init(
        authority name: String, _ uri: Text?, _ from: Timestamp, _ to: Timestamp, pathLength: Int?
    ) {
        self.init(
            uriNames: uri.map { [$0] } ?? [], from: from, to: to, isCA: true, pathLength: pathLength,
            keyUsage: [.keyCertSign, .cRLSign], extendedKeyUsages: nil, commonName: name)
    }
}

/// One certificate on its way.
@safe private struct CertificateBuilder: ~Copyable {
    private static let version3 = 2
    private static let serialBytes = 16

    private let handle: X509Handle
    private let contents: CertificateAuthority.Leaf

    init(_ contents: CertificateAuthority.Leaf, _ key: PublicKey) throws(CertificateError) {
        guard let pointer = unsafe X509_new() else {
            preconditionFailure("there is memory for a certificate")
        }
        unsafe handle = X509Handle(owning: pointer)
        self.contents = contents
        try require(unsafe X509_set_version(pointer, Self.version3) == 1)
        try setSerial()
        try require(unsafe ASN1_TIME_set(X509_getm_notBefore(pointer), Int(contents.from.seconds)) != nil)
        try require(unsafe ASN1_TIME_set(X509_getm_notAfter(pointer), Int(contents.to.seconds)) != nil)
        try require(unsafe X509_set_pubkey(pointer, key.key.pointer) == 1)
        try setSubject()
    }

    consuming func signed(by key: PrivateKey, issuer: Certificate?) throws(CertificateError) -> Certificate {
        let pointer = unsafe handle.pointer
        let issuerPointer = unsafe issuer?.handle.pointer ?? pointer
        try require(unsafe X509_set_issuer_name(pointer, X509_get_subject_name(issuerPointer)) == 1)
        try unsafe addUsages(issuerPointer)
        if !contents.omitsKeyIdentifiers { try unsafe addKeyIdentifiers(issuerPointer) }
        try addNames()
        let digest = unsafe key.publicKey.kind == .ed25519 ? nil : EVP_sha256()
        try require(unsafe X509_sign(pointer, key.key.pointer, digest) > 0)
        guard let der = handle.der else { throw .cannotIssue(OpenSSLError.take()) }
        return try Certificate(der: der)
    }

    private func require(_ done: Bool) throws(CertificateError) {
        guard done else { throw .cannotIssue(OpenSSLError.take()) }
    }

    /// RFC 5280 §4.1.2.2: positive, at most 20 bytes.
    ///
    /// 127 random bits.
    private func setSerial() throws(CertificateError) {
        var bytes = RandomBytes.bytes(Self.serialBytes)
        bytes[0] = bytes[0] & 0x7F | 0x40
        let number = unsafe BN_bin2bn(bytes, Int32(bytes.count), nil)
        defer { unsafe BN_free(number) }
        try require(unsafe BN_to_ASN1_INTEGER(number, X509_get_serialNumber(handle.pointer)) != nil)
    }

    private func setSubject() throws(CertificateError) {
        guard let name = contents.commonName else { return }
        let text = Array(name.utf8)
        let subject = unsafe X509_get_subject_name(handle.pointer)
        try require(unsafe sallyport_name_add_common_name(subject, text, Int32(clamping: text.count)) == 1)
    }

    private func addUsages(_ issuer: OpaquePointer) throws(CertificateError) {
        let pathLength = contents.pathLength.map { ",pathlen:\($0)" } ?? ""
        let constraints = contents.isCA ? "critical,CA:TRUE\(pathLength)" : "critical,CA:FALSE"
        try unsafe add(NID_basic_constraints, constraints, issuer)
        if let usage = contents.keyUsage, !usage.isEmpty {
            try unsafe add(NID_key_usage, "critical,\(usage.configuration)", issuer)
        }
        if let usages = contents.extendedKeyUsages {
            try unsafe add(NID_ext_key_usage, usages.configuration, issuer)
        }
    }

    private func addKeyIdentifiers(_ issuer: OpaquePointer) throws(CertificateError) {
        try unsafe add(NID_subject_key_identifier, "hash", issuer)
        try unsafe add(NID_authority_key_identifier, "keyid:always", issuer)
    }

    private func add(_ kind: Int32, _ value: String, _ issuer: OpaquePointer) throws(CertificateError) {
        try require(unsafe sallyport_add_extension(handle.pointer, issuer, kind, value) == 1)
    }

    private func addNames() throws(CertificateError) {
        guard !(contents.uriNames.isEmpty && contents.dnsNames.isEmpty && contents.ipNames.isEmpty) else {
            return
        }
        let names = unsafe GENERAL_NAMES_new()
        defer { unsafe sallyport_names_free(names) }
        for (type, list) in [(GEN_URI, contents.uriNames), (GEN_DNS, contents.dnsNames)] {
            for name in list {
                try require(
                    unsafe sallyport_add_text_name(names, type, name.bytes, Int32(clamping: name.count)) == 1)
            }
        }
        for address in contents.ipNames {
            guard unsafe sallyport_is_ip_address(address) == 1,
                unsafe sallyport_add_ip_name(names, address) == 1
            else {
                OpenSSLError.clear()
                throw .badAddress(address)
            }
        }
        // RFC 5280 §4.2.1.6: critical when the subject is empty.
        let critical: Int32 = contents.commonName == nil ? 1 : 0
        try require(
            unsafe X509_add1_ext_i2d(
                handle.pointer, NID_subject_alt_name, UnsafeMutableRawPointer(names), critical, 0) == 1)
    }
}
