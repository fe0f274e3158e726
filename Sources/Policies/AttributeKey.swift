internal import Primitives

/// What a `when` item may read (contract §4.9).
enum AttributeKey: Hashable, Sendable {
    case agentID, agentTrustDomain, subject, actorDepth, action, resource
    case httpMethod, httpPath, httpHost, grpcService, grpcMethod
    case tokenIssuer, tokenTransaction, time, sourceIP
    /// The whole decoded name, dots and all.
    case query(Text)
    /// In lower case.
    case header(Text)
    /// Names from the outermost object inwards; never empty.
    case arguments([Text])

    /// What kind of value an attribute can have, and so which operators make sense.
    enum ValueKind {
        case text
        /// Text, which numeric operators read as a decimal (contract §3).
        case textOrDecimal
        case number
        case any
        case time
    }

    var valueKind: ValueKind {
        switch self {
        case .query, .header: .textOrDecimal
        case .actorDepth: .number
        case .arguments: .any
        case .time: .time
        case .agentID, .agentTrustDomain, .subject, .action, .resource, .httpMethod, .httpPath, .httpHost,
            .grpcService, .grpcMethod, .tokenIssuer, .tokenTransaction, .sourceIP:
            .text
        }
    }

    var readsArguments: Bool { if case .arguments = self { true } else { false } }
}

/// What one request has under a key.
enum AttributeValue {
    case found(JSON)
    case absent
    /// The path leads through an array: what it names is neither there nor not there.
    case unclear
}

extension AttributeKey {
    func value(in request: AccessRequest) -> AttributeValue {
        switch self {
        case .agentID: .found(.string(request.agent.text))
        case .agentTrustDomain: .found(.string(request.agent.trustDomain))
        case .subject: Self.text(request.subject)
        case .actorDepth: .found(.integer(Int64(request.actorDepth)))
        case .action: .found(.string(request.action))
        case .resource: .found(.string(request.resource))
        case .httpMethod: .found(.string(request.method))
        case .httpPath: .found(.string(request.path))
        case .httpHost: .found(.string(request.host))
        case .grpcService: Self.text(request.grpcName?.service)
        case .grpcMethod: Self.text(request.grpcName?.method)
        case .tokenIssuer: Self.text(request.issuer)
        case .tokenTransaction: Self.text(request.transaction)
        case .time: .found(.string(Text(request.time.rfc3339)))
        case .sourceIP: Self.text(request.source)
        case .query(let name): Self.texts(request.query.filter { $0.name == name }.map(\.value))
        case .header(let name): Self.texts(request.headers[name] ?? [])
        case .arguments(let path): Self.descend(path, from: request.arguments)
        }
    }

    private static func text(_ text: Text?) -> AttributeValue { text.map { .found(.string($0)) } ?? .absent }

    /// Several values of one name are an array, so that an `Allow` needs all of them to be right.
    private static func texts(_ values: [Text]) -> AttributeValue {
        guard values.count != 1 else { return .found(.string(values[0])) }
        return values.isEmpty ? .absent : .found(.array(values.map { .string($0) }))
    }

    private static func descend(_ path: [Text], from root: JSON?) -> AttributeValue {
        guard var value = root else { return .absent }
        for name in path {
            if case .array = value { return .unclear }
            guard let member = value[name] else { return .absent }
            value = member
        }
        return .found(value)
    }
}

extension AccessRequest {
    /// `/package.Service/Method` in its two parts.
    fileprivate var grpcName: (service: Text, method: Text)? {
        guard kind == .grpc, resource.hasPrefix("/") else { return nil }
        let parts = resource.dropFirst(1).split(on: 0x2F)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
}
