internal import Crypto
internal import Enforcement
internal import HTTP
internal import Identity
internal import Policies
internal import Primitives
internal import Reactor
internal import Synchronization
internal import Tokens

/// Announces held calls: one CloudEvent a hold, signed per Standard Webhooks (`v1`, HMAC-SHA-256), never with arguments.
///
/// A delivery that fails is tried again a few times; then a log line and a metric say that it was lost. Nothing about a
/// call depends on it.
final class Webhook: Sendable {
    /// Before each attempt.
    static let delays: [Duration] = [.zero, .seconds(5), .seconds(60), .seconds(300)]
    /// Deliveries under way; further holds are announced by the log alone.
    static let pendingMax = 256
    static let timeout: Duration = .seconds(15)

    private let settings: WebhookSettings
    private let loop: Loop
    private let clock: SystemClock
    private let metrics: Metrics
    private let log: Log
    private let pending = Atomic<Int>(0)

    init(_ settings: WebhookSettings, on loop: Loop, clock: SystemClock, metrics: Metrics, log: Log) {
        (self.settings, self.loop, self.clock, self.metrics, self.log) = (settings, loop, clock, metrics, log)
    }

    func announce(_ approval: CallID, _ judged: JudgedCall, _ decision: Decision, at time: Timestamp) {
        guard pending.load(ordering: .relaxed) < Self.pendingMax else {
            return metrics.count(.webhooks, "dropped")
        }
        pending.wrappingAdd(1, ordering: .relaxed)
        let event = WebhookEvent(approval, judged, decision, at: time)
        loop.execute { [self] in attempt(event, 0) }
    }

    private func attempt(_ event: WebhookEvent, _ number: Int) {
        guard number < Self.delays.count else {
            pending.wrappingSubtract(1, ordering: .relaxed)
            metrics.count(.webhooks, "lost")
            return log.warning(.webhookFailed, "a hold could not be announced", ["event.id": "\(event.id)"])
        }
        loop.schedule(after: Self.delays[number]) { [self] in
            WebhookDelivery.send(event, settings, at: clock.now.time, on: loop) { [self] isDelivered in
                guard !isDelivered else {
                    pending.wrappingSubtract(1, ordering: .relaxed)
                    return metrics.count(.webhooks, "ok")
                }
                metrics.count(.webhooks, "failed")
                attempt(event, number + 1)
            }
        }
    }
}

/// The CloudEvent (1.0, structured mode) of one hold.
struct WebhookEvent: Sendable {
    let id: Text
    let payload: [UInt8]

    init(_ approval: CallID, _ judged: JudgedCall, _ decision: Decision, at time: Timestamp) {
        id = approval.text
        // The query of an HTTP target is arguments, and those never travel in an announcement.
        let resource =
            judged.open.route.speaks == .http ? judged.open.request.target.path : judged.call.action.resource
        payload =
            JSON.object([
                "specversion": "1.0", "id": .string(approval.text), "source": .string(judged.audience),
                "type": "dev.sallyport.approval.requested", "subject": .string(approval.text),
                "time": .string(time.rfc3339), "datacontenttype": "application/json",
                "data": .object([
                    "approval": .string(approval.text), "agent": .string(judged.caller.peer.id.text),
                    "subject": judged.token.map { .string($0.subject) },
                    "action": .string(judged.call.action.action),
                    "resource": .string(resource), "rules": .array(decision.holds.map { .string($0.rule) }),
                    "message": decision.message.map { .string($0) },
                ]),
            ]).encoded
    }

    /// Standard Webhooks: `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.payload`.
    ///
    /// - Parameter now: of this attempt, or receivers would take a late one for a replay.
    func fields(signedWith secret: [UInt8], at now: Timestamp) -> [(Text, Text)] {
        let stamp = Text(String(now.seconds))
        let signed = (id + "." + stamp + ".").bytes + payload
        let code = HMACSHA256.code(over: signed, key: secret)
        return [
            ("content-type", "application/cloudevents+json"), ("webhook-id", id),
            ("webhook-timestamp", stamp),
            ("webhook-signature", Text("v1," + Base64.encode(code))),
        ]
    }
}

/// One attempt, on one connection.
final class WebhookDelivery: ConnectionHandler {
    private let socket: Connection
    private let settings: WebhookSettings
    private let tls: TLSSession?
    private var http = HTTP1Client()
    private let event: WebhookEvent
    private let now: Timestamp
    private var done: ((Bool) -> Void)?
    private var timer: Timer?

    static func send(
        _ event: WebhookEvent, _ settings: WebhookSettings, at now: Timestamp, on loop: Loop,
        _ done: @escaping (Bool) -> Void
    ) {
        Connector.connect(to: settings.endpoint, on: loop, timeout: Webhook.timeout) { result in
            guard case .success(let socket) = result else {
                done(false)
                return nil
            }
            let delivery = WebhookDelivery(socket, event, settings, at: now, done)
            loop.executeHere { delivery.begin() }
            return delivery
        }
    }

    private init(
        _ socket: Connection, _ event: WebhookEvent, _ settings: WebhookSettings, at now: Timestamp,
        _ done: @escaping (Bool) -> Void
    ) {
        (self.socket, self.event, self.settings, self.now, self.done) = (socket, event, settings, now, done)
        tls = settings.tls.map { TLSSession(client: $0, serverName: settings.host.hostPart, verifyPeer: nil) }
    }

    private func begin() {
        timer = socket.loop.scheduleHere(after: Webhook.timeout) { [weak self] in self?.finish(false) }
        guard let tls else { return post() }
        _ = tls.nextEvent()
        flush()
    }

    private func post() {
        guard let target = try? RequestTarget(settings.target) else { return finish(false) }
        http.send(
            HTTPRequestHead(
                method: "POST", target: target,
                fields: HTTPFields(
                    [("host", settings.host)] + event.fields(signedWith: settings.secret, at: now)),
                body: .exactly(event.payload.count)))
        http.sendBody(event.payload)
        http.sendEnd()
        flush()
    }

    private func flush() {
        var bytes = http.takeOutput()
        if let tls {
            if !bytes.isEmpty { tls.send(bytes) }
            bytes = tls.takeOutput()
        }
        if !bytes.isEmpty { socket.write(bytes) }
        socket.flush()
    }

    func received(_ bytes: RawSpan) {
        guard let tls else {
            http.receive(bytes.copied)
            return read()
        }
        tls.receive(bytes)
        while true {
            switch tls.nextEvent() {
            case .needsInput:
                flush()
                return read()
            case .handshakeCompleted: post()
            case .plaintext(let plain): http.receive(plain)
            case .closed, .failed:
                // The answer may have come with the goodbye.
                read()
                return finish(false)
            }
        }
    }

    private func read() {
        do throws(HTTPError) {
            while let event = try http.nextEvent() {
                if case .response(let response) = event {
                    return finish((200..<300).contains(response.status))
                }
            }
        } catch {
            finish(false)
        }
    }

    private func finish(_ isDelivered: Bool) {
        timer?.cancel()
        let done = self.done.take()
        socket.abort()
        done?(isDelivered)
    }

    func receivedEnd() { finish(false) }
    func writabilityChanged(_ isWritable: Bool) {}
    func closed(_ error: ConnectionError?) { finish(false) }
}

extension Text {
    /// A `host` or `host:port` without its port.
    fileprivate var hostPart: Text {
        guard let colon = bytes.lastIndex(of: 0x3A), !hasSuffix("]") else { return self }
        return prefix(colon)
    }
}
