internal import Approvals
internal import Crypto
internal import Enforcement
internal import HTTP
internal import Primitives
internal import Reactor

/// The approvers' HTTP endpoint (contract §5): list, look at, review.
///
/// Agents never reach this listener.
///
/// GET never changes anything. A review is answered 201 only after it is durable. `Host` and `Origin` are checked, and a
/// credential is required for everything, so a browser that is tricked into a request has none to send.
final class ApprovalAPI: ServiceEndpoint {
    private let desk: ApprovalDesk
    private let authenticator: ReviewerAuthenticator
    private let clock: SystemClock
    /// Values of `Host` that name this listener.
    private let hosts: ExternalHosts

    init(
        _ desk: ApprovalDesk, _ authenticator: ReviewerAuthenticator, clock: SystemClock, hosts: ExternalHosts
    ) {
        (self.desk, self.authenticator, self.clock, self.hosts) = (desk, authenticator, clock, hosts)
    }

    func handle(
        _ request: ServiceRequest, on loop: Loop, _ respond: @escaping @Sendable (ServiceResponse) -> Void
    ) {
        do throws(Refusal) {
            try checkOrigin(of: request)
            let reviewer = try authenticate(request)
            switch try Operation(request) {
            case .list(let query): respond(try list(query, for: reviewer))
            case .show(let id): respond(try show(id, for: reviewer, request))
            case .review(let id): try review(id, by: reviewer, request, on: loop, respond)
            }
        } catch {
            respond(error.response)
        }
    }

    private enum Operation {
        case list([(name: Text, value: Text)])
        case show(CallID)
        case review(CallID)

        init(_ request: ServiceRequest) throws(Refusal) {
            let parts = request.path.split(on: 0x2F).dropFirst().map { $0 }
            guard parts.count >= 2, parts[0] == "v1", parts[1] == "approvals", parts.count <= 4 else {
                throw .notFound
            }
            if parts.count == 2 {
                try Operation.require("GET", request)
                do { self = .list(try request.head.target.queryItems()) } catch {
                    throw .bad(error.description)
                }
                return
            }
            guard let id = CallID(parts[2]) else { throw .notFound }
            if parts.count == 3 {
                try Operation.require("GET", request)
                self = .show(id)
            } else {
                guard parts[3] == "reviews" else { throw .notFound }
                try Operation.require("POST", request)
                self = .review(id)
            }
        }

        private static func require(_ method: Text, _ request: ServiceRequest) throws(Refusal) {
            guard request.method == method else { throw .method(method) }
        }
    }

    // MARK: Who asks

    private func checkOrigin(of request: ServiceRequest) throws(Refusal) {
        guard hosts.contains(request.head.host) else { throw .misdirected }
        for origin in request.head.fields.values("origin") {
            let host = origin.hasPrefix("https://") ? origin.dropFirst(8) : origin.dropFirst(7)
            guard origin.hasPrefix("https://") || origin.hasPrefix("http://"), host == request.head.host
            else {
                throw .foreignOrigin
            }
        }
    }

    private func authenticate(_ request: ServiceRequest) throws(Refusal) -> Reviewer {
        let authorizations = request.head.fields.values("authorization")
        guard authorizations.count <= 1 else { throw .bad("`authorization` appears twice") }
        let scheme: Text = "bearer "
        if let authorization = authorizations.first {
            guard authorization.prefix(scheme.count).equalsIgnoringCase(scheme) else { throw .unauthorized }
            let token = authorization.dropFirst(scheme.count)
            return try believed { () throws(ReviewerError) in
                try authenticator.reviewer(bearer: token, at: clock.now.time)
            }
        }
        guard let certificate = request.certificate else { throw .unauthorized }
        let isSPIFFE = certificate.uriNames.contains { $0.lowercased.hasPrefix("spiffe://") }
        return try believed { () throws(ReviewerError) in
            try authenticator.reviewer(certificate: certificate.digest, hasSPIFFEName: isSPIFFE)
        }
    }

    private func believed(_ check: () throws(ReviewerError) -> Reviewer) throws(Refusal) -> Reviewer {
        do { return try check() } catch { throw .notReviewer(error) }
    }

    // MARK: What is asked

    private func list(_ query: [(name: Text, value: Text)], for reviewer: Reviewer) throws(Refusal)
        -> ServiceResponse
    {
        var status: ApprovalStatus?
        var limit = 50
        var cursor: CallID?
        for item in query {
            switch item.name {
            case "status":
                guard let value = ApprovalStatus(item.value) else {
                    throw .bad("unknown status `\(item.value)`")
                }
                status = value
            case "limit":
                guard let value = Decimal(item.value.bytes)?.int64, 1...100 ~= value else {
                    throw .bad("`limit` is a whole number from 1 to 100")
                }
                limit = Int(value)
            case "cursor":
                guard let value = CallID(item.value) else {
                    throw .bad("`cursor` is the `nextCursor` of a page")
                }
                cursor = value
            default: throw .bad("unknown parameter `\(item.name)`; there are status, limit and cursor")
            }
        }
        let page = desk.list(visibleTo: reviewer, status: status, after: cursor, limit: limit)
        return .json(
            200,
            .object([
                "approvals": .array(page.approvals.map(\.summaryJSON)),
                "nextCursor": page.next.map { .string($0.text) } ?? .null,
            ]))
    }

