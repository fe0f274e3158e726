internal import Crypto
internal import HTTP
internal import Primitives
internal import Tokens

/// Where a request carries its capability token (contract §2, last paragraph).
struct Credential {
    let token: Text
    /// The field to take out before the request goes to the tool.
    let carrier: Text

    static let ownField: Text = "sallyport-capability"
    static let authorization: Text = "authorization"

    /// Nil when the request carries none.
    ///
    /// More than one place is 400: nobody may choose which one counts.
    static func find(in fields: HTTPFields) throws(Denial) -> Credential? {
        let own = fields.values(ownField)
        let authorizations = fields.values(authorization)
        guard own.count <= 1, authorizations.count <= 1 else {
            throw .ambiguous("`authorization` or `sallyport-capability` appears twice")
        }
        let scheme = authorizations.first.map(Scheme.init)
        if let own = own.first {
            switch scheme {
            case .dpop: throw .ambiguous("a capability token in two fields")
            case .bearer(let text) where isCapability(text):
                throw .ambiguous("a capability token in two fields")
            // With our own field in use `Authorization` belongs to the tool.
            case .bearer, .other, nil: return Credential(token: own, carrier: ownField)
            }
        }
        switch scheme {
        case .bearer(let text): return Credential(token: text, carrier: authorization)
        // Key-bound tokens come with the broker; until then the pairing is refused (contract §2).
        case .dpop: throw .invalidToken(.proofKeyUnsupported)
        case .other, nil: return nil
        }
    }

    private static func isCapability(_ text: Text) -> Bool {
        (try? CompactJWS(parsing: text))?.type == "capability+jwt"
    }

    private enum Scheme {
        case bearer(Text), dpop, other

        init(_ value: Text) {
            let space = value.firstIndex(of: 0x20) ?? value.count
            let name = value.prefix(space)
            if name.equalsIgnoringCase("bearer") {
                self = .bearer(value.dropFirst(min(space + 1, value.count)))
            } else if name.equalsIgnoringCase("dpop") {
                self = .dpop
            } else {
                self = .other
            }
        }
    }
}
