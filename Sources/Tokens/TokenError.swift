public import Crypto
public import Primitives

/// Why a token is not believed, or does not permit this call.
///
/// One case a reason.
public enum TokenError: Error, Hashable, Sendable {
    // The text.
    case malformed(JWSError)
    /// `typ` is not `capability+jwt`.
    case type
    /// The header has no `kid`.
    case keyID
    case payloadNotJSON(JSONError)
    /// A claim that is missing, or not of its type and range.
    case claim(String)

    // Who made it.
    case unknownIssuer, unknownKey, algorithm, signature

    // Whom it is for.
    case audience
    /// `client_id` is not the peer, or `act` does not begin with it.
    case clientID
    /// `cnf` has not exactly one member, or one that is not read here.
    case confirmation
    /// `cnf` names a proof key (`jkt`), which is not built yet.
    case proofKeyUnsupported
    /// The certificate in `cnf` is not the peer's.
    case binding

    // When.
    case notYetValid, expired, lifetimeTooLong, issuedInFuture
    /// Issued before this proxy can prove what was spent (contract §2, continuity).
    case beforeContinuity
    /// `jti` is not of 16 to 256 bytes.
    case tokenID
    case details(DetailsError)

    // Valid, but for another call.
    case wrongAction, wrongResource
    /// The argument that is not named, absent, or not as its constraint wants it.
    case constraint(path: String)
    /// Constraints or a digest are there to be kept, and the arguments could not be read.
    case argumentsUnread
    case argumentsDigest
    /// A digest is there to be kept, and the arguments have no canonical form.
    case argumentsNotCanonical(CanonicalJSONError)

    /// True when the token is good but for another action, resource or arguments: 403 `insufficient_scope`.
    ///
    /// False: 401 `invalid_token`.
    public var isMismatch: Bool {
        switch self {
        case .wrongAction, .wrongResource, .constraint, .argumentsUnread, .argumentsDigest,
            .argumentsNotCanonical:
            true
        case .malformed, .type, .keyID, .payloadNotJSON, .claim, .unknownIssuer, .unknownKey, .algorithm,
            .signature,
            .audience, .clientID, .confirmation, .proofKeyUnsupported, .binding, .notYetValid, .expired,
            .lifetimeTooLong, .issuedInFuture, .beforeContinuity, .tokenID, .details:
            false
        }
    }

    /// The `result` label of `sallyport_token_verifications_total`; one of a fixed few.
    public var metricsName: String {
        switch self {
        case .malformed, .type, .keyID, .payloadNotJSON, .claim, .tokenID, .details, .confirmation:
            "malformed"
        case .unknownIssuer: "unknown_issuer"
        case .unknownKey: "unknown_key"
        case .algorithm: "algorithm"
        case .signature: "signature"
        case .audience: "audience"
        case .clientID: "client_id"
        case .proofKeyUnsupported, .binding: "binding"
        case .notYetValid, .issuedInFuture: "not_yet_valid"
        case .expired: "expired"
        case .beforeContinuity: "before_continuity"
        case .lifetimeTooLong: "lifetime_too_long"
        case .wrongAction: "wrong_action"
        case .wrongResource: "wrong_resource"
        case .constraint, .argumentsUnread: "constraint"
        case .argumentsDigest, .argumentsNotCanonical: "arguments_digest"
        }
    }
}

extension TokenError: CustomStringConvertible {
    /// For people; nothing of the token but names.
    public var description: String {
        switch self {
        case .malformed(let error): "not a signed token: \(error)"
        case .type: "`typ` must be `capability+jwt`"
        case .keyID: "the header has no `kid`"
        case .payloadNotJSON(let error): "the claims are not JSON: \(error)"
        case .claim(let name): "the claim `\(name)` is missing or malformed"
        case .unknownIssuer: "the issuer is not configured"
        case .unknownKey: "the issuer has no key of that `kid`"
        case .algorithm: "the issuer may not sign with this `alg`"
        case .signature: "the signature is not the issuer's"
        case .audience: "the token is for another audience"
        case .clientID: "the token was given to another client"
        case .confirmation: "`cnf` must have exactly one member, `x5t#S256`"
        case .proofKeyUnsupported: "tokens bound to a proof key (`jkt`) are not supported yet"
        case .binding: "the token is bound to another certificate"
        case .notYetValid: "the token is not valid yet"
        case .expired: "the token has expired"
        case .beforeContinuity:
            "the token was issued before this proxy can prove which tokens were used; get a new one"
        case .lifetimeTooLong: "the token lives longer than is allowed"
        case .issuedInFuture: "the token was issued in the future"
        case .tokenID: "`jti` must have 16 to 256 bytes"
        case .details(let error): "`authorization_details`: \(error)"
        case .wrongAction: "the token is for another action"
        case .wrongResource: "the token is for another resource"
        case .constraint(let path): "the token does not permit the argument `\(path)` as it is"
        case .argumentsUnread: "the token limits the arguments, and they could not be read"
        case .argumentsDigest: "the token is for other arguments"
        case .argumentsNotCanonical(let error): "the arguments can not be digested: \(error)"
        }
    }
}

/// What is wrong with `authorization_details`.
public enum DetailsError: Error, Hashable, Sendable {
    case notOneEntry, wrongType, actions, identifier, argumentsDigest
    case unknownMember(String)
    /// Not an object, or `{}`, which would permit nothing or everything depending on who reads it.
    case emptyConstraints
    /// A key that is not a path.
    case path(String)
    /// Two paths that are the same, or of which one leads into the other.
    case overlap(String)
    /// A constraint of unknown type, or not of its type's shape.
    case constraint(String)
}

extension DetailsError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notOneEntry: "exactly one entry is wanted"
        case .wrongType: "`type` must be `tool_action`"
        case .actions: "`actions` must have exactly one name"
        case .identifier: "`identifier` must be a non-empty string"
        case .argumentsDigest: "`args_digest` must be `sha-256:` and 43 characters of base64url"
        case .unknownMember(let name): "`\(name)` is not a member of a `tool_action`"
        case .emptyConstraints: "`constraints` must be an object that names something"
        case .path(let key): "`\(key)` is not a path to an argument"
        case .overlap(let key): "`\(key)` names what another constraint names too"
        case .constraint(let key): "the constraint on `\(key)` is unknown or malformed"
        }
    }
}
