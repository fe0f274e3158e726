public import Crypto
public import Primitives

/// The rules of an X.509-SVID (SPIFFE X509-SVID §3–§5; contract §1).
public enum X509SVID {
    /// What the holder of the certificate is in the connection.
    public enum Role: Sendable { case client, server }

    /// Who has shown these certificates, leaf first, and proved to have the leaf's key.
    ///
    /// The path is built to the bundle of the trust domain in the leaf's own ID and to no other.
    public static func peer(
        chain: [Certificate], bundles: TrustBundles, at time: Timestamp, role: Role
    ) throws(SVIDError) -> Peer {
        guard let leaf = chain.first else { throw .noCertificate }
        let id = try id(ofLeaf: leaf, in: [role])
        guard let anchors = bundles[id.trustDomain] else { throw .unknownTrustDomain(id.trustDomain) }
        let path = try path(from: leaf, Array(chain.dropFirst()), to: anchors, at: time, role)
        let notAfter = path.reduce(leaf.notAfter) { min($0, $1.notAfter) }
        return Peer(id: id, leafDigest: leaf.digest, notAfter: notAfter, trustGeneration: bundles.generation)
    }

    private static func path(
        from leaf: Certificate, _ intermediates: [Certificate], to anchors: TrustAnchors, at time: Timestamp,
        _ role: Role
    ) throws(SVIDError) -> [Certificate] {
        do throws(ChainError) {
            return try anchors.path(
                from: leaf, intermediates: intermediates, at: time,
                purpose: role == .client ? .tlsClient : .tlsServer,
                needsKeyIdentifiers: false)
        } catch {
            throw .chain(error)
        }
    }

    /// The SPIFFE ID of a leaf that keeps all rules a leaf can keep by itself; whether it is genuine is not
    /// asked.
    static func id(ofLeaf leaf: Certificate, in roles: [Role]) throws(SVIDError) -> SPIFFEID {
        let id = try id(in: leaf.uriNames)
        // §4.1, §4.3 and §4.4
        guard !leaf.isCA else { throw .isAuthority }
        guard let usage = leaf.keyUsage else { throw .missingKeyUsage }
        guard !usage.contains(.keyCertSign) else { throw .maySignCertificates }
        guard !usage.contains(.cRLSign) else { throw .maySignRevocationLists }
        guard usage.contains(.digitalSignature) else { throw .noDigitalSignature }
        if let usages = leaf.extendedKeyUsages {
            guard roles.allSatisfy({ usages.contains($0.extendedKeyUsage) }) else {
                throw .wrongExtendedKeyUsage
            }
        }
        guard isStrong(leaf.keyKind) else { throw .weakKey }
        return id
    }

    /// §2: exactly one URI name; §3.1: a leaf's ID has a path.
    private static func id(in names: [Text]) throws(SVIDError) -> SPIFFEID {
        guard let name = names.first else { throw .noURIName }
        guard names.count == 1 else { throw .severalURINames }
        let id: SPIFFEID
        do throws(SPIFFEIDError) { id = try SPIFFEID(name) } catch { throw .badID(error) }
        guard !id.path.isEmpty else { throw .missingPath }
        return id
    }

    private static func isStrong(_ kind: KeyKind) -> Bool {
        switch kind {
        case .p256, .p384, .ed25519: true
        case .rsa(let bits): PublicKey.rsaBits.contains(bits)
        case .other: false
        }
    }
}

extension X509SVID.Role {
    fileprivate var extendedKeyUsage: ExtendedKeyUsages {
        switch self {
        case .client: .clientAuth
        case .server: .serverAuth
        }
    }
}
