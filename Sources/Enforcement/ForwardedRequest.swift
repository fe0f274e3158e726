public import HTTP
public import Primitives

/// What the tool receives: the judged request without credentials and hop-by-hop fields, with our own added.
public enum ForwardedRequest {
    /// How the tool is addressed and what is injected for it.
    public struct Settings: Sendable {
        /// The `Host` the tool sees, fixed by configuration (contract §3).
        public var host: Text
        /// A static credential of the tool; replaces whatever the caller sent under that name.
        public var credential: (name: Text, value: Text)?

        public init(host: Text, credential: (name: Text, value: Text)?) {
            (self.host, self.credential) = (host, credential)
        }
    }

    /// Fields an agent must not be able to set, because a tool may believe them.
    private static let forgeable: Set<Text> = [
        "dpop", "client-cert", "client-cert-chain", "forwarded", "x-real-ip", "via",
    ]
    private static let forgeablePrefixes: [Text] = [
        "x-forwarded-", "sallyport-", "x-ssl-client-", "x-client-cert",
    ]

    /// Fields in the order they came, `Host` first.
    ///
    /// Framing is the engine's.
    public static func fields(
        for open: OpenCall, _ settings: Settings, random: inout some RandomNumberGenerator
    ) -> HTTPFields {
        var fields = HTTPFields([("host", settings.host)])
        for field in open.request.fields.fields where passes(field.key, open, settings) {
            fields.append(field.name, field.value)
        }
        if let credential = settings.credential { fields.append(credential.name, credential.value) }
        fields.append(
            "traceparent", TraceParent.child(of: open.request.fields["traceparent"], random: &random))
        fields.append("forwarded", forwarded(for: open))
        fields.append("sallyport-request-id", open.id.text)
        return fields
    }

    private static func passes(_ key: Text, _ open: OpenCall, _ settings: Settings) -> Bool {
        if key == "host" || key == "content-length" || key == "expect" || key == "traceparent" {
            return false
        }
        if key == open.tokenField || forgeable.contains(key) || HopByHop.isHopByHop(key) { return false }
        if let name = settings.credential?.name, key == name.lowercased { return false }
        return !forgeablePrefixes.contains { key.hasPrefix($0) }
    }

    /// RFC 7239 §4; addresses and hosts are quoted because they may hold `:` and brackets.
    private static func forwarded(for open: OpenCall) -> Text {
        "for=\"" + open.caller.source + "\";host=\"" + open.request.host + "\";proto=https"
    }
}

/// W3C Trace Context: our call is a child of the caller's span, or the root of a new trace.
enum TraceParent {
    static func child(of parent: Text?, random: inout some RandomNumberGenerator) -> Text {
        let span = hex(UInt64.random(in: 1 ... .max, using: &random))
        if let parent, let trace = traceID(of: parent) {
            return "00-" + trace + "-" + span + "-" + parent.dropFirst(53).prefix(2)
        }
        let trace =
            hex(UInt64.random(in: 1 ... .max, using: &random))
            + hex(UInt64.random(in: .min ... .max, using: &random))
        return "00-" + trace + "-" + span + "-01"
    }

    /// The trace id of a well-formed version 00 value; nil for anything else, which then starts a new trace.
    static func traceID(of parent: Text) -> Text? {
        guard parent.count == 55, parent.hasPrefix("00-") else { return nil }
        let parts = parent.split(on: 0x2D)
        guard parts.count == 4, parts.map(\.count) == [2, 32, 16, 2],
            parts.allSatisfy({ $0.bytes.allSatisfy { $0.hexValue != nil && !(0x41...0x46 ~= $0) } }),
            parts[1].bytes.contains(where: { $0 != 0x30 }), parts[2].bytes.contains(where: { $0 != 0x30 })
        else { return nil }
        return parts[1]
    }

    private static func hex(_ value: UInt64) -> Text {
        let digits = String(value, radix: 16)
        return Text(String(repeating: "0", count: 16 - digits.utf8.count) + digits)
    }
}
