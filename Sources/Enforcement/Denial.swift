public import HTTP
public import Primitives
public import Tokens

/// Why a request is not forwarded, or could not be finished.
///
/// One case a reason; `Problem` turns each into an answer.
public enum Denial: Error, Sendable {
    /// The request cannot be read with one meaning (contract §3): 400, or the status the reader named.
    case unreadable(HTTPError)
    case ambiguous(String)
    /// A content coding, charset or body that cannot be judged the way the tool will read it: 415.
    case unsupportedContent(String)
    case bodyTooLarge(limit: Int)
    /// `Host` names another server: 421.
    case misdirected
    case unknownRoute

    case tokenRequired
    case invalidToken(TokenError)
    case replayed
    case mismatch(TokenError)

    case policy(rule: Text?, reason: String)
    case approvalDenied(approval: CallID)
    case approvalExpired(approval: CallID)
    /// A later arrival of the same request has taken this call's place at its approval: 409.
    case superseded(approval: CallID)
    /// Still undecided when the connection may be held no longer: 503, and the same request joins again.
    case approvalPending(approval: CallID)

    case unavailable(Control)
    case overloaded(String)
    case upstream(UpstreamFailure)

    /// A control without which no call is let through.
    public enum Control: String, Sendable {
        case ledger, claims, clock, rules, identity, draining
    }

    /// Whose fault it was and whether the tool can have seen the request.
    public enum UpstreamFailure: String, Sendable {
        case connectionRefused = "upstream-unreachable"
        case connectionTimeout = "upstream-connect-timeout"
        case responseTimeout = "upstream-timeout"
        case badResponse = "upstream-protocol-error"
        case outcomeUnknown = "upstream-outcome-unknown"
    }
}

extension Denial {
    /// RFC 9110 §15.
    public var status: Int {
        switch self {
        case .unreadable(let error): error.status
        case .ambiguous: 400
        case .unsupportedContent: 415
        case .bodyTooLarge: 413
        case .misdirected: 421
        case .unknownRoute: 404
        case .tokenRequired, .invalidToken, .replayed: 401
        case .mismatch, .policy, .approvalDenied, .approvalExpired: 403
        case .superseded: 409
        case .approvalPending, .unavailable, .overloaded: 503
        case .upstream(let failure):
            switch failure {
            case .connectionTimeout, .responseTimeout: 504
            case .connectionRefused, .badResponse, .outcomeUnknown: 502
            }
        }
    }

    /// The last segment of the problem type, also the label of metrics and of `refused` records.
    public var slug: String {
        switch self {
        case .unreadable, .ambiguous: "ambiguous-request"
        case .unsupportedContent: "unsupported-content"
        case .bodyTooLarge: "body-too-large"
        case .misdirected: "misdirected-request"
        case .unknownRoute: "unknown-route"
        case .tokenRequired: "token-required"
        case .invalidToken: "invalid-token"
        case .replayed: "token-replayed"
        case .mismatch: "token-mismatch"
        case .policy: "policy-denied"
        case .approvalDenied: "approval-denied"
        case .approvalExpired: "approval-expired"
        case .superseded: "superseded"
        case .approvalPending: "approval-pending"
        case .unavailable: "control-unavailable"
        case .overloaded: "overloaded"
        case .upstream(let failure): failure.rawValue
        }
    }

    /// One sentence for the caller: what was wrong and, where it helps, what would be right.
    ///
    /// Never a secret.
    public var detail: String {
        switch self {
        case .unreadable(let error): error.description
        case .ambiguous(let why), .unsupportedContent(let why), .overloaded(let why): why
        case .bodyTooLarge(let limit): "the body has to be inspected and is larger than \(limit) bytes"
        case .misdirected: "this proxy does not serve that host"
        case .unknownRoute: "no route is configured for that path"
        case .tokenRequired: "present a capability token as `Authorization: Bearer` or `Sallyport-Capability`"
        case .invalidToken(let error), .mismatch(let error): error.description
        case .replayed: "this token was used before; every call needs a new one"
        case .policy(_, let reason): reason
        case .approvalDenied(let approval): "approval \(approval) was denied"
        case .approvalExpired(let approval): "approval \(approval) expired before enough people approved it"
        case .superseded(let approval):
            "a later identical request took this call's place at approval \(approval)"
        case .approvalPending(let approval):
            "approval \(approval) is still pending; repeat the same request with a new token to wait on"
        case .unavailable(let control):
            "the proxy cannot use its \(control.rawValue) now, so it refuses calls"
        case .upstream(.outcomeUnknown):
            "the tool broke off after the request was sent; whether it acted is unknown"
        case .upstream(.connectionRefused): "the tool does not accept connections"
        case .upstream(.connectionTimeout): "the tool did not accept the connection in time"
        case .upstream(.responseTimeout): "the tool did not answer in time; whether it acted is unknown"
        case .upstream(.badResponse): "the tool's answer could not be read with one meaning"
        }
    }

    /// The RFC 9209 §2.3 error type for `Proxy-Status`.
    var proxyError: String {
        switch self {
        case .upstream(.connectionRefused): "connection_refused"
        case .upstream(.connectionTimeout): "connection_timeout"
        case .upstream(.responseTimeout): "http_response_timeout"
        case .upstream(.badResponse): "http_protocol_error"
        case .upstream(.outcomeUnknown): "connection_terminated"
        case .unreadable, .ambiguous, .unsupportedContent, .bodyTooLarge: "http_request_error"
        case .unavailable, .overloaded, .approvalPending: "destination_unavailable"
        case .misdirected, .unknownRoute, .tokenRequired, .invalidToken, .replayed, .mismatch, .policy,
            .approvalDenied, .approvalExpired, .superseded:
            "http_request_denied"
        }
    }

    /// Seconds after which trying again may help; nil when it would not.
    var retryAfterSeconds: Int? {
        switch self {
        case .unavailable, .overloaded: 5
        case .approvalPending: 1
        default: nil
        }
    }

    /// RFC 6750 §3: no `error` when the request had no credentials at all.
    var challenge: String? {
        switch self {
        case .tokenRequired: "Bearer"
        case .invalidToken, .replayed:
            #"Bearer error="invalid_token", error_description="\#(detail.quotable)""#
        case .mismatch: #"Bearer error="insufficient_scope", error_description="\#(detail.quotable)""#
        default: nil
        }
    }
}

extension String {
    /// Fit for an RFC 6750 `error_description`: printable ASCII without `"` and `\`.
    fileprivate var quotable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    (0x20...0x7E ~= scalar.value && scalar != "\"" && scalar != "\\") ? scalar : "'"
                }))
    }
}
