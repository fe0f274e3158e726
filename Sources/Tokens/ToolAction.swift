import Crypto
public import Primitives

/// What a request asks of the tool, as it was read from the bytes that will be forwarded.
public struct ToolAction: Sendable {
    public enum Kind: Sendable, Hashable { case http, mcp, grpc }

    /// Comes from the configured route, never from the request.
    public var kind: Kind
    /// HTTP: the method.
    ///
    /// MCP: `tools/call`, `resources/read` or `prompts/get`. gRPC: `grpc`.
    public var action: Text
    /// MCP: tool name, resource URI or prompt name.
    ///
    /// HTTP: the whole request target in origin form. gRPC: `/package.Service/Method`.
    public var resource: Text
    /// HTTP: `{"query": {…}, "body": …}`, without `body` when there is none.
    ///
    /// MCP: `params.arguments`, `{}` when absent.
    ///
    /// Nil when not read, and also when there is a body that is not JSON: a token that limits arguments then
    /// admits nothing.
    public var arguments: JSON?
    /// The x of `args_digest` (contract §2); nil when it can not be formed.
    public var digestInput: JSON?

    public init(kind: Kind, action: Text, resource: Text, arguments: JSON? = nil, digestInput: JSON? = nil) {
        (self.kind, self.action, self.resource) = (kind, action, resource)
        (self.arguments, self.digestInput) = (arguments, digestInput)
    }

    /// `sha-256:` and base64url of SHA-256 over the canonical form (RFC 8785) of `digestInput`; nil without
    /// one.
    public func argumentsDigest() throws(CanonicalJSONError) -> Text? {
        try digest().map { Text(ArgumentsDigest.prefix.string + $0.base64URL) }
    }

    func digest() throws(CanonicalJSONError) -> Digest? {
        guard let digestInput else { return nil }
        return SHA256.hash(try digestInput.canonical())
    }

    /// Whether the action is one this protocol has, so that no HTTP method can stand for an MCP or gRPC
    /// action.
    var hasActionOfItsKind: Bool {
        switch kind {
        case .http: !action.isEmpty && action.bytes.allSatisfy { 0x41...0x5A ~= $0 || $0 == 0x2D }
        case .mcp: action == "tools/call" || action == "resources/read" || action == "prompts/get"
        case .grpc: action == "grpc"
        }
    }
}

/// The text of an `args_digest`.
enum ArgumentsDigest {
    static let prefix: Text = "sha-256:"

    static func parse(_ text: Text) -> Digest? {
        guard text.hasPrefix(prefix) else { return nil }
        return Base64.decodeURL(text.dropFirst(prefix.count).bytes).flatMap { Digest($0) }
    }
}