    private func show(_ id: CallID, for reviewer: Reviewer, _ request: ServiceRequest) throws(Refusal)
        -> ServiceResponse
    {
        guard let approval = desk.approval(id, visibleTo: reviewer) else { throw .notFound }
        let tag: [(Text, Text)] = [("etag", approval.etag)]
        if request.head.fields["if-none-match"] == approval.etag {
            return ServiceResponse(status: 304, fields: tag, body: [])
        }
        return .json(200, approval.json, tag)
    }

    private func review(
        _ id: CallID, by reviewer: Reviewer, _ request: ServiceRequest, on loop: Loop,
        _ respond: @escaping @Sendable (ServiceResponse) -> Void
    ) throws(Refusal) {
        guard let current = desk.approval(id, visibleTo: reviewer) else { throw .notFound }
        if let tag = request.head.fields["if-match"], tag != "*", tag != current.etag {
            throw .review(412, "the approval has changed since you looked at it")
        }
        let wanted = try WantedReview(request)
        desk.review(
            id, by: reviewer, wanted.decision, reason: wanted.reason, digest: wanted.digest, on: loop
        ) { [self] result in
            switch result {
            case .success(let outcome):
                let view = desk.approval(id, visibleTo: reviewer)
                respond(
                    .json(
                        201,
                        .object([
                            "approval": .string(id.text), "status": .string(outcome.status.rawValue),
                            "counted": .bool(outcome.counted),
                        ]), view.map { [(Text("etag"), $0.etag)] } ?? []))
            case .failure(.refused(let error)):
                respond(Refusal.review(error.httpStatus, error.description).response)
            case .failure(.notRecorded): respond(Refusal.unavailable.response)
            }
        }
    }
}

/// `{"decision":"approve"|"deny","reason":…,"digest":…}`, nothing else.
private struct WantedReview {
    let decision: ReviewDecision
    let reason: Text?
    let digest: Text?

    init(_ request: ServiceRequest) throws(Refusal) {
        let types = request.head.fields.values("content-type")
        guard types.count == 1, let type = types.first?.split(on: 0x3B).first?.trimmed,
            type.equalsIgnoringCase("application/json")
        else { throw .contentType }
        let json: JSON
        do { json = try JSONParser.parse(request.body) } catch { throw .bad(error.description) }
        guard let object = json.object else { throw .bad("a review is a JSON object") }
        for name in object.names where !["decision", "reason", "digest"].contains(name) {
            throw .review(422, "unknown member `\(name)`; a review has decision, reason and digest")
        }
        guard let decision = object["decision"]?.string.flatMap(ReviewDecision.init) else {
            throw .review(422, "`decision` is \"approve\" or \"deny\"")
        }
        self.decision = decision
        reason = try WantedReview.text("reason", of: object)
        digest = try WantedReview.text("digest", of: object)
    }

    private static func text(_ name: Text, of object: JSONObject) throws(Refusal) -> Text? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let text = value.string else { throw .review(422, "`\(name)` is a string") }
        return text
    }
}

/// Why a request of an approver is not done.
private enum Refusal: Error {
    case unauthorized
    case notReviewer(ReviewerError)
    case misdirected, foreignOrigin, notFound, contentType, unavailable
    case method(Text)
    case bad(String)
    case review(Int, String)

    var response: ServiceResponse {
        switch self {
        case .unauthorized:
            .problem(
                401, "sign-in-required",
                "present an OIDC token as `Authorization: Bearer`, or a listed certificate",
                [("www-authenticate", "Bearer")])
        case .notReviewer(let error) where error.isForbidden:
            .problem(403, "not-an-approver", error.description)
        case .notReviewer(let error):
            .problem(
                401, "invalid-credential", error.description,
                [("www-authenticate", "Bearer error=\"invalid_token\"")])
        case .misdirected: .problem(421, "misdirected-request", "`Host` does not name this listener")
        case .foreignOrigin: .problem(403, "foreign-origin", "`Origin` is not this listener")
        case .notFound: .problem(404, "not-found", "there is no such approval, or you may not see it")
        case .contentType: .problem(415, "unsupported-content", "send `content-type: application/json`")
        case .unavailable:
            .problem(
                503, "control-unavailable", "the review could not be recorded and does not count",
                [("retry-after", "5")])
        case .method(let allowed):
            .problem(405, "method-not-allowed", "use \(allowed)", [(Text("allow"), allowed)])
        case .bad(let why): .problem(400, "bad-request", why)
        case .review(let status, let why): .problem(status, "review-refused", why)
        }
    }
}
