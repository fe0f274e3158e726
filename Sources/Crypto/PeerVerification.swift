internal import COpenSSL
import Primitives

/// How the certificates of a TLS peer get from OpenSSL to the one who judges them.
enum PeerVerification {
    /// The certificates of a handshake, the leaf first; nil for too many or one that is malformed.
    static func chain(sentWith store: OpaquePointer) -> [Certificate]? {
        // OpenSSL puts everything the peer sent here.
        guard let sent = unsafe X509_STORE_CTX_get0_untrusted(store) else { return nil }
        let count = unsafe sallyport_x509_count(sent)
        guard 1...TrustAnchors.chainMax ~= Int(count) else { return nil }
        var chain: [Certificate] = []
        for index in 0..<count {
            guard let pointer = unsafe sallyport_x509_at(sent, index),
                let certificate = unsafe try? Certificate(sharing: pointer)
            else { return nil }
            chain.append(certificate)
        }
        return chain
    }

    /// A client's judgement: the roots and the server's name first, then `verifyPeer`, which can only refuse.
    static func verifier(
        _ anchors: TrustAnchors?, _ serverName: Text?, _ time: Timestamp?,
        _ verifyPeer: TLSSession.PeerVerifier?
    ) -> TLSSession.PeerVerifier {
        guard let anchors else {
            guard let verifyPeer else { preconditionFailure("a client without roots judges its peer itself") }
            return verifyPeer
        }
        guard let serverName else { preconditionFailure("a client that trusts roots asks for a server name") }
        return { chain in
            guard let leaf = chain.first else { return .refused(.badCertificate) }
            do throws(ChainError) {
                _ = try anchors.path(
                    from: leaf, intermediates: Array(chain.dropFirst()), atOrNow: time, .tlsServer, serverName
                )
            } catch {
                return .refused(error.alert)
            }
            return verifyPeer?(chain) ?? .accepted
        }
    }
}
