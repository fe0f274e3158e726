import Crypto
import Primitives
import Reactor
import Synchronization
import TestKit
import Testing

@testable import Gateway

/// Runs the drain beside the test, as SIGTERM does.
private final class Draining: Sendable {
    private let isDone = Atomic<Bool>(false)

    private let thread: Mutex<WorkerThread?> = Mutex(nil)

    init(_ sidecar: Sidecar) {
        let worker = WorkerThread(name: "drain") { [self] in
            sidecar.drain()
            isDone.store(true, ordering: .releasing)
        }
        thread.withLock { $0 = worker }
    }

    var hasEnded: Bool { isDone.load(ordering: .acquiring) }
}

@Suite struct LifecycleTests {
    @Test func `a drain lets what is in flight finish, answers what is held, and seals the ledger`() throws {
        try withProxy { proxy throws in
            let gate = Gate()
            let (held, _) = try proxy.heldCall()
            proxy.tool.script(.json("late").held(by: gate))
            let inFlight = try proxy.agent()
            inFlight.send(proxy.world.mcp())
            #expect(proxy.tool.hasReceived(1))
            let idle = try proxy.agent()
            let draining = Draining(proxy.sidecar)
            #expect(held.receive()?.slug == "approval-pending")
            #expect(idle.sawEnd())
            #expect(!draining.hasEnded)
            gate.open()
            let answer = try #require(inFlight.receive())
            #expect(answer.text == "late")
            #expect(answer["connection"] == "close")
            #expect(inFlight.sawEnd())
            #expect(eventually { draining.hasEnded })
            #expect(proxy.records().last?["event"]?.string == "stop")
            #expect(proxy.records("effect").count == 1)
            #expect(try LedgerFile.isIntact(proxy.directory + "/ledger"))
        }
    }

    @Test func `while it drains it is not ready, and takes no new calls`() throws {
        try withProxy { proxy throws in
            let gate = Gate()
            proxy.tool.script(.json("late").held(by: gate))
            let inFlight = try proxy.agent()
            // Two requests at once: the second is read when the first is answered.
            inFlight.send(proxy.world.mcp() + proxy.world.mcp())
            #expect(proxy.tool.hasReceived(1))
            #expect(try proxy.health("/readyz").status == 200)
            let draining = Draining(proxy.sidecar)
            #expect(eventually { (try? proxy.health("/readyz"))?.status == 503 })
            #expect(try proxy.health("/livez").status == 200)
            #expect(try !proxy.world.connect(proxy.sidecar.port, as: proxy.world.agent).isEstablished)
            gate.open()
            #expect(inFlight.receive()?.text == "late")
            #expect(inFlight.sawEnd())
            #expect(eventually { draining.hasEnded })
            #expect(proxy.tool.requests.count == 1)
        }
    }

    @Test func `a drain ends in its time whatever the tool does`() throws {
        try withProxy({ $0.drain = .milliseconds(300) }) { proxy throws in
            proxy.tool.script(.silence)
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(proxy.tool.hasReceived(1))
            let draining = Draining(proxy.sidecar)
            #expect(eventually { draining.hasEnded })
            #expect(agent.receive() == nil)
        }
    }

    @Test func `a call cut off by the end of the process is concluded at the next start`() throws {
        try withProxy({ $0.drain = .milliseconds(100) }) { proxy throws in
            proxy.tool.script(.silence)
            let agent = try proxy.agent()
            agent.send(proxy.world.mcp())
            #expect(proxy.tool.hasReceived(1))
            try proxy.restart()
            #expect(eventually { proxy.records("effect").count == 1 })
            #expect(proxy.records("effect").first?["call"] == proxy.records("decision").first?["call"])
        }
    }

    @Test func `one ledger has one writer`() throws {
        try withProxy { proxy throws in
            let world = proxy.world
            let settings = try world.settings(tool: proxy.tool.endpoint, ledger: proxy.directory + "/ledger")
            #expect(throws: SidecarError.self) {
                _ = try Sidecar(settings, clock: world.clock, logger: World.logger)
            }
            #expect(try proxy.call().status == 200)
        }
    }

    @Test func `a port that is taken is an error, and the ledger is free again`() throws {
        try withProxy { proxy throws in
            let world = proxy.world
            var settings = try world.settings(tool: proxy.tool.endpoint, ledger: proxy.directory + "/other")
            settings.listen = Text("127.0.0.1:\(proxy.sidecar.port)")
            for _ in 0..<2 {
                #expect(throws: SidecarError.self) {
                    _ = try Sidecar(settings, clock: world.clock, logger: World.logger)
                }
            }
            settings.listen = "127.0.0.1:0"
            let second = try Sidecar(settings, clock: world.clock, logger: World.logger)
            second.drain()
        }
    }

    @Test func `a drain is done once`() throws {
        try withProxy { proxy throws in
            proxy.sidecar.drain()
            proxy.sidecar.drain()
            #expect(proxy.records("stop").count == 2)
        }
    }

    @Test func `a connection does not outlive the certificate behind it`() throws {
        try withProxy { proxy throws in
            let world = proxy.world
            let end = world.now + .seconds(2)
            let brief = world.authority.svid(world.authority.id("/agent/sales-bot")) { $0.to = end }
            let agent = try world.connect(proxy.sidecar.port, as: brief)
            let token = world.mint.token(to: world.peer(brief), at: world.now)
            agent.send(world.mcp(token: token))
            #expect(agent.receive()?.status == 200)
            #expect(agent.sawEnd())
            #expect(world.now >= end - .seconds(1))
        }
    }

    @Test func `a connection that says nothing is closed`() throws {
        try withProxy({
            ($0.limits.idleTimeout, $0.limits.headTimeout) = (.milliseconds(500), .milliseconds(300))
        }) { proxy throws in
            let silent = Client(port: proxy.sidecar.port)
            #expect(silent.sawEnd())
            let idle = try proxy.agent()
            #expect(idle.sawEnd())
            let slow = try proxy.agent()
            slow.send("POST /mcp HTTP/1.1\r\nHost: loc")
            _ = slow.receive()
            #expect(slow.sawEnd())
            let stalled = try proxy.agent()
            stalled.send(Array(proxy.world.mcp().dropLast(3)))
            _ = stalled.receive()
            #expect(stalled.sawEnd())
            #expect(proxy.tool.connectionsAccepted == 0)
        }
    }

    @Test func `connections over the limit wait until one is free`() throws {
        try withProxy({ $0.limits.connectionsMax = 1 }) { proxy throws in
            let first = try proxy.agent()
            first.send(proxy.world.mcp())
            #expect(first.receive()?.status == 200)
            first.close()
            let second = try proxy.agent()
            second.send(proxy.world.mcp())
            #expect(second.receive()?.status == 200)
        }
    }
}
