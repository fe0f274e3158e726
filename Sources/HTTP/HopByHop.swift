public import Primitives

/// Fields that speak about one connection and are never forwarded (RFC 9110 §7.6.1).
public enum HopByHop {
    private static let names: Set<Text> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "http2-settings",
        "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
    ]

    /// What `Connection` may name.
    private static let options: Set<Text> = [
        "close", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
    ]

    /// `key` is in lower case.
    public static func isHopByHop(_ key: Text) -> Bool {
        names.contains(key)
    }

    /// The members of every `Connection` field, in lower case; anything but a standard hop-by-hop name is an
    /// error, because a recipient that obeys would remove fields that were judged.
    public static func connectionOptions(_ fields: HTTPFields) throws(HTTPError) -> Set<Text> {
        var found: Set<Text> = []
        for field in fields.fields where field.key == "connection" {
            for member in field.value.split(on: Byte.comma) {
                let option = member.trimmed.lowercased
                guard !option.isEmpty else { continue }
                guard options.contains(option) else { throw .connectionOption(option) }
                found.insert(option)
            }
        }
        return found
    }
}
