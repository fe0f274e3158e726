import Approvals
import Primitives
import TestKit

/// The people: they look now and then, and approve, deny, repeat themselves, come late, or try what is not theirs.
final class SimulatedApprovers {
    private unowned let world: World
    /// Digests of approvals that somebody saw, for those who may not.
    private var leaked: [(id: CallID, digest: Text)] = []

    init(_ world: World) { self.world = world }

    func start() {
        for person in Cast.people.indices { lookLater(person) }
    }

    private func lookLater(_ person: Int) {
        let wait = world.isCalm ? 1_000_000...2_000_000 : 500_000...6_000_000
        world.scheduler.after(world.microseconds(wait)) { [self] in
            world.isQuietStep = true
            look(person)
            lookLater(person)
        }
    }

    private func look(_ person: Int) {
        guard let proxy = world.proxy, !proxy.life.isOver else { return }
        for view in proxy.desk.list(visibleTo: Cast.reviewers[person]) {
            world.observer.shows(view)
            guard world.random.chance(world.isCalm ? 1_000 : 600) else { continue }
            if !leaked.contains(where: { $0.id == view.id }) { leaked.append((view.id, view.about.digest)) }
            let denies = !world.isCalm && world.random.chance(100)
            let isWrong = !world.isCalm && world.random.chance(50)
            review(
                view.id, by: person, denies ? .deny : .approve,
                digest: isWrong ? "sha-256:AAAA" : view.about.digest)
        }
        // What one was only told of: not listed for one, over already, or twice.
        if !world.isCalm, world.random.chance(100),
            let (id, digest) = leaked.randomElement(using: &world.random)
        {
            review(id, by: person, .approve, digest: digest)
        }
    }

    private func review(_ id: CallID, by person: Int, _ decision: ReviewDecision, digest: Text) {
        let wait = world.networkDelay
        world.scheduler.after(wait) { [self] in
            guard let proxy = world.proxy, !proxy.life.isOver else { return }
            // The digest binds, also for one who saw it while nobody had brought the arguments again.
            for view in proxy.desk.list(visibleTo: Cast.reviewers[person]) { world.observer.shows(view) }
            let number = world.observer.reviews(id, person, decision, digest)
            proxy.desk.review(
                id, by: Cast.reviewers[person], decision, digest: digest, on: proxy.reviewLoop
            ) { [self] status in
                guard !proxy.life.isOver else { return }
                world.tell(
                    "people", "\(Cast.people[person].name) \(decision) \(world.name(id)): \(status)")
                world.observer.reviewed(number, status)
            }
        }
    }
}
