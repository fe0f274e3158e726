internal import COpenSSL
public import Primitives

/// What the peer's certificate is to be used for; every extended key usage in the path has to allow it.
public enum CertificatePurpose: Sendable { case tlsClient, tlsServer }

/// The certificates a path may end at: one trust domain's bundle, or the roots for a server.
///
/// Every certificate here is an anchor, self-signed or not: a SPIFFE bundle names the authorities to trust,
/// and some of them are intermediates (as with an upstream authority). OpenSSL builds and checks the path
/// with its strict rules of RFC 5280; the rules for keys and digests are ours. An anchor's own signature is
/// not looked at.
public final class TrustAnchors: Sendable {
    /// Certificates in a path or sent by a peer, leaf and anchor included.
    public static let chainMax = 8

    /// Empty for the operating system's roots.
    public let certificates: [Certificate]
    private let store: X509Store

    public init(_ roots: [Certificate]) {
        certificates = roots
        store = X509Store()
        for root in roots { store.add(root) }
    }

    /// The operating system's roots, in OpenSSL's default places; they are read from disk when needed.
    public static func system() -> TrustAnchors { TrustAnchors() }

    private init() {
        certificates = []
        store = X509Store()
        store.addSystemRoots()
    }

    /// Returns when there is a good path from the leaf to an anchor at this moment; a certificate counts as
    /// expired from `notAfter` on.
    public func verify(
        _ leaf: Certificate, intermediates: [Certificate], at time: Timestamp
    ) throws(ChainError) {
        _ = try path(from: leaf, intermediates: intermediates, at: time)
    }

    /// The path that was found and checked, from the leaf to its anchor, both included.
    ///
    /// Without `needsKeyIdentifiers` certificates may lack the key identifiers of RFC 5280 §4.2.1, which SPIFFE does not
    /// ask for. With a `serverName`, host name or IP address, the leaf must be for it (RFC 6125; the common name is
    /// not read).
    public func path(
        from leaf: Certificate, intermediates: [Certificate], at time: Timestamp,
        purpose: CertificatePurpose? = nil, serverName: Text? = nil, needsKeyIdentifiers: Bool = true
    ) throws(ChainError) -> [Certificate] {
        try path(
            from: leaf, intermediates: intermediates, atOrNow: time, purpose, serverName,
            needsKeyIdentifiers: needsKeyIdentifiers)
    }

    /// The same; without a time, OpenSSL's clock.
    func path(
        from leaf: Certificate, intermediates: [Certificate], atOrNow time: Timestamp?,
        _ purpose: CertificatePurpose?,
        _ serverName: Text?, needsKeyIdentifiers: Bool = true
    ) throws(ChainError) -> [Certificate] {
        guard intermediates.count < Self.chainMax else { throw .tooLong }
        let verification = Verification(store, leaf, intermediates)
        verification.restrict(to: time, depth: Self.chainMax - 2, purpose)
        if !needsKeyIdentifiers { verification.allowMissingKeyIdentifiers() }
        if let serverName { try verification.restrict(to: serverName) }
        let path = try verification.run(known: [leaf] + intermediates + certificates)
        try Self.check(path)
        if serverName != nil { try Self.checkWildcards(path) }
        return path
    }

    /// OpenSSL compares a wildcard name with name constraints as if it were a plain one, and so lets `*.a`
    /// pass where `b.a` is excluded (as CVE-2025-61727 in Go).
    private static func checkWildcards(_ path: [Certificate]) throws(ChainError) {
        guard path[0].dnsNames.contains(where: { $0.contains(UInt8(ascii: "*")) }) else { return }
        guard !path.dropFirst().contains(where: \.hasNameConstraints) else { throw .nameConstraint }
    }

    private static func check(_ path: [Certificate]) throws(ChainError) {
        guard path.count >= 2 else { throw .leafIsAnchor }
        guard path.allSatisfy({ isStrong($0.keyKind) }) else { throw .weakKey }
        guard path.dropLast().allSatisfy(\.hasStrongSignature) else { throw .weakSignature }
    }

    private static func isStrong(_ kind: KeyKind) -> Bool {
        switch kind {
        case .p256, .p384, .ed25519: true
        case .rsa(let bits): PublicKey.rsaBits.contains(bits) && bits.isMultiple(of: 8)
        case .other: false
        }
    }
}

/// Owns an `X509_STORE`; OpenSSL locks it for its readers, and it does not change once made.
@safe private final class X509Store: @unchecked Sendable {
    let pointer: OpaquePointer

