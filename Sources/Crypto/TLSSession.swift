internal import COpenSSL
public import Primitives

/// What the owner of a session says about the certificates of its peer.
public enum PeerVerdict: Sendable {
    case accepted
    case refused(TLSAlert)
}

/// One TLS connection without its socket: ciphertext in, events and ciphertext out.
///
///     handshaking ──handshakeCompleted──► established ──closed──► peerClosed
///          │                                  │
///          └──────────── failed ◄─────────────┘
///
/// The driver calls `receive` with what it read, `nextEvent` until `.needsInput`, and sends what `takeOutput`
/// gives, also after `.failed`: the alert is in there. A client calls `nextEvent` once at the start. An end
/// of the connection without `.closed` is a truncation; only the driver sees it. A session lives on one
/// thread at a time.
@safe public final class TLSSession {
    public enum Event: Sendable {
        /// Nothing more until `receive`.
        ///
        /// After `.failed` this is all there is.
        case needsInput
        case handshakeCompleted
        /// At most `plaintextBytesMax`, never empty.
        case plaintext([UInt8])
        /// The peer's `close_notify`; we may still send.
        case closed
        case failed(TLSError)
    }

    /// How the peer's certificates, leaf first, are judged.
    ///
    /// Called within `nextEvent`, during the handshake.
    public typealias PeerVerifier = ([Certificate]) -> PeerVerdict

    /// A TLS record (RFC 8446 §5.1).
    public static let plaintextBytesMax = 16 * 1024

    private enum State {
        case handshaking, established, peerClosed
        /// To be told at the next event.
        case failing(TLSError)
        case failed
    }

    private let ssl: OpaquePointer
    private var input = MemoryBIO()
    private var output = MemoryBIO()
    private var state = State.handshaking
    private var isCloseSent = false
    /// Ciphertext received since the last time everything was read: a bound on the next plaintext.
    private var unreadBytes = 0
    private var verifyPeer: PeerVerifier?
    private var refusal: TLSAlert?
    /// What `ssl` borrows from; for a client also what it may agree on.
    private let context: AnyObject
    private let offeredProtocols: [Text]?

    /// The peer's certificates as they were judged, leaf first; empty when it sent none.
    public private(set) var peerChain: [Certificate] = []

    /// `verifyPeer` is not called for a client without a certificate.
    public convenience init(server: TLSServerContext, verifyPeer: @escaping PeerVerifier) {
        self.init(server.context, keeping: server, offeredProtocols: nil, verifyPeer)
        unsafe SSL_set_accept_state(ssl)
    }

    /// Trust in roots asks for a server name (host name or IP address); `verifyPeer` can then only refuse.
    ///
    /// `time` is when certificates are judged; nil takes OpenSSL's clock.
    public convenience init(
        client: TLSClientContext, serverName: Text?, at time: Timestamp? = nil,
        verifyPeer: PeerVerifier? = nil
    ) {
        let verifier = PeerVerification.verifier(client.anchors, serverName, time, verifyPeer)
        self.init(client.context, keeping: client, offeredProtocols: client.protocols.names, verifier)
        unsafe SSL_set_connect_state(ssl)
        if let serverName { announce(serverName) }
    }

    private init(
        _ context: TLSContext, keeping owner: AnyObject, offeredProtocols: [Text]?,
        _ verifyPeer: @escaping PeerVerifier
    ) {
        guard let ssl = unsafe SSL_new(context.pointer) else {
            preconditionFailure("there is memory for a session")
        }
        unsafe self.ssl = ssl
        self.context = owner
        self.offeredProtocols = offeredProtocols
        self.verifyPeer = verifyPeer
        connectInput()
        connectOutput()
        unsafe sallyport_set_owner(ssl, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { unsafe SSL_free(ssl) }

    // MARK: Bytes in

    public func receive(_ bytes: [UInt8]) { unsafe receive(bytes.span.bytes) }

    /// Ciphertext, in any pieces.
    ///
    /// Ignored after `.closed` and `.failed`.
    public func receive(_ bytes: RawSpan) {
        switch state {
        case .handshaking, .established: break
        case .peerClosed, .failing, .failed: return
        }
        unsafe bytes.withUnsafeBytes { unsafe input.write($0) }
        unreadBytes += bytes.byteCount
    }

    /// What follows from the bytes received; call until `.needsInput`.
    public func nextEvent() -> Event {
        switch state {
        case .handshaking: return handshake()
        case .established: return read()
        case .peerClosed, .failed: return .needsInput
        case .failing(let error):
            state = .failed
            return .failed(error)
        }
    }

    private func handshake() -> Event {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        guard result == 1 else { return eventAfterFailure(result) }
        verifyPeer = nil
        guard isAgreedProtocolOurs else { return fail(.noApplicationProtocol) }
        state = .established
        return .handshakeCompleted
    }

    private func read() -> Event {
        let pending = unsafe Int(SSL_pending(ssl))
        // Without this a request costs a second `SSL_read` that finds nothing.
        guard pending > 0 || input.count > 0 else {
            giveBackIdleInput()
            return .needsInput
        }
        ERR_clear_error()
        let capacity = min(Self.plaintextBytesMax, max(unreadBytes, pending, 1))
        var result: Int32 = 0
        let plaintext = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
            result = unsafe SSL_read(ssl, buffer.baseAddress, Int32(capacity))
            filled = max(0, Int(result))
        }
        guard result > 0 else { return eventAfterFailure(result) }
        if input.count == 0, unsafe SSL_pending(ssl) == 0 { unreadBytes = 0 }
        return .plaintext(plaintext)
    }

    private func eventAfterFailure(_ result: Int32) -> Event {
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            return .needsInput
        case SSL_ERROR_ZERO_RETURN:
            state = .peerClosed
            return .closed
        default:
            let error = TLSError.takeSessionError()
            return fail(refusal.map(TLSError.peerRefused) ?? error)
        }
    }

