public import Crypto
public import Primitives

/// The SVID this process shows to others, with its private key.
public struct OwnSVID: Sendable {
    public let id: SPIFFEID
    public let identity: TLSIdentity

    /// When the first of its own certificates expires.
    public var notAfter: Timestamp {
        identity.chain.map(\.notAfter).min() ?? .distantPast
    }

    /// `certificatePEM` has the leaf first, then its intermediates; `keyPEM` the private key, without a
    /// passphrase.
    ///
    /// The leaf must be fit for both roles and keep the rules of an SVID. Its path is the business of its
    /// peers, who have the bundle; whether it is in time is asked when it is used.
    public init(certificatePEM: String, keyPEM: String) throws(SVIDError) {
        let chain = try Self.certificates(in: certificatePEM)
        guard let leaf = chain.first else { throw .noCertificate }
        id = try X509SVID.id(ofLeaf: leaf, in: [.client, .server])
        for issuer in chain.dropFirst() where !issuer.isCA || issuer.keyUsage?.contains(.keyCertSign) != true
        {
            throw .notAuthority(subject: issuer.subject)
        }
        let key = try Self.key(in: keyPEM)
        do throws(TLSError) {
            identity = try TLSIdentity(chain: chain, key: key)
        } catch {
            throw .identity(error)
        }
    }

    private static func certificates(in pem: String) throws(SVIDError) -> [Certificate] {
        do throws(CertificateError) { return try Certificate.chain(pem: pem) } catch {
            throw .badCertificate(error)
        }
    }

    private static func key(in pem: String) throws(SVIDError) -> PrivateKey {
        do throws(KeyError) { return try PrivateKey(pem: pem) } catch { throw .badKey(error) }
    }
}
