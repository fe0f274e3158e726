import Primitives

/// `json` and `jcs`.
enum DocumentVerbs {
    /// `{"bytes":"<base64>"}`: one text of plain RFC 8259, duplicate names included.
    static func json(_ input: JSON) -> Text? {
        guard let bytes = input.bytes("bytes") else { return nil }
        let limits = JSONParser.Limits(allowsDuplicateNames: true)
        return (try? JSONParser.parse(bytes, limits: limits)) == nil ? nil : "accept"
    }

    /// `{"bytes":"<base64>"}`: base64 of the canonical form (RFC 8785).
    static func jcs(_ input: JSON) -> Text? {
        guard let bytes = input.bytes("bytes"), let value = try? JSONParser.parse(bytes),
            let canonical = try? value.canonical(numbers: .rounded)
        else { return nil }
        return Text(Base64.encode(canonical))
    }
}
