import Primitives

/// A response as a client read it.
struct Answer {
    let status: Int
    let fields: [(name: Text, value: Text)]
    var body: [UInt8] = []
    /// The end of the body was seen where the head said it would be.
    var isWhole = false

    func values(_ name: Text) -> [Text] { fields.filter { $0.name.equalsIgnoringCase(name) }.map(\.value) }

    subscript(_ name: Text) -> Text? { values(name).first }

    var text: Text { Text(body) }
    var json: JSON? { try? JSONParser.parse(body) }

    /// The last segment of a problem's type, in plain HTTP or within an MCP answer.
    var slug: String? {
        let problem = json?["result"]?["_meta"]?["sallyport.dev/problem"] ?? json?["error"]?["data"] ?? json
        return problem?["type"]?.string.map { String($0.string.split(separator: "/").last ?? "") }
    }
}

/// Reads responses one after another from bytes as they come.
struct AnswerReader {
    private var input: [UInt8] = []

    mutating func receive(_ bytes: [UInt8]) { input += bytes }

    var bufferedCount: Int { input.count }

    /// Nil while more is needed; 1xx responses are skipped.
    mutating func next(hasEnded: Bool, toHead: Bool = false) -> Answer? {
        while true {
            guard let head = head() else { return nil }
            if (100...199).contains(head.answer.status) {
                input.removeFirst(head.count)
                continue
            }
            return finish(head.answer, at: head.count, hasEnded: hasEnded, toHead: toHead)
        }
    }

    private func head() -> (answer: Answer, count: Int)? {
        let end = input.indices.first { input[$0...].starts(with: [0x0D, 0x0A, 0x0D, 0x0A]) }
        guard let end else { return nil }
        let lines = Text(input[..<end]).split(on: 0x0A).map { $0.bytes.last == 0x0D ? $0.dropLast(1) : $0 }
        guard let status = lines.first.flatMap({ Int($0.dropFirst(9).prefix(3).string) }) else { return nil }
        let fields = lines.dropFirst().compactMap { line in
            line.firstIndex(of: 0x3A).map { (name: line.prefix($0), value: line.dropFirst($0 + 1).trimmed) }
        }
        return (Answer(status: status, fields: fields), end + 4)
    }

    private mutating func finish(_ head: Answer, at start: Int, hasEnded: Bool, toHead: Bool) -> Answer? {
        var answer = head
        let isChunked = !answer.values("transfer-encoding").isEmpty
        let length = answer["content-length"].flatMap { Int($0.string) }
        let bodyless = toHead || [204, 304].contains(answer.status)
        let end: Int?
        if bodyless {
            end = start
        } else if isChunked {
            end = dechunk(from: start, into: &answer.body)
        } else if let length {
            // Not copied again and again while it comes.
            guard hasEnded || input.count >= start + length else { return nil }
            answer.body = Array(input[start...].prefix(length))
            end = input.count >= start + length ? start + length : nil
        } else {
            answer.body = Array(input[start...])
            end = hasEnded ? input.count : nil
        }
        guard end != nil || hasEnded else { return nil }
        answer.isWhole = end != nil
        input.removeFirst(end ?? input.count)
        return answer
    }

    private func dechunk(from start: Int, into body: inout [UInt8]) -> Int? {
        var at = start
        body = []
        while let line = input[at...].firstIndex(of: 0x0A) {
            let size = input[at..<line].prefix { $0.hexValue != nil }.reduce(0) {
                $0 << 4 | Int($1.hexValue ?? 0)
            }
            guard input.count >= line + 1 + size + 2 else { return nil }
            body += input[(line + 1)..<(line + 1 + size)]
            at = line + 1 + size + 2
            if size == 0 { return at }
        }
        return nil
    }
}
