public import Primitives

/// One field of a head (RFC 9110 §5).
public struct HTTPField: Sendable, Hashable {
    /// As received.
    public let name: Text
    /// Without leading and trailing SP and HTAB.
    public let value: Text
    /// The name in lower case: what names are compared by.
    public let key: Text

    public init(_ name: Text, _ value: Text) {
        self.name = name
        self.value = value.trimmed
        key = name.lowercased
    }
}

/// The fields of a head in their order; a name may occur more than once.
///
/// Keys are given in lower case; other spellings find the same fields.
public struct HTTPFields: Sendable, Hashable {
    public private(set) var fields: [HTTPField] = []

    public init() {}

    public init(_ pairs: [(Text, Text)]) {
        fields = pairs.map { HTTPField($0.0, $0.1) }
    }

    public var count: Int { fields.count }
    public var isEmpty: Bool { fields.isEmpty }

    /// The first value; nil when there is none.
    public subscript(_ key: Text) -> Text? {
        let key = key.lowercased
        return fields.first { $0.key == key }?.value
    }

    /// Every value, in order.
    public func values(_ key: Text) -> [Text] {
        let key = key.lowercased
        return fields.filter { $0.key == key }.map(\.value)
    }

    public func contains(_ key: Text) -> Bool {
        let key = key.lowercased
        return fields.contains { $0.key == key }
    }

    public mutating func append(_ field: HTTPField) {
        fields.append(field)
    }

    public mutating func append(_ name: Text, _ value: Text) {
        fields.append(HTTPField(name, value))
    }

    /// Replaces every field of that name by this one, at the end.
    public mutating func set(_ name: Text, _ value: Text) {
        remove(name)
        append(name, value)
    }

    /// Removes every field of that name.
    public mutating func remove(_ key: Text) {
        let key = key.lowercased
        fields.removeAll { $0.key == key }
    }

    public mutating func removeAll(where isUnwanted: (HTTPField) -> Bool) {
        fields.removeAll(where: isUnwanted)
    }
}
