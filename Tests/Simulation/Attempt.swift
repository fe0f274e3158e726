import Primitives

/// One request of an agent on a connection of its own, as the agent sees it: what it sent and what came back.
final class Attempt {
    let number: Int
    /// The connection's peer, by its place in `Cast.agents`.
    let agent: Int
    let method: Text
    let target: Text
    let body: [UInt8]
    /// Nil without a token.
    let tokenID: Text?
    /// The tag under which an honest agent sent this request to begin with.
    let intent: Intent
    let sentAt: Timestamp

    private(set) var statuses: [Int] = []
    private(set) var answer: [UInt8] = []
    /// The connection is gone: by the other side, or by the agent itself.
    private(set) var isClosed = false
    private var received: [UInt8] = []

    enum Intent: Sendable, Equatable {
        case read, write, hugeWrite, upload, refund(amount: Int)
        case withoutToken, expired, tampered, stolen, wrongResource

        /// Held for people under every rule set: how many have to approve.
        var approvalsNeeded: Int {
            if case .refund(let amount) = self { amount > 1000 ? 2 : amount > 100 ? 1 : 0 } else { 0 }
        }
    }

    init(
        _ number: Int, agent: Int, _ method: Text, _ target: Text, body: [UInt8], tokenID: Text?,
        intent: Intent, at time: Timestamp
    ) {
        (self.number, self.agent, self.method, self.target) = (number, agent, method, target)
        (self.body, self.tokenID, self.intent, sentAt) = (body, tokenID, intent, time)
    }

    var isOver: Bool { isClosed || !statuses.isEmpty }

    /// The field by which the world knows it again behind the proxy.
    static let tag: Text = "x-attempt"

    func head(token: Text?) -> [UInt8] {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: \(Cast.host)\r\n\(Attempt.tag): \(number)\r\n"
        if let token { text += "Authorization: Bearer \(token)\r\n" }
        if !body.isEmpty {
            let type = intent == .upload ? "application/octet-stream" : "application/json"
            text += "Content-Type: \(type)\r\nContent-Length: \(body.count)\r\n"
        }
        return Array((text + "\r\n").utf8)
    }

    /// Returns the status of a response that is whole now.
    func receive(_ bytes: [UInt8]) -> Int? {
        received += bytes
        guard let message = PlainMessage(received), message.isWhole else { return nil }
        received.removeFirst(message.byteCount)
        let status = Int(message.firstLine.split(separator: " ").dropFirst().first ?? "") ?? 0
        statuses.append(status)
        answer = message.body
        return status
    }

    func close() { isClosed = true }
}

/// A message as a naive reader sees it, in no way related to the proxy's own: head, `Content-Length`, body.
struct PlainMessage {
    let firstLine: String
    let fields: [(name: String, value: String)]
    let body: [UInt8]
    let byteCount: Int
    let isWhole: Bool

    /// Nil until the head is whole.
    init?(_ bytes: [UInt8]) {
        guard let end = Self.headEnd(bytes) else { return nil }
        let lines = String(decoding: bytes[..<(end - 4)], as: UTF8.self).split(separator: "\r\n")
        firstLine = lines.first.map(String.init) ?? ""
        fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (parts[0].lowercased(), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        let length = fields.first { $0.name.utf8.elementsEqual("content-length".utf8) }?.value
        let wanted = length.flatMap { Int($0) } ?? 0
        body = Array(bytes[end...].prefix(wanted))
        byteCount = min(end + wanted, bytes.count)
        isWhole = bytes.count >= end + wanted
    }

    func value(_ name: Text) -> Text? {
        fields.first { Text($0.name) == name }.map { Text($0.value) }
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4) where bytes[index] == 0x0D {
            if bytes[index + 1] == 0x0A, bytes[index + 2] == 0x0D, bytes[index + 3] == 0x0A {
                return index + 4
            }
        }
        return nil
    }
}