    private func fail(_ error: TLSError) -> Event {
        OpenSSLError.clear()
        verifyPeer = nil
        state = .failed
        return .failed(error)
    }

    // MARK: Bytes out

    public func send(_ plaintext: [UInt8]) { unsafe send(plaintext.span.bytes) }

    /// Encrypts into the output.
    ///
    /// Only once the handshake is complete; ignored after `sendClose` or a failure, when nobody would read
    /// it.
    public func send(_ plaintext: RawSpan) {
        switch state {
        case .handshaking: preconditionFailure("nothing is sent before the handshake is complete")
        case .failing, .failed: return
        case .established, .peerClosed: break
        }
        guard !isCloseSent else { return }
        unsafe plaintext.withUnsafeBytes { bytes in
            var rest = unsafe bytes
            while unsafe !rest.isEmpty {
                ERR_clear_error()
                let length = Int32(clamping: rest.count)
                guard unsafe SSL_write(ssl, rest.baseAddress, length) == length else {
                    state = .failing(TLSError.takeSessionError())
                    return
                }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(length)))
            }
        }
    }

    /// Puts `close_notify` into the output; nothing before the handshake is complete or after a failure.
    public func sendClose() {
        switch state {
        case .handshaking, .failing, .failed: return
        case .established, .peerClosed: break
        }
        guard !isCloseSent else { return }
        isCloseSent = true
        ERR_clear_error()
        // 0: the peer has not closed yet. A failure means the same as being closed.
        if unsafe SSL_shutdown(ssl) < 0 { OpenSSLError.clear() }
    }

    /// Ciphertext for the peer; empty when there is none.
    public func takeOutput() -> [UInt8] {
        defer { giveBackIdleOutput() }
        return output.drain()
    }

    // MARK: What was agreed

    public var isEstablished: Bool {
        switch state {
        case .established, .peerClosed: true
        case .handshaking, .failing, .failed: false
        }
    }

    /// What ALPN agreed on; nil when there was no ALPN.
    public var applicationProtocol: Text? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &length)
        guard let name = unsafe name, length > 0 else { return nil }
        return unsafe Text(Array(UnsafeBufferPointer(start: name, count: Int(length))))
    }

    /// `TLSv1.3` or `TLSv1.2`.
    public var protocolVersion: String { unsafe String(cString: SSL_get_version(ssl)) }

    /// OpenSSL lets a server choose what the client did not offer (RFC 7301 §3.1 does not).
    private var isAgreedProtocolOurs: Bool {
        guard let offeredProtocols, let applicationProtocol else { return true }
        return offeredProtocols.contains(applicationProtocol)
    }

    // MARK: The peer's certificates

    /// Called by OpenSSL within the handshake: `X509_V_OK` or the error that makes the wanted alert.
    func verificationError(of store: OpaquePointer) -> Int32 {
        guard let verifyPeer, let chain = unsafe PeerVerification.chain(sentWith: store) else {
            return refuse(.badCertificate)
        }
        switch verifyPeer(chain) {
        case .refused(let alert): return refuse(alert)
        case .accepted:
            peerChain = chain
            return X509_V_OK
        }
    }

    private func refuse(_ alert: TLSAlert) -> Int32 {
        refusal = alert
        return alert.verificationError
    }

    /// RFC 6066 §3: host names only, no addresses.
    private func announce(_ serverName: Text) {
        let name = serverName.string
        guard unsafe sallyport_is_ip_address(name) == 0 else { return }
        guard unsafe sallyport_set_server_name(ssl, name) == 1 else {
            state = .failing(.protocolViolation(OpenSSLError.take()))
            return
        }
    }

    // MARK: Memory

    private func connectInput() {
        guard unsafe BIO_up_ref(input.pointer) == 1 else { preconditionFailure("a buffer can be shared") }
        unsafe SSL_set0_rbio(ssl, input.pointer)
    }

    private func connectOutput() {
        guard unsafe BIO_up_ref(output.pointer) == 1 else { preconditionFailure("a buffer can be shared") }
        unsafe SSL_set0_wbio(ssl, output.pointer)
    }

    /// Tens of thousands of connections wait for most of their lives.
    private func giveBackIdleInput() {
        guard input.isOvergrown else { return }
        input.replace()
        connectInput()
    }

    /// Within the handshake OpenSSL has a buffer of its own before ours.
    private func giveBackIdleOutput() {
        guard isEstablished, output.isOvergrown else { return }
        output.replace()
        connectOutput()
    }
}
