public import Primitives

/// An issuer's keys (RFC 7517 §5), read strictly.
///
/// Keys of an unknown type, and keys said to be for something else (`use: enc`), are skipped, as an issuer
/// may have them for others. A key of a known type that is malformed, weak or private makes the whole set an
/// error: the file is not what its author meant.
public struct JSONWebKeySet: Sendable {
    public static let bytesMax = 256 * 1024
    public static let keysMax = 100

    public let keys: [JSONWebKey]

    public init(parsing bytes: [UInt8]) throws(KeyError) {
        guard bytes.count <= Self.bytesMax else { throw .tooLarge }
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw .notJSON(error)
        }
        guard let set = json.object else { throw .notAnObject }
        guard let entries = set["keys"]?.array else { throw .noKeysMember }
        guard entries.count <= Self.keysMax else { throw .tooManyKeys }
        var keys: [JSONWebKey] = []
        for entry in entries {
            guard let key = try Self.usableKey(entry) else { continue }
            if let id = key.keyID, keys.contains(where: { $0.keyID == id }) { throw .duplicateKeyID(id) }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw .noUsableKey }
        self.keys = keys
    }

    /// Nil for a key to be skipped.
    private static func usableKey(_ json: JSON) throws(KeyError) -> JSONWebKey? {
        do throws(KeyError) {
            return try JSONWebKey(json)
        } catch {
            switch error {
            case .unsupportedType, .notForVerifying: return nil
            default: throw error
            }
        }
    }

    /// The key of that `kid`; without one, the only key of the set, if it has only one.
    public func key(_ id: Text?) -> JSONWebKey? {
        guard let id else { return keys.count == 1 ? keys.first : nil }
        return keys.first { $0.keyID == id }
    }
}
