public import Logging
internal import Primitives
public import Reactor

/// Every event the proxy logs, named in one place.
///
/// Never a token, a proof, a key, a body or an argument.
public struct Log: Sendable {
    private let logger: Logger

    public init(_ logger: Logger) { self.logger = logger }

    enum Event: String {
        case ready, draining, stopped
        case callHeld = "call-held"
        case approvalEnded = "approval-ended"
        case ledgerFailed = "ledger-failed"
        case ledgerResumed = "ledger-resumed"
        case ledgerRecovered = "ledger-recovered"
        case ledgerRoom = "ledger-room"
        case checkpointKeyMade = "checkpoint-key-made"
        case checkpointFailed = "checkpoint-failed"
        case checkpointForeign = "checkpoint-foreign"
        case continuityUnproven = "continuity-unproven"
        case webhookFailed = "webhook-failed"
        case clockDrifted = "clock-drifted"
        case handshakeRefused = "handshake-refused"
    }

    func info(_ event: Event, _ message: String, _ fields: [String: String] = [:]) {
        log(.info, event, message, fields)
    }

    func warning(_ event: Event, _ message: String, _ fields: [String: String] = [:]) {
        log(.warning, event, message, fields)
    }

    func error(_ event: Event, _ message: String, _ fields: [String: String] = [:]) {
        log(.error, event, message, fields)
    }

    func debug(_ event: Event, _ message: String, _ fields: [String: String] = [:]) {
        log(.debug, event, message, fields)
    }

    private func log(_ level: Logger.Level, _ event: Event, _ message: String, _ fields: [String: String]) {
        var metadata: Logger.Metadata = ["event.action": "\(event.rawValue)"]
        for (name, value) in fields { metadata[name] = "\(value)" }
        logger.log(level: level, "\(message)", metadata: metadata)
    }
}

/// JSON lines on standard error with ECS names (standards R7.3).
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let clock: SystemClock

    public init(level: Logger.Level, clock: SystemClock) { (logLevel, self.clock) = (level, clock) }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var line = JSONObject()
        line.append("@timestamp", .string(clock.now.time.rfc3339))
        line.append("log.level", .string(event.level.rawValue))
        line.append("service.name", "sallyport")
        line.append("message", .string(event.message.description))
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            line.append(Text(name), .string("\(value)"))
        }
        Host.writeToStandardError(JSON.object(line).encoded + [0x0A])
    }
}
