internal import Crypto
internal import Documents
internal import Gateway
internal import Logging
public import Primitives
internal import Reactor

/// One process with nothing to prepare: a throw-away trust domain, a token issuer, a sample tool, the proxy and the
/// approval endpoint, all on loopback, all real.
public final class Demo: Sendable {
    let world: DemoWorld
    let clock = SystemClock()
    let loops = EventLoops(count: 1)
    let sidecar: Sidecar
    let agent: DemoClient
    let rogue: DemoClient
    let approvals: DemoClient
    private let issuerPort: Int
    private let tool: ServiceListener
    private let issuer: ServiceListener

    /// Blocks until everything listens; `directory` is where the demo's own directory is made.
    public init(in directory: Text) throws {
        let started = clock.now.time
        world = try DemoWorld(in: directory, at: started)
        tool = try ServiceListener(DemoTool(), address: "127.0.0.1:0", on: loops)
        issuer = try ServiceListener(DemoIssuer(world, clock: clock), address: "127.0.0.1:0", on: loops)
        issuerPort = issuer.port
        try world.write("proxy.yaml", DemoFiles.proxy(toolPort: tool.port))
        let configuration = try ProxyConfiguration.load(
            world.directory + "/proxy.yaml", noting: EffectiveValues())
        let clock = self.clock
        let logger = Logger(label: "sallyport") { _ in JSONLogHandler(level: .warning, clock: clock) }
        sidecar = try Sidecar(configuration.settings, clock: clock, logger: logger)
        let anchors = TLSClientContext.Trust.anchors(TrustAnchors([world.authority.certificate]))
        agent = DemoClient(
            port: sidecar.port,
            tls: try TLSClientContext(
                identity: world.agentIdentity, trust: anchors, applicationProtocols: ["http/1.1"]),
            loops: loops)
        rogue = DemoClient(
            port: sidecar.port,
            tls: try TLSClientContext(
                identity: world.rogueIdentity, trust: anchors, applicationProtocols: ["http/1.1"]),
            loops: loops)
        approvals = DemoClient(port: sidecar.approvalsPort ?? 0, tls: nil, loops: loops)
        // Tokens count whole seconds, and a new ledger refuses those issued before the proxy began: let that second end.
        let next = Timestamp(seconds: clock.now.time.seconds + 1)
        Host.sleep(next - clock.now.time)
        try writeScripts()
    }

    private func writeScripts() throws {
        let directory = world.directory.string
        try world.write("token", DemoFiles.tokenScript(issuerPort: issuerPort), mode: 0o700)
        try world.write("login", DemoFiles.loginScript(issuerPort: issuerPort), mode: 0o700)
        try world.write(
            "review", DemoFiles.reviewScript(directory: directory, approvalsPort: sidecar.approvalsPort ?? 0),
            mode: 0o700)
    }

    /// Ends everything and removes the demo's directory.
    public func stop() {
        sidecar.drain()
        tool.close()
        issuer.close()
        loops.shutdown()
        world.remove()
    }

    /// Lines to paste in another terminal.
    ///
    /// - Parameter program: how this program is called, for the last line.
    public func instructions(program: String) -> String {
        let directory = world.directory
        let base = "https://localhost:\(sidecar.port)"
        let curl = "curl -sS --cacert $D/ca.pem --cert $D/agent.pem --key $D/agent.key"
        let health = sidecar.healthPort.map { "http://127.0.0.1:\($0)" } ?? ""
        return """
            Sallyport stands before a sample tool. Everything is on this machine and goes away when you press Ctrl-C.

              proxy      \(base)
              approvals  http://127.0.0.1:\(sidecar.approvalsPort ?? 0)
              health     \(health)/readyz
              files      \(directory)   (certificates, keys, rules, people, ledger)

            Paste these in another terminal, in this order:

            export D=\(directory)

            # A call the rules allow, with a token for exactly that call. The answer is the tool's.
            T=$($D/token GET /v1/orders/42)
            \(curl) -H "Authorization: Bearer $T" \(base)/v1/orders/42

            # The same token again: refused, it was used (401 token-replayed).
            \(curl) -H "Authorization: Bearer $T" \(base)/v1/orders/42

            # A token of the agent in the hands of another workload: refused (401 invalid-token).
            curl -sS --cacert $D/ca.pem --cert $D/rogue.pem --key $D/rogue.key -H "Authorization: Bearer $($D/token GET /v1/orders/42)" \(base)/v1/orders/42

            # An MCP tool the rules deny. The refusal is a result that a model can read.
            \(curl) -H "Authorization: Bearer $($D/token tools/call drop_orders)" -H "Content-Type: application/json" -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_orders","arguments":{}}}' \(base)/mcp

            # A large refund waits for a person. This line sends it and stays in the background...
            \(curl) -H "Authorization: Bearer $($D/token POST /v1/refunds)" -H "Content-Type: application/json" -d '{"order":"42","amount":250}' \(base)/v1/refunds &

            # ...and this one approves it as Alice: the call above now gets the tool's answer.
            sleep 1; $D/review approve; wait

            # What happened, and that nobody changed it.
            \(program) ledger verify $D/ledger

            # The records themselves, one line each.
            \(program) ledger show $D/ledger

            # The proxy's signed checkpoint: kept elsewhere, it shows later that nothing was rewritten or cut off.
            curl -s \(health)/ledger/checkpoint
            """
    }
}
