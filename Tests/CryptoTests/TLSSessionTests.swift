import Primitives
import Testing

@testable import Crypto

@Suite struct TLSSessionTests {
    @Test func `two sessions authenticate each other and talk`() {
        var pair = TestTLS.pair()
        pair.run()
        #expect(pair.serverEvents == ["completed"] && pair.clientEvents == ["completed"])
        #expect(pair.server.isEstablished && pair.client.isEstablished)
        #expect(pair.server.peerChain == TestTLS.identity.chain)
        #expect(pair.client.peerChain == TestTLS.identity.chain)
        #expect(Text(pair.server.protocolVersion) == "TLSv1.3")
        #expect(pair.server.applicationProtocol == nil)
        pair.client.send(Array("question".utf8))
        pair.server.send(Array("answer".utf8))
        pair.run()
        #expect(Text(pair.serverText) == "question" && Text(pair.clientText) == "answer")
    }

    @Test(arguments: [PrivateKey.Kind.p256, .ed25519, .rsa2048])
    func `every kind of key serves`(_ kind: PrivateKey.Kind) {
        let identity = TestTLS.identity(TestAuthority.leaf(), kind)
        var pair = TestTLS.pair(TestTLS.server(identity), TestTLS.client(identity))
        pair.run()
        #expect(pair.serverEvents == ["completed"] && pair.clientEvents == ["completed"])
    }

    @Test(arguments: [1, 100, 16_384, 16_385, 1_000_000])
    func `any length arrives whole, in pieces of any size`(_ count: Int) {
        var pair = TestTLS.pair()
        pair.run()
        let sent = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.client.send(sent)
        let wire = pair.client.takeOutput()
        var received: [UInt8] = []
        var step = 1
        var rest = wire[...]
        while !rest.isEmpty {
            pair.server.receive(Array(rest.prefix(step)))
            rest = rest.dropFirst(step)
            step = step % 5000 + 137
            while case .plaintext(let bytes) = pair.server.nextEvent() {
                #expect(1...TLSSession.plaintextBytesMax ~= bytes.count)
                received += bytes
            }
        }
        #expect(received == sent)
    }

    @Test func `the handshake arrives in single bytes`() {
        var pair = TestTLS.pair()
        let server = pair.server
        pair.run { fromClient, bytes in
            guard fromClient else { return bytes }
            for byte in bytes.dropLast() {
                server.receive([byte])
                if case .needsInput = server.nextEvent() { continue }
                Issue.record("an event before the last byte of a flight")
            }
            return Array(bytes.suffix(1))
        }
        #expect(pair.serverEvents == ["completed"])
    }

    @Test func `closing is told once, and the other direction stays open`() {
        var pair = TestTLS.pair()
        pair.run()
        pair.client.send([1])
        pair.client.sendClose()
        pair.client.sendClose()
        pair.run()
        #expect(pair.serverText == [1] && pair.serverEvents == ["completed", "closed"])
        pair.server.send([2])
        pair.run()
        #expect(pair.clientText == [2])
        pair.server.sendClose()
        pair.run()
        #expect(pair.clientEvents == ["completed", "closed"])
        pair.client.send([3])
        #expect(pair.client.takeOutput().isEmpty)
    }

    @Test func `closing before the handshake says nothing`() {
        let pair = TestTLS.pair()
        pair.server.sendClose()
        #expect(pair.server.takeOutput().isEmpty)
    }

    @Test(arguments: [
        TLSAlert.badCertificate, .unsupportedCertificate, .certificateRevoked, .certificateExpired,
        .certificateUnknown, .unknownCA, .internalError, .handshakeFailure,
    ])
    func `a refused client gets the alert and never an established session`(_ alert: TLSAlert) {
        var pair = TestTLS.pair(verifyClient: { _ in .refused(alert) })
        pair.run()
        #expect(pair.serverEvents == ["failed: \(TLSError.peerRefused(alert))"])
        #expect(pair.clientEvents.last == "failed: \(TLSError.alertReceived(alert.rawValue))")
        #expect(!pair.server.isEstablished && pair.server.peerChain.isEmpty)
        #expect(pair.server.takeOutput().isEmpty)
    }

