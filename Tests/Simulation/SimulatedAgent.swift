import Crypto
import Issuance
import Primitives
import TestKit

/// The agents: honest ones, impatient ones, and those who steal, tamper and repeat.
final class SimulatedAgents {
    private unowned let world: World
    /// Tokens that were presented, with the attempt that did: what a thief may have seen.
    private var seen: [(token: Text, attempt: Attempt)] = []

    init(_ world: World) { self.world = world }

    private var random: SeededGenerator {
        get { world.random }
        set { world.random = newValue }
    }

    // MARK: What they want

    func wantSomething() {
        let agent = Int.random(in: 0..<3, using: &world.random)
        let intents: [Attempt.Intent] = [
            .read, .read, .write, .write, .hugeWrite, .upload, .refund(amount: 50), .refund(amount: 500),
            .refund(amount: 500), .refund(amount: 5_000), .refund(amount: 5_000), .withoutToken, .expired,
            .tampered, .stolen, .wrongResource,
        ]
        present(intents.randomElement(using: &world.random) ?? .read, by: agent)
    }

    @discardableResult
    func present(_ intent: Attempt.Intent, by agent: Int, isPatient: Bool = false) -> Attempt {
        let request = Wanted(intent, &world.random)
        let (token, id) = mint(request, intent, for: agent)
        let presenter = intent == .stolen ? (agent + 1) % Cast.agents.count : agent
        let attempt = world.newAttempt(
            by: presenter, request.method, request.target, body: request.sentBody,
            tokenID: token == nil ? nil : id,
            intent: intent)
        if let token { seen.append((token, attempt)) }
        send(attempt, token, isPatient: isPatient)
        if !isPatient { maybeRepeat(attempt, token) }
        return attempt
    }

    private func mint(_ wanted: Wanted, _ intent: Attempt.Intent, for agent: Int) -> (Text?, Text) {
        // The issuer's clock is not the proxy's.
        let skew = world.isCalm ? 0 : Int.random(in: -world.plan.skew...world.plan.skew, using: &world.random)
        let age = intent == .expired ? world.plan.tokenLifetime + world.plan.skew + 1 : 0
        let time = world.scheduler.now + .seconds(skew - age)
        let id = world.newID(at: time)
        guard intent != .withoutToken else { return (nil, id.text) }
        var grant = Cast.mint.grant(
            to: Cast.agents[agent], action: wanted.method,
            resource: intent == .wrongResource ? "/v1/other" : wanted.target)
        grant.lifetime = .seconds(world.plan.tokenLifetime)
        grant.argumentsDigest = wanted.digest
        return (Cast.mint.token(for: grant, at: time, id: id), id.text)
    }

    // MARK: How they send it

    private func send(_ attempt: Attempt, _ token: Text?, isPatient: Bool) {
        let link = Link(world, attempt)
        link.open()
        let bytes = attempt.head(token: token) + attempt.body
        let isSlow = !isPatient && world.random.chance(200)
        let cut = isSlow ? Int.random(in: 0...bytes.count, using: &world.random) : bytes.count
        link.send(Array(bytes[..<cut]))
        // Some never send the rest.
        let isWhole = !isSlow || !world.random.chance(150)
        if cut < bytes.count, isWhole {
            link.send(Array(bytes[cut...]), after: world.microseconds(0...3_000_000))
        }
        if !isPatient, world.random.chance(120) {
            world.scheduler.after(world.microseconds(0...4_000_000)) { [world] in
                guard !attempt.isOver else { return }
                world.tell("agent", "leaves attempt \(attempt.number)")
                link.leave()
            }
        }
    }

    /// The same token again: at once, soon, or when it ought to be long dead.
    private func maybeRepeat(_ attempt: Attempt, _ token: Text?) {
        guard let token else { return }
        for chance in [350, 250] where world.random.chance(chance) {
            let wait = [300, 20_000, 3_000_000, 30_000_000].randomElement(using: &world.random) ?? 0
            repeatLater(attempt, token, after: world.microseconds(0...wait))
        }
    }

    private func repeatLater(_ attempt: Attempt, _ token: Text, after wait: Duration) {
        world.scheduler.after(wait) { [self] in
            let agent = world.random.chance(100) ? Int.random(in: 0..<3, using: &world.random) : attempt.agent
            let again = world.newAttempt(
                by: agent, attempt.method, attempt.target, body: attempt.body, tokenID: attempt.tokenID,
                intent: attempt.intent)
            send(again, token, isPatient: false)
        }
    }

    /// After a start: everything that was ever seen may be tried again.
    func repeatEverything() {
        for (token, attempt) in seen.suffix(12) where world.random.chance(400) {
            repeatLater(attempt, token, after: world.microseconds(0...2_000_000))
        }
    }

    /// Held calls that were sent away come again with a new token, and join.
    func answered(_ attempt: Attempt) {
        guard !world.isCalm, attempt.intent.approvalsNeeded > 0, world.random.chance(500) else { return }
        world.scheduler.after(world.microseconds(0...3_000_000)) { [self] in
            guard !world.isCalm else { return }
            present(attempt.intent, by: attempt.agent)
        }
    }
}

/// A request before there is a token for it.
private struct Wanted {
    let method, target: Text
    let sentBody: [UInt8]
    /// For tokens that bind the arguments.
    let digest: Text?

    init(_ intent: Attempt.Intent, _ random: inout SeededGenerator) {
        let id = Int.random(in: 1...2, using: &random)
        var body: [UInt8] = []
        switch intent {
        case .read, .withoutToken, .expired, .stolen, .wrongResource:
            (method, target) = ("GET", Text("/v1/orders/\(id)"))
        case .write, .tampered:
            (method, target) = ("POST", "/v1/orders")
            body = Array(#"{"order": \#(id), "count":1}"#.utf8)
        case .hugeWrite:
            (method, target) = ("POST", "/v1/orders")
            body = Array(#"{"order":\#(id),"count":101}"#.utf8)
        case .upload:
            (method, target) = ("PUT", Text("/v1/files/\(id)"))
            body = random.bytes(Int.random(in: 1...600, using: &random))
        case .refund(let amount):
            (method, target) = ("POST", "/v1/refunds")
            body = Array(#"{"order":\#(id),"amount":\#(amount)}"#.utf8)
        }
        let isBound = intent == .tampered || (intent == .write && random.chance(500))
        digest = isBound ? Self.digest(method, target, body) : nil
        sentBody = intent == .tampered ? Array(#"{"order":9,"count":1}"#.utf8) : body
    }

    private static func digest(_ method: Text, _ target: Text, _ body: [UInt8]) -> Text? {
        guard let json = try? JSONParser.parse(body) else { return nil }
        let call = JSON.object(["method": .string(method), "target": .string(target), "body": json])
        guard let canonical = try? call.canonical() else { return nil }
        return Text("sha-256:" + SHA256.hash(canonical).base64URL)
    }
}
