import Primitives

@testable import Crypto

/// A server and a client in memory, and everything that happened to each.
struct TLSPair {
    let server: TLSSession
    let client: TLSSession
    private(set) var serverEvents: [String] = []
    private(set) var clientEvents: [String] = []
    private(set) var serverText: [UInt8] = []
    private(set) var clientText: [UInt8] = []

    init(_ server: TLSSession, _ client: TLSSession) { (self.server, self.client) = (server, client) }

    /// Moves bytes until nobody has any, through `wire`, which may change them (true: from the client).
    mutating func run(through wire: (Bool, [UInt8]) -> [UInt8] = { $1 }) {
        for _ in 0..<100 {
            drain(client, &clientEvents, &clientText)
            drain(server, &serverEvents, &serverText)
            let (toServer, toClient) = (client.takeOutput(), server.takeOutput())
            if toServer.isEmpty && toClient.isEmpty { return }
            if !toServer.isEmpty { server.receive(wire(true, toServer)) }
            if !toClient.isEmpty { client.receive(wire(false, toClient)) }
        }
    }

    private func drain(_ session: TLSSession, _ events: inout [String], _ text: inout [UInt8]) {
        while true {
            switch session.nextEvent() {
            case .needsInput: return
            case .handshakeCompleted: events.append("completed")
            case .plaintext(let bytes): text += bytes
            case .closed: events.append("closed")
            case .failed(let error): events.append("failed: \(error)")
            }
        }
    }
}

/// Identities and contexts under `TestAuthority`.
enum TestTLS {
    static let identity = identity(TestAuthority.leaf { $0.dnsNames = ["tool.example.org"] })
    static let anchors = TrustAnchors([TestAuthority.root.certificate])

    static func identity(_ leaf: CertificateAuthority.Leaf, _ kind: PrivateKey.Kind = .p256) -> TLSIdentity {
        let key = PrivateKey.generate(kind)
        guard let certificate = try? TestAuthority.root.issue(leaf, for: key.publicKey),
            let identity = try? TLSIdentity(chain: [certificate], key: key)
        else { preconditionFailure("a leaf can be issued") }
        return identity
    }

    static func server(
        _ identity: TLSIdentity = identity, _ clients: TLSServerContext.ClientCertificates = .required,
        protocols: [Text] = [], allowsTLS12: Bool = false
    ) -> TLSServerContext {
        guard
            let context = try? TLSServerContext(
                identity: identity, clientCertificates: clients, applicationProtocols: protocols,
                allowsTLS12: allowsTLS12)
        else { preconditionFailure("a server context can be made") }
        return context
    }

    static func client(
        _ identity: TLSIdentity? = identity, _ trust: TLSClientContext.Trust = .callback,
        protocols: [Text] = [],
        allowsTLS12: Bool = false
    ) -> TLSClientContext {
        guard
            let context = try? TLSClientContext(
                identity: identity, trust: trust, applicationProtocols: protocols, allowsTLS12: allowsTLS12)
        else { preconditionFailure("a client context can be made") }
        return context
    }

    static func pair(
        _ server: TLSServerContext = server(), _ client: TLSClientContext = client(),
        verifyClient: @escaping TLSSession.PeerVerifier = { _ in .accepted },
        verifyServer: @escaping TLSSession.PeerVerifier = { _ in .accepted }
    ) -> TLSPair {
        TLSPair(
            TLSSession(server: server, verifyPeer: verifyClient),
            TLSSession(client: client, serverName: "tool.example.org", verifyPeer: verifyServer))
    }
}