    @Test func `a refused server never sees our certificate`() {
        var asked = false
        var pair = TestTLS.pair(
            verifyClient: { _ in
                asked = true
                return .accepted
            }, verifyServer: { _ in .refused(.accessDenied) })
        pair.run()
        #expect(!asked)
        #expect(pair.clientEvents == ["failed: \(TLSError.peerRefused(.accessDenied))"])
        #expect(
            pair.serverEvents == ["failed: \(TLSError.alertReceived(TLSAlert.handshakeFailure.rawValue))"])
    }

    @Test func `a certificate can be required, asked for or not`() {
        var required = TestTLS.pair(TestTLS.server(), TestTLS.client(nil))
        required.run()
        #expect(required.serverEvents == ["failed: \(TLSError.noPeerCertificate)"])
        for mode in [TLSServerContext.ClientCertificates.requested, .none] {
            var pair = TestTLS.pair(
                TestTLS.server(TestTLS.identity, mode), TestTLS.client(nil),
                verifyClient: { _ in .refused(.badCertificate) })
            pair.run()
            #expect(pair.serverEvents == ["completed"] && pair.server.peerChain.isEmpty)
        }
        var unasked = TestTLS.pair(TestTLS.server(TestTLS.identity, .none))
        unasked.run()
        #expect(unasked.serverEvents == ["completed"] && unasked.server.peerChain.isEmpty)
    }

    @Test(
        arguments: [
            (["h2", "http/1.1"], ["http/1.1", "h2"], "h2"), (["http/1.1"], ["h2", "http/1.1"], "http/1.1"),
            (["h2"], [], nil), ([], ["h2"], nil),
        ] as [([Text], [Text], Text?)])
    func `the server's order decides the protocol`(_ ours: [Text], _ offered: [Text], _ agreed: Text?) {
        var pair = TestTLS.pair(
            TestTLS.server(protocols: ours), TestTLS.client(TestTLS.identity, .callback, protocols: offered))
        pair.run()
        #expect(pair.serverEvents == ["completed"] && pair.clientEvents == ["completed"])
        #expect(pair.server.applicationProtocol == agreed && pair.client.applicationProtocol == agreed)
    }

    @Test func `no protocol in common ends the handshake`() {
        var pair = TestTLS.pair(
            TestTLS.server(protocols: ["h2"]),
            TestTLS.client(TestTLS.identity, .callback, protocols: ["h2c", "h"]))
        pair.run()
        #expect(pair.serverEvents == ["failed: \(TLSError.noApplicationProtocol)"])
        #expect(pair.clientEvents == ["failed: \(TLSError.alertReceived(120))"])
    }

    @Test func `a protocol name has one to 255 bytes`() {
        for name in [Text(""), Text([UInt8](repeating: 0x61, count: 256))] {
            #expect(throws: TLSError.badApplicationProtocol(name)) {
                try TLSClientContext(identity: nil, trust: .callback, applicationProtocols: [name])
            }
        }
    }

    @Test func `a key of someone else makes no identity`() {
        #expect(throws: TLSError.keyMismatch) {
            try TLSIdentity(chain: TestTLS.identity.chain, key: PrivateKey.generate(.p256))
        }
        #expect(throws: TLSError.emptyChain) { try TLSIdentity(chain: [], key: TestAuthority.key) }
    }

    @Test func `intermediates are sent along`() throws {
        let middle = try TestAuthority.root.intermediate(
            name: "middle", from: TestAuthority.from, to: TestAuthority.to)
        let key = PrivateKey.generate(.p256)
        let leaf = try middle.issue(TestAuthority.leaf(), for: key.publicKey)
        let identity = try TLSIdentity(chain: [leaf, middle.certificate], key: key)
        var pair = TestTLS.pair(TestTLS.server(), TestTLS.client(identity))
        pair.run()
        #expect(pair.server.peerChain == [leaf, middle.certificate])
    }

    @Test func `more certificates than a chain may have are refused`() throws {
        let long = try TLSIdentity(
            chain: TestTLS.identity.chain
                + [Certificate](repeating: TestAuthority.root.certificate, count: TrustAnchors.chainMax),
            key: TestTLS.identity.key)
        var pair = TestTLS.pair(TestTLS.server(), TestTLS.client(long))
        pair.run()
        #expect(pair.serverEvents == ["failed: \(TLSError.peerRefused(.badCertificate))"])
    }
}

@Suite struct TLSClientTrustTests {
    private func events(
        _ anchors: TrustAnchors, _ name: Text, at time: Timestamp = TestAuthority.now,
        _ verifyPeer: TLSSession.PeerVerifier? = nil
    ) -> [String] {
        var pair = TLSPair(
            TLSSession(server: TestTLS.server(TestTLS.identity, .none)) { _ in .accepted },
            TLSSession(
                client: TestTLS.client(nil, .anchors(anchors)), serverName: name, at: time,
                verifyPeer: verifyPeer))
        pair.run()
        return pair.clientEvents
    }

    @Test func `a server is trusted by root, name and time`() {
        #expect(events(TestTLS.anchors, "tool.example.org") == ["completed"])
        #expect(
            events(TestTLS.anchors, "other.example.org") == [
                "failed: \(TLSError.peerRefused(.badCertificate))"
            ])
        #expect(
            events(TrustAnchors([]), "tool.example.org") == ["failed: \(TLSError.peerRefused(.unknownCA))"])
        #expect(
            events(TestTLS.anchors, "tool.example.org", at: TestAuthority.to)
                == ["failed: \(TLSError.peerRefused(.certificateExpired))"])
    }

    @Test func `a verifier can refuse what the roots accept, and not accept what they refuse`() {
        #expect(
            events(TestTLS.anchors, "tool.example.org") { _ in .refused(.accessDenied) }
                == ["failed: \(TLSError.peerRefused(.accessDenied))"])
        #expect(
            events(TrustAnchors([]), "tool.example.org") { _ in .accepted }
                == ["failed: \(TLSError.peerRefused(.unknownCA))"])
    }

    @Test func `the system's roots do not know our authority`() {
        var pair = TLSPair(
            TLSSession(server: TestTLS.server(TestTLS.identity, .none)) { _ in .accepted },
            TLSSession(
                client: TestTLS.client(nil, .system), serverName: "tool.example.org", at: TestAuthority.now))
        pair.run()
        #expect(pair.clientEvents == ["failed: \(TLSError.peerRefused(.unknownCA))"])
    }
}
