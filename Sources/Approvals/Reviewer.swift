public import Primitives

/// An authenticated person who may review.
///
/// Made by `ReviewerAuthenticator`.
public struct Reviewer: Sendable, Hashable {
    /// The name in `persons.yaml`: what is counted, whatever credential was used.
    public let person: Text
    public let groups: Set<Text>
    /// For the record: `oidc:https://login.example.org#sub` or `cert:<hex>`.
    public let credential: Text

    init(person: Text, groups: Set<Text>, credential: Text) {
        (self.person, self.groups, self.credential) = (person, groups, credential)
    }
}

/// Why a credential makes no reviewer.
public enum ReviewerError: Error, Hashable, Sendable {
    case notAToken(String)
    /// A `typ` of ours, or of a token made for something else.
    case wrongType
    case unknownIssuer
    case unknownKey
    case badSignature
    case wrongAudience
    /// `azp` and `client_id` are missing or not listed.
    case wrongAuthorizedParty
    /// The subject is a client or an agent: no person.
    case workload
    /// `act`: someone else acts for the subject.
    case delegated
    /// `cnf`: bound to a key that a bearer does not prove.
    case keyBound
    case badClaim(Text)
    case expired, notYetValid, issuedInFuture, tooOld
    /// Genuine, but listed for nobody.
    case unknownPerson

    /// True when the credential is genuine but belongs to nobody who reviews: 403 and not 401.
    public var isForbidden: Bool {
        switch self {
        case .unknownPerson, .workload, .delegated: true
        case .notAToken, .wrongType, .unknownIssuer, .unknownKey, .badSignature, .wrongAudience,
            .wrongAuthorizedParty, .keyBound, .badClaim, .expired, .notYetValid, .issuedInFuture, .tooOld:
            false
        }
    }
}

extension ReviewerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notAToken(let why): "not a signed token: \(why)"
        case .wrongType: "a token of this `typ` does not sign a person in"
        case .unknownIssuer: "the issuer is not listed"
        case .unknownKey: "the issuer has no such key"
        case .badSignature: "the signature does not verify with an algorithm that is allowed"
        case .wrongAudience: "the token is for another audience"
        case .wrongAuthorizedParty: "`azp` and `client_id` do not name a listed authorized party"
        case .workload: "the subject is a client or a workload, not a person"
        case .delegated: "the token lets another party act for its subject"
        case .keyBound: "the token is bound to a key, and no proof of it is understood here"
        case .badClaim(let name): "`\(name)` is missing or malformed"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .issuedInFuture: "the token was issued in the future"
        case .tooOld: "the token is older than is accepted here: sign in again"
        case .unknownPerson: "the credential is listed for no person"
        }
    }
}
