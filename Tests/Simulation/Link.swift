import Primitives

/// The connection of one attempt: delays, order, and both ways to end it.
///
/// What one side sent before it ended still arrives; a connection that nobody accepts, or whose proxy dies, is reset.
final class Link {
    private unowned let world: World
    let attempt: Attempt
    private let toProxy, toAgent: Lane
    private var proxySide: SimulatedConnection?
    private var agentHasClosed = false

    init(_ world: World, _ attempt: Attempt) {
        (self.world, self.attempt) = (world, attempt)
        (toProxy, toAgent) = (Lane(world.scheduler), Lane(world.scheduler))
    }

    // MARK: The agent's side

    func open() {
        toProxy.deliver(after: world.networkDelay) { [self] in
            guard let proxy = world.proxy, !proxy.life.isOver, !proxy.isDraining else { return reset() }
            proxySide = proxy.accept(self, from: attempt.agent)
            world.links.append(self)
        }
    }

    func send(_ bytes: [UInt8], after wait: Duration = .zero) {
        world.scheduler.after(wait) { [self] in
            guard !agentHasClosed else { return }
            toProxy.deliver(after: world.networkDelay) { [self] in proxySide?.received(bytes) }
        }
    }

    /// The agent is through with it, or has lost patience.
    func leave() {
        guard !agentHasClosed else { return }
        agentHasClosed = true
        attempt.close()
        toProxy.deliver(after: world.networkDelay) { [self] in proxySide?.peerEnded() }
    }

    // MARK: The proxy's side

    func answer(_ bytes: [UInt8]) {
        toAgent.deliver(after: world.networkDelay) { [self] in
            guard !agentHasClosed else { return }
            if let status = attempt.receive(bytes) { world.answered(attempt, status, self) }
        }
    }

    func reset() {
        world.links.removeAll { $0 === self }
        toAgent.deliver(after: world.networkDelay) { [self] in
            guard !agentHasClosed else { return }
            agentHasClosed = true
            attempt.close()
            world.closed(attempt)
        }
    }
}
