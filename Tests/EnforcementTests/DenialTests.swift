import HTTP
import Primitives
import Testing
import Tokens

@testable import Enforcement

private let approval = CallID("01JD3V6M0S9Q8ZP2N4X7C5B1KT")

/// The table of contract §3, word by word.
private struct Row: CustomTestStringConvertible {
    let denial: Denial
    let status: Int
    let slug: String
    var challenge: String?
    var retryAfter: Int?

    var testDescription: String { slug }
}

private func rows() throws -> [Row] {
    let id = try #require(approval)
    let invalid = "Bearer error=\"invalid_token\", error_description="
    let scope = "Bearer error=\"insufficient_scope\", error_description="
    return [
        Row(denial: .tokenRequired, status: 401, slug: "token-required", challenge: "Bearer"),
        Row(
            denial: .invalidToken(.signature), status: 401, slug: "invalid-token",
            challenge: invalid + "\"the signature is not the issuer's\""),
        Row(
            denial: .replayed, status: 401, slug: "token-replayed",
            challenge: invalid + "\"this token was used before; every call needs a new one\""),
        Row(
            denial: .mismatch(.wrongAction), status: 403, slug: "token-mismatch",
            challenge: scope + "\"the token is for another action\""),
        Row(denial: .policy(rule: "r", reason: "no"), status: 403, slug: "policy-denied"),
        Row(denial: .approvalDenied(approval: id), status: 403, slug: "approval-denied"),
        Row(denial: .approvalExpired(approval: id), status: 403, slug: "approval-expired"),
        Row(denial: .superseded(approval: id), status: 409, slug: "superseded"),
        Row(denial: .approvalPending(approval: id), status: 503, slug: "approval-pending", retryAfter: 1),
        Row(denial: .ambiguous("why"), status: 400, slug: "ambiguous-request"),
        Row(denial: .unreadable(.badRequestLine), status: 400, slug: "ambiguous-request"),
        Row(denial: .unreadable(.headTooLarge), status: 431, slug: "ambiguous-request"),
        Row(denial: .unsupportedContent("why"), status: 415, slug: "unsupported-content"),
        Row(denial: .bodyTooLarge(limit: 9), status: 413, slug: "body-too-large"),
        Row(denial: .misdirected, status: 421, slug: "misdirected-request"),
        Row(denial: .unknownRoute, status: 404, slug: "unknown-route"),
        Row(denial: .unavailable(.ledger), status: 503, slug: "control-unavailable", retryAfter: 5),
        Row(denial: .unavailable(.claims), status: 503, slug: "control-unavailable", retryAfter: 5),
        Row(denial: .unavailable(.clock), status: 503, slug: "control-unavailable", retryAfter: 5),
        Row(denial: .unavailable(.rules), status: 503, slug: "control-unavailable", retryAfter: 5),
        Row(denial: .unavailable(.identity), status: 503, slug: "control-unavailable", retryAfter: 5),
        Row(denial: .unavailable(.draining), status: 503, slug: "control-unavailable", retryAfter: 5),
        Row(denial: .overloaded("why"), status: 503, slug: "overloaded", retryAfter: 5),
        Row(denial: .upstream(.connectionRefused), status: 502, slug: "upstream-unreachable"),
        Row(denial: .upstream(.connectionTimeout), status: 504, slug: "upstream-connect-timeout"),
        Row(denial: .upstream(.responseTimeout), status: 504, slug: "upstream-timeout"),
        Row(denial: .upstream(.badResponse), status: 502, slug: "upstream-protocol-error"),
        Row(denial: .upstream(.outcomeUnknown), status: 502, slug: "upstream-outcome-unknown"),
    ]
}

@Suite struct DenialTests {
    @Test func `each reason has the status, slug, challenge and retry time of the contract`() throws {
        for row in try rows() {
            #expect(row.denial.status == row.status, "\(row.slug)")
            #expect(row.denial.slug == row.slug)
            #expect(row.denial.challenge == row.challenge, "\(row.slug)")
            #expect(row.denial.retryAfterSeconds == row.retryAfter, "\(row.slug)")
            #expect(!row.denial.detail.isEmpty)
        }
    }

    @Test func `on the wire a denial is a problem with its references and its fields`() throws {
        let id = try #require(approval)
        for row in try rows() {
            let problem = Problem(row.denial, for: .init(call: id), answering: .http, message: nil)
            let fields = problem.response.fields
            #expect(problem.response.status == row.status)
            #expect(fields.values("content-type") == ["application/problem+json"])
            #expect(fields.values("cache-control") == ["no-store"])
            #expect(fields["proxy-status"]?.hasPrefix("sallyport; error=") == true)
            #expect(fields["www-authenticate"] == row.challenge.map { Text($0) })
            #expect(fields["retry-after"] == row.retryAfter.map { Text(String($0)) })
            let document = try JSONParser.parse(problem.body)
            #expect(document["type"]?.string == Text("https://sallyport.dev/problems/\(row.slug)"))
            #expect(document["status"]?.integer == Int64(row.status))
            #expect(document["decision_id"]?.string == id.text)
            #expect(document["request_id"]?.string == id.text)
            #expect(document["detail"]?.string == Text(row.denial.detail))
        }
    }