    init() {
        guard let pointer = unsafe X509_STORE_new() else {
            preconditionFailure("there is memory for a store")
        }
        unsafe self.pointer = pointer
    }

    deinit { unsafe X509_STORE_free(pointer) }

    func add(_ certificate: Certificate) {
        guard unsafe X509_STORE_add_cert(pointer, certificate.handle.pointer) == 1 else {
            preconditionFailure("a store takes any certificate")
        }
    }

    /// A missing directory is no failure: then nothing is trusted.
    func addSystemRoots() {
        if unsafe X509_STORE_set_default_paths(pointer) != 1 { OpenSSLError.clear() }
    }
}

/// One run of OpenSSL's path building.
@safe private struct Verification: ~Copyable {
    private let context: OpaquePointer
    private let parameters: OpaquePointer
    /// OpenSSL only borrows these two.
    private let intermediates: X509Stack
    private let leaf: Certificate

    init(_ store: X509Store, _ leaf: Certificate, _ intermediates: [Certificate]) {
        self.leaf = leaf
        self.intermediates = X509Stack(intermediates)
        guard let context = unsafe X509_STORE_CTX_new(),
            unsafe X509_STORE_CTX_init(
                context, store.pointer, leaf.handle.pointer, self.intermediates.pointer) == 1,
            let parameters = unsafe X509_STORE_CTX_get0_param(context)
        else { preconditionFailure("there is memory for a verification") }
        unsafe self.context = context
        unsafe self.parameters = parameters
    }

    deinit { unsafe X509_STORE_CTX_free(context) }

    func restrict(to time: Timestamp?, depth: Int, _ purpose: CertificatePurpose?) {
        let flags = UInt(X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN)
        if let time { unsafe X509_VERIFY_PARAM_set_time(parameters, Int(time.seconds)) }
        unsafe X509_VERIFY_PARAM_set_depth(parameters, Int32(depth))
        let purpose: Int32? =
            switch purpose {
            case .tlsClient: X509_PURPOSE_SSL_CLIENT
            case .tlsServer: X509_PURPOSE_SSL_SERVER
            case nil: nil
            }
        guard unsafe X509_VERIFY_PARAM_set_flags(parameters, flags) == 1,
            purpose.map({ unsafe X509_VERIFY_PARAM_set_purpose(parameters, $0) == 1 }) ?? true
        else { preconditionFailure("OpenSSL knows these flags and purposes") }
    }

    /// Also lets an anchor be whatever the operator configured as one.
    func allowMissingKeyIdentifiers() { unsafe sallyport_allow_missing_key_identifiers(context) }

    func restrict(to serverName: Text) throws(ChainError) {
        // For OpenSSL a leading dot means "any name below".
        guard !serverName.isEmpty, !serverName.hasPrefix("."), !serverName.contains(0) else {
            throw .wrongServerName
        }
        unsafe X509_VERIFY_PARAM_set_hostflags(
            parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        let done = unsafe serverName.string.withCString { name in
            unsafe sallyport_is_ip_address(name) == 1
                ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name)
                : X509_VERIFY_PARAM_set1_host(parameters, name, 0)
        }
        OpenSSLError.clear()
        guard done == 1 else { throw .wrongServerName }
    }

    /// The path as certificates; those among `known` are not decoded again.
    func run(known: [Certificate]) throws(ChainError) -> [Certificate] {
        defer { OpenSSLError.clear() }
        guard unsafe X509_verify_cert(context) == 1 else {
            throw ChainError(code: unsafe X509_STORE_CTX_get_error(context))
        }
        guard let chain = unsafe X509_STORE_CTX_get0_chain(context) else {
            preconditionFailure("a verified certificate has a path")
        }
        var path: [Certificate] = []
        for index in 0..<max(0, unsafe sallyport_x509_count(chain)) {
            guard let pointer = unsafe sallyport_x509_at(chain, index) else {
                preconditionFailure("a path has no gaps")
            }
            path.append(try unsafe Self.certificate(pointer, among: known))
        }
        return path
    }

    private static func certificate(
        _ pointer: OpaquePointer, among known: [Certificate]
    ) throws(ChainError) -> Certificate {
        if let same = known.first(where: { unsafe $0.handle.pointer == pointer }) { return same }
        do { return try unsafe Certificate(sharing: pointer) } catch {
            throw .invalid(code: X509_V_ERR_UNSPECIFIED)
        }
    }
}
