internal import COpenSSL
public import Primitives

/// A certificate chain, leaf first, and the private key of its leaf.
public struct TLSIdentity: Sendable {
    public let chain: [Certificate]
    public let key: PrivateKey

    public init(chain: [Certificate], key: PrivateKey) throws(TLSError) {
        guard let leaf = chain.first else { throw .emptyChain }
        guard unsafe X509_check_private_key(leaf.handle.pointer, key.key.pointer) == 1 else {
            OpenSSLError.clear()
            throw .keyMismatch
        }
        self.chain = chain
        self.key = key
    }
}

/// What all sessions accepted with one identity have in common.
///
/// Replaced whole when the identity rotates; sessions keep the one they began with.
public final class TLSServerContext: Sendable {
    public enum ClientCertificates: Sendable { case none, requested, required }

    let context: TLSContext
    private let protocols: ApplicationProtocols

    /// ALPN: our order decides among what the client offers; none in common ends the handshake; a client
    /// without ALPN is welcome.
    ///
    /// With `allowsTLS12`, only ECDHE with an AEAD cipher.
    public init(
        identity: TLSIdentity, clientCertificates: ClientCertificates, applicationProtocols: [Text],
        allowsTLS12: Bool = false
    ) throws(TLSError) {
        context = try TLSContext(server: true, allowsTLS12: allowsTLS12)
        protocols = try ApplicationProtocols(applicationProtocols)
        try context.present(identity)
        context.expectPeerCertificate(mode: clientCertificates.verifyMode)
        if !applicationProtocols.isEmpty { context.select(from: protocols) }
    }
}

extension TLSServerContext.ClientCertificates {
    fileprivate var verifyMode: Int32 {
        switch self {
        case .none: SSL_VERIFY_NONE
        case .requested: SSL_VERIFY_PEER
        case .required: SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        }
    }
}

/// What all sessions opened with one identity and one idea of trust have in common.
public final class TLSClientContext: Sendable {
    public enum Trust: Sendable {
        /// The operating system's roots, and the server's name.
        case system
        /// These roots, and the server's name.
        case anchors(TrustAnchors)
        /// The session's `verifyPeer` alone decides.
        case callback
    }

    let context: TLSContext
    /// Nil when the session's `verifyPeer` alone decides.
    let anchors: TrustAnchors?
    let protocols: ApplicationProtocols

    public init(
        identity: TLSIdentity?, trust: Trust, applicationProtocols: [Text], allowsTLS12: Bool = false
    ) throws(TLSError) {
        context = try TLSContext(server: false, allowsTLS12: allowsTLS12)
        protocols = try ApplicationProtocols(applicationProtocols)
        anchors =
            switch trust {
            case .system: TrustAnchors.system()
            case .anchors(let anchors): anchors
            case .callback: nil
            }
        if let identity { try context.present(identity) }
        context.expectPeerCertificate(mode: SSL_VERIFY_PEER)
        if !applicationProtocols.isEmpty { try context.offer(protocols) }
    }
}

/// Names for ALPN in the order of preference.
///
/// OpenSSL's callback borrows it from its context.
final class ApplicationProtocols: Sendable {
    let names: [Text]

    init(_ names: [Text]) throws(TLSError) {
        for name in names where !(1...255 ~= name.count) { throw .badApplicationProtocol(name) }
        self.names = names
    }

    /// RFC 7301 §3.1: each name after its length.
    var encoded: [UInt8] { names.flatMap { [UInt8($0.count)] + $0.bytes } }

    /// Where our first choice stands in what the peer offers.
    func choice(from offered: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var ranges: [Range<Int>] = []
        var position = 0
        while position < offered.count {
            let end = unsafe position + 1 + Int(offered[position])
            guard end <= offered.count else { return nil }
            ranges.append(position + 1..<end)
            position = end
        }
        for name in names {
            if let range = ranges.first(where: { unsafe offered[$0].elementsEqual(name.bytes) }) {
                return range
            }
        }
        return nil
    }
}

/// Owns an `SSL_CTX`.
///
/// It is set up by its maker and then only read, by all threads.
@safe final class TLSContext: @unchecked Sendable {
    /// What a peer's certificates may add up to; the same as for one certificate alone.
    static let peerCertificateBytesMax = Certificate.bytesMax

    let pointer: OpaquePointer

    init(server: Bool, allowsTLS12: Bool) throws(TLSError) {
        guard let pointer = unsafe SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()) else {
            throw .configuration(OpenSSLError.take())
        }
        unsafe self.pointer = pointer
        try require(unsafe sallyport_harden(pointer, allowsTLS12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1)
        unsafe sallyport_set_certificate_bytes_max(pointer, Self.peerCertificateBytesMax)
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    private func require(_ done: Bool) throws(TLSError) {
        guard done else { throw .configuration(OpenSSLError.take()) }
    }

    func present(_ identity: TLSIdentity) throws(TLSError) {
        guard let leaf = identity.chain.first else { throw .emptyChain }
        let issuers = X509Stack(identity.chain.dropFirst())
        try require(
            unsafe SSL_CTX_use_cert_and_key(
                pointer, leaf.handle.pointer, identity.key.key.pointer, issuers.pointer, 1) == 1)
    }

    /// Instead of OpenSSL's own verification, the session of the handshake is asked.
    func expectPeerCertificate(mode: Int32) {
        unsafe SSL_CTX_set_verify(pointer, mode, nil)
        unsafe SSL_CTX_set_cert_verify_callback(
            pointer,
            { store, _ in
                guard let store = unsafe store, let owner = unsafe sallyport_owner(store) else { return 0 }
                let session = unsafe Unmanaged<TLSSession>.fromOpaque(owner).takeUnretainedValue()
                let error = unsafe session.verificationError(of: store)
                unsafe X509_STORE_CTX_set_error(store, error)
                return error == X509_V_OK ? 1 : 0
            }, nil)
    }

    /// For tests of what happens to such a peer.
    func limitToTLS12() { unsafe sallyport_limit_to_tls12(pointer) }

    func select(from protocols: ApplicationProtocols) {
        unsafe SSL_CTX_set_alpn_select_cb(
            pointer,
            { _, output, outputLength, input, inputLength, argument in
                guard let argument = unsafe argument else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                let ours = unsafe Unmanaged<ApplicationProtocols>.fromOpaque(argument).takeUnretainedValue()
                let offered = unsafe UnsafeBufferPointer(start: input, count: Int(inputLength))
                guard let range = unsafe ours.choice(from: offered), let base = offered.baseAddress else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                unsafe output?.pointee = base + range.lowerBound
                unsafe outputLength?.pointee = UInt8(range.count)
                return SSL_TLSEXT_ERR_OK
            }, Unmanaged.passUnretained(protocols).toOpaque())
    }

    func offer(_ protocols: ApplicationProtocols) throws(TLSError) {
        let names = protocols.encoded
        // Unlike the rest of OpenSSL, this returns 0 for success.
        try require(unsafe SSL_CTX_set_alpn_protos(pointer, names, UInt32(names.count)) == 0)
    }
}
