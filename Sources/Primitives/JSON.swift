/// A JSON value read strictly.
///
/// Numbers keep their text; text is compared as bytes.
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(Text)
    case array([JSON])
    case object(JSONObject)

    public static func integer(_ value: Int64) -> JSON { .number(JSONNumber(value)) }
    public static func string(_ value: String) -> JSON { .string(Text(value)) }
    /// Members in the order given; a nil value leaves its member out.
    public static func object(_ members: KeyValuePairs<Text, JSON?>) -> JSON {
        .object(JSONObject(members.compactMap { name, value in value.map { .init(name: name, value: $0) } }))
    }

    public var string: Text? { if case .string(let text) = self { text } else { nil } }
    public var number: Decimal? { if case .number(let number) = self { number.value } else { nil } }
    public var integer: Int64? { number?.int64 }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var array: [JSON]? { if case .array(let items) = self { items } else { nil } }
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    public var isNull: Bool { if case .null = self { true } else { false } }

    /// The member of that name when this is an object that has it.
    public subscript(_ name: Text) -> JSON? { object?[name] }
}

extension JSON: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self = .string(Text(value)) }
}

/// An object's members in the order they were written; no name twice.
public struct JSONObject: Sendable {
    public struct Member: Hashable, Sendable {
        public let name: Text
        public let value: JSON

        public init(name: Text, value: JSON) { (self.name, self.value) = (name, value) }
    }

    public private(set) var members: [Member]

    public init(_ members: [Member] = []) { self.members = members }

    public var count: Int { members.count }
    public var names: [Text] { members.map(\.name) }

    public subscript(_ name: Text) -> JSON? { members.first { $0.name == name }?.value }

    /// Adds a member at the end; the caller knows that the name is new.
    public mutating func append(_ name: Text, _ value: JSON) {
        members.append(Member(name: name, value: value))
    }
}

extension JSONObject: Hashable {
    /// The order of members does not matter (RFC 8259 §4).
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.name] == $0.value }
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(count) }
}

/// A number as it was written, and its exact value.
public struct JSONNumber: Sendable {
    public let text: Text
    public let value: Decimal

    /// Nil when the text is not a JSON number, or its exponent is out of `Decimal`'s bounds.
    public init?(_ text: Text) {
        guard let value = Decimal(text.bytes) else { return nil }
        (self.text, self.value) = (text, value)
    }

    public init(_ value: Int64) { (text, self.value) = (Text(String(value)), Decimal(value)) }
}

extension JSONNumber: Hashable {
    public static func == (left: JSONNumber, right: JSONNumber) -> Bool { left.value == right.value }
    public func hash(into hasher: inout Hasher) { hasher.combine(value) }
}
