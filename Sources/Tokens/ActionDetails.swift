import Primitives

/// The one entry of `authorization_details` (RFC 9396 §2): one action on one resource, and what its arguments
/// may be.
struct ActionDetails: Sendable {
    let action: Text
    let resource: Text
    let constraints: ArgumentConstraints?
    let argumentsDigest: Digest?

    private static let known: Set<Text> = ["type", "actions", "identifier", "constraints", "args_digest"]

    init(_ json: JSON) throws(DetailsError) {
        guard let entries = json.array, entries.count == 1, let entry = entries[0].object else {
            throw .notOneEntry
        }
        guard entry["type"]?.string == "tool_action" else { throw .wrongType }
        for name in entry.names where !Self.known.contains(name) {
            throw .unknownMember(ArgumentPath.shown([name]))
        }
        guard let actions = entry["actions"]?.array, actions.count == 1, let action = actions[0].string,
            !action.isEmpty
        else { throw .actions }
        guard let resource = entry["identifier"]?.string, !resource.isEmpty else { throw .identifier }
        (self.action, self.resource) = (action, resource)
        constraints = try entry["constraints"].map { json throws(DetailsError) in
            try ArgumentConstraints(json)
        }
        argumentsDigest = try entry["args_digest"].map { json throws(DetailsError) in
            guard let digest = json.string.flatMap(ArgumentsDigest.parse) else { throw .argumentsDigest }
            return digest
        }
    }
}
