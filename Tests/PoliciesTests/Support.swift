import Documents
import Policies
import Primitives

/// Not SHA-256: any function of the bytes will do for these tests.
func testHash(_ bytes: [UInt8]) -> Digest {
    var words: [UInt8] = []
    for lane in 0..<4 {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325 &+ UInt64(lane)
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        words += (0..<8).map { UInt8(truncatingIfNeeded: state >> (8 * $0)) }
    }
    return Digest(words) ?? .zero
}

/// A file with these rules (YAML flow or block items, already with their dashes).
func policyFile(_ rules: String, mode: String? = nil) -> String {
    let spec = mode.map { "\n  mode: \($0)" } ?? ""
    let indented = rules.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
    return
        "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: test }\nspec:\(spec)\n  rules:\n\(indented)\n"
}

func policySet(_ rules: String, mode: String? = nil) throws -> PolicySet {
    try PolicySet.load([("policies/a.yaml", Array(policyFile(rules, mode: mode).utf8))], hash: testHash)
}

func loadError(_ files: [(name: String, text: String)]) -> String? {
    do {
        _ = try PolicySet.load(files.map { ($0.name, Array($0.text.utf8)) }, hash: testHash)
        return nil
    } catch {
        return "\(error)"
    }
}

func id(_ text: String) throws -> SPIFFEID { try SPIFFEID(Text(text)) }

func json(_ text: String) throws -> JSON { try JSONParser.parse(Array(text.utf8)) }

let salesBot = "spiffe://example.org/agent/sales-bot"

func toolCall(
    _ tool: String = "query_orders", _ arguments: String? = "{}", agent: String = salesBot,
    subject: String? = "alice",
    headers: [Text: [Text]] = [:], hasToken: Bool = true
) throws -> AccessRequest {
    AccessRequest(
        kind: .mcp, agent: try id(agent), subject: subject.map { Text($0) }, actorDepth: 2,
        action: "tools/call",
        resource: Text(tool), tool: Text(tool), method: "POST", path: "/mcp", host: "orders",
        headers: headers,
        arguments: try arguments.map(json), issuer: "https://broker", transaction: nil,
        time: Timestamp(seconds: 1_800_000_000), source: "10.0.0.7", hasToken: hasToken)
}

func mcp(_ action: String, agent: String = salesBot, hasToken: Bool = true) throws -> AccessRequest {
    AccessRequest(
        kind: .mcp, agent: try id(agent), action: Text(action), resource: "", method: "POST", path: "/mcp",
        host: "orders",
        time: Timestamp(seconds: 1_800_000_000), hasToken: hasToken)
}

func http(
    _ method: String, _ path: String, query: [(name: Text, value: Text)] = [], headers: [Text: [Text]] = [:],
    body: String? = nil, agent: String = salesBot, hasToken: Bool = true
) throws -> AccessRequest {
    AccessRequest(
        kind: .http, agent: try id(agent), subject: hasToken ? "alice" : nil, action: Text(method),
        resource: Text(path),
        method: Text(method), path: Text(path), host: "orders", query: query, headers: headers,
        arguments: try body.map(json), time: Timestamp(seconds: 1_800_000_000), hasToken: hasToken)
}

func grpc(_ name: String) throws -> AccessRequest {
    AccessRequest(
        kind: .grpc, agent: try id(salesBot), subject: "alice", action: "grpc", resource: Text(name),
        method: "POST",
        path: Text(name), host: "orders", time: Timestamp(seconds: 1_800_000_000), hasToken: true)
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
