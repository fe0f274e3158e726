import Crypto
import Ledger
import Primitives
import Reactor
import TestKit
import Testing
import Tokens

@testable import Gateway

/// A running proxy with a tool behind it and a ledger in a directory of its own.
final class Proxy {
    let world: World
    let tool: ScriptedUpstream
    let directory: Text
    private(set) var sidecar: Sidecar
    private let loops: EventLoops
    private let settings: SidecarSettings

    fileprivate init(
        _ world: World, _ tool: ScriptedUpstream, _ loops: EventLoops, _ directory: Text, withPast: Bool,
        _ change: (inout SidecarSettings) throws -> Void
    ) throws {
        (self.world, self.tool, self.loops, self.directory) = (world, tool, loops, directory)
        var settings = try world.settings(tool: tool.endpoint, ledger: directory + "/ledger")
        try change(&settings)
        self.settings = settings
        if withPast { try Proxy.givePast(settings, world.now) }
        sidecar = try Sidecar(settings, clock: world.clock, logger: World.logger)
    }

    /// A ledger that outlasted its claims and was closed: a start after it takes tokens at once.
    private static func givePast(_ settings: SidecarSettings, _ now: Timestamp) throws {
        let key = PrivateKey.generate(.ed25519)
        try Files.write(Array(key.pem.utf8), to: settings.checkpoints.keyFile, mode: 0o600)
        let opened = try Journal.open(
            JournalFiles(settings.ledgerDirectory),
            settings: JournalSettings(
                durability: settings.durability, instance: Host.hostName, boot: Host.bootID(),
                machine: Host.machineID,
                claimWindow: settings.tokens.claimWindow), at: Now(now - .seconds(7_200)))
        var journal = opened.journal
        try journal.close(at: Now(now - .seconds(3_600)))
    }

    /// Drains, and starts again on the same ledger.
    func restart() throws {
        sidecar.drain()
        sidecar = try Sidecar(settings, clock: world.clock, logger: World.logger)
    }

    fileprivate func stop() {
        sidecar.drain()
        loops.shutdown()
        Files.removeTree(directory)
    }

    // MARK: Callers

    func agent(bufferBytes: Int32? = nil) throws -> Client {
        try world.connect(sidecar.port, as: world.agent, bufferBytes: bufferBytes)
    }

    /// One MCP call on a connection of its own.
    func call(_ limit: Int = 5, token: Text? = nil, tool: String = "query_orders") throws -> Answer {
        let agent = try agent()
        agent.send(world.mcp(limit, token: token, tool: tool))
        return try #require(agent.receive())
    }

    /// A call that a rule holds, once it waits; not answered yet.
    func heldCall(_ limit: Int = 5_000, _ more: [(Text, Text)] = []) throws -> (agent: Client, approval: JSON)
    {
        let before = Set(try approvals().compactMap { $0["id"]?.string })
        let agent = try agent()
        agent.send(world.mcp(limit, more))
        var found: JSON?
        try #require(
            eventually {
                found = try? approvals().first {
                    $0["attached"]?.bool == true && $0["id"]?.string.map(before.contains) == false
                }
                return found != nil
            })
        return (agent, try #require(found))
    }

    // MARK: People

    func approver(
        _ method: Text, _ target: Text, as person: Text? = "bob", _ body: String? = nil,
        _ more: [(Text, Text)] = []
    )
        throws -> Answer
    {
        let port = try #require(sidecar.approvalsPort)
        let client = Client(port: port)
        var fields = more
        if let person { fields.append(("Authorization", "Bearer " + world.loginToken(person))) }
        if body != nil { fields.append(("Content-Type", "application/json")) }
        return try #require(client.call(method, target, fields, body: Array((body ?? "").utf8)))
    }

    func approvals(_ query: Text = "") throws -> [JSON] {
        try approver("GET", "/v1/approvals" + query).json?["approvals"]?.array ?? []
    }

    func approval(_ id: Text) throws -> JSON {
        let answer = try approver("GET", "/v1/approvals/" + id)
        return try #require(answer.json)
    }

    @discardableResult
    func review(_ approval: JSON, _ decision: String = "approve", as person: Text = "bob") throws -> Answer {
        let id = try #require(approval["id"]?.string)
        let digest = try #require(approval["digest"]?.string)
        return try approver(
            "POST", "/v1/approvals/" + id + "/reviews", as: person,
            #"{"decision":"\#(decision)","reason":"because","digest":"\#(digest)"}"#)
    }

    // MARK: What is on record

    /// Every record, in order.
    ///
    /// Notes nobody waits for come a little later: ask `eventually`.
    func records() -> [JSON] { LedgerFile.records(in: directory + "/ledger") }

    func records(_ event: Text) -> [JSON] { records().filter { $0["event"]?.string == event } }

    func health(_ target: Text) throws -> Answer {
        let port = try #require(sidecar.healthPort)
        return try #require(Client(port: port).call("GET", target))
    }

    /// A metric by its whole name with labels; 0 when there is no such line.
    func metric(_ name: String) throws -> Int {
        let lines = try health("/metrics").text.split(on: 0x0A)
        let line = lines.first { $0.hasPrefix(Text("sallyport_\(name) ")) }
        return line.flatMap { Int($0.split(on: 0x20).last?.string ?? "") } ?? 0
    }
}

/// Runs `body` with a proxy that is stopped afterwards, ledger and all.
func withProxy(
    rules: String = World.rules, withPast: Bool = true, fallback: UpstreamAnswer = .json(#"{"ok":true}"#),
    _ change: (inout SidecarSettings) throws -> Void = { _ in }, _ body: (Proxy) throws -> Void
) throws {
    let loops = EventLoops(count: 1)
    let tool = try ScriptedUpstream(on: loops, fallback: fallback)
    let directory = try Files.makeTemporaryDirectory(in: "/tmp", prefix: "gateway-tests")
    let proxy = try Proxy(World(rules: rules), tool, loops, directory, withPast: withPast, change)
    defer { proxy.stop() }
    try body(proxy)
}

/// Reads a ledger while it is being written.
enum LedgerFile {
    static func records(in path: Text) -> [JSON] {
        guard let directory = try? Directory(path), let names = try? directory.names() else { return [] }
        return names.filter { $0.hasSuffix(".jsonl") }.sorted().flatMap { name in
            records(of: (try? directory.read(name, bytesMax: 1 << 26)) ?? [])
        }
    }

    /// Up to the zeros written ahead.
    static func records(of bytes: [UInt8]) -> [JSON] {
        Text(bytes.prefix { $0 != 0 }).split(on: 0x0A).compactMap { try? JSONParser.parse($0.bytes) }
    }

    /// Without the zeros written ahead.
    static func bytes(of path: Text) throws -> Int {
        try Files.read(path, bytesMax: 1 << 26).prefix { $0 != 0 }.count
    }

    static func isIntact(_ path: Text) throws -> Bool {
        var verifier = LedgerVerifier()
        let directory = try Directory(path)
        for name in try directory.names().filter({ $0.hasSuffix(".jsonl") }).sorted() {
            verifier.feed(try directory.read(name, bytesMax: 1 << 26))
            verifier.finishSegment(name)
        }
        return verifier.finish().isIntact
    }
}