    @Test func `a challenge never carries what would end its quotes`() {
        let denial = Denial.invalidToken(.claim("a\"b\\c\r\nx: y\u{1F600}"))
        #expect(denial.challenge?.contains("a'b'c''x: y'") == true)
        #expect(denial.challenge?.utf8.allSatisfy { (0x20...0x7E).contains($0) } == true)
    }

    @Test func `a problem names the rule and the approval it is about`() throws {
        let id = try #require(approval)
        let policy = Problem.document(.policy(rule: "no-drops", reason: "x"), .init(call: id))
        #expect(policy["rule"]?.string == "no-drops")
        #expect(policy["approval"] == nil)
        #expect(
            Problem.document(.approvalDenied(approval: id), .init(call: id))["approval"]?.string == id.text)
    }
}

@Suite struct MCPProblemTests {
    private func answer(_ denial: Denial, id: JSON? = .integer(7)) throws -> (
        status: Int, body: JSON, Problem
    ) {
        let call = try #require(approval)
        let problem = Problem(denial, for: .init(call: call), answering: .mcp, message: id)
        return (problem.response.status, try JSONParser.parse(problem.body), problem)
    }

    @Test func `denials and approval outcomes are results that a model can read`() throws {
        let id = try #require(approval)
        let readable: [Denial] = [
            .policy(rule: "r", reason: "Tables are dropped by people."), .approvalDenied(approval: id),
            .approvalExpired(approval: id), .approvalPending(approval: id),
        ]
        for denial in readable {
            let (status, body, problem) = try answer(denial)
            #expect(status == 200)
            #expect(problem.response.fields["content-type"] == "application/json")
            #expect(problem.response.fields["retry-after"] == nil)
            #expect(body["id"]?.integer == 7)
            #expect(body["error"] == nil)
            #expect(body["result"]?["isError"]?.bool == true)
            let text = body["result"]?["content"]?.array?.first?["text"]?.string
            #expect(text?.hasPrefix(Text(denial.detail)) == true)
            let meta = body["result"]?["_meta"]?["sallyport.dev/problem"]
            #expect(meta?["type"]?.string == Text("https://sallyport.dev/problems/\(denial.slug)"))
        }
    }

    @Test func `token problems keep their status, with an error in the body`() throws {
        for denial in [Denial.tokenRequired, .invalidToken(.expired), .replayed, .mismatch(.wrongAction)] {
            let (status, body, problem) = try answer(denial)
            #expect(status == denial.status)
            #expect(problem.response.fields["www-authenticate"] == denial.challenge.map { Text($0) })
            #expect(body["id"]?.integer == 7)
            #expect(body["result"] == nil)
            #expect(body["error"]?["code"]?.integer == Int64(denial.status))
            #expect(body["error"]?["data"]?["status"]?.integer == Int64(denial.status))
            #expect(try answer(denial, id: nil).body["id"] == .null)
        }
    }

    @Test func `what was not understood as a message is answered in plain HTTP`() throws {
        let (status, body, problem) = try answer(.ambiguous("batches"), id: nil)
        #expect(status == 400)
        #expect(problem.response.fields["content-type"] == "application/problem+json")
        #expect(body["jsonrpc"] == nil)
    }

    @Test func `failures of the tool and of controls keep their status`() throws {
        for denial in [Denial.unavailable(.ledger), .upstream(.outcomeUnknown), .overloaded("x")] {
            let (status, body, problem) = try answer(denial, id: "a")
            #expect(status == denial.status)
            #expect(body["id"]?.string == "a")
            #expect(body["error"]?["data"]?["type"]?.string?.hasSuffix(Text(denial.slug)) == true)
            #expect(
                problem.response.fields["retry-after"] == denial.retryAfterSeconds.map { Text(String($0)) })
        }
    }

    @Test(arguments: [
        (#"{"id":7}"#, JSON.integer(7)), (#"{"id":"a"}"#, JSON.string("a")), (#"{"id":null}"#, nil),
        (#"{"id":1.5}"#, nil), (#"{"id":[1]}"#, nil), (#"[{"id":7}]"#, nil), ("{", nil), ("", nil),
        (#"{"id":7,"id":8}"#, nil),
    ]) func `the id of a message is found only where it is one`(_ body: String, _ id: JSON?) {
        #expect(Problem.messageID(of: Array(body.utf8)) == id)
    }
}
