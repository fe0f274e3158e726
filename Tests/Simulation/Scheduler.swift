import Primitives
import TestKit

/// What can end as a whole: a process, of which nothing happens any more once it is over.
final class Life {
    private(set) var isOver = false

    func end() { isOver = true }
}

/// Something that was to happen and may be called off.
final class Alarm {
    fileprivate(set) var isOff = false

    func cancel() { isOff = true }
}

/// The only source of order: what is to happen, by time, and at one time in an order that the seed decides.
final class Scheduler {
    private struct Event {
        let moment: Timestamp
        let tie: UInt64
        let serial: UInt64
        let life: Life?
        let alarm: Alarm
        let work: () -> Void

        func precedes(_ other: Event) -> Bool {
            (moment, tie, serial) < (other.moment, other.tie, other.serial)
        }
    }

    private var heap: [Event] = []
    private var serial: UInt64 = 0
    private var random: SeededGenerator
    /// True time, which nobody in the world sees as such.
    private(set) var now: Timestamp
    private(set) var steps = 0

    init(seed: UInt64, at start: Timestamp) { (random, now) = (SeededGenerator(seed: seed), start) }

    /// Nothing happens when `life` is over by then.
    @discardableResult
    func after(_ wait: Duration, in life: Life? = nil, _ work: @escaping () -> Void) -> Alarm {
        at(now + max(.zero, wait), in: life, work)
    }

    @discardableResult
    func at(_ moment: Timestamp, in life: Life? = nil, _ work: @escaping () -> Void) -> Alarm {
        serial += 1
        let alarm = Alarm()
        insert(
            Event(
                moment: moment, tie: random.next(), serial: serial, life: life, alarm: alarm, work: work))
        return alarm
    }

    /// False when nothing is left to happen.
    func step() -> Bool {
        while let event = removeFirst() {
            guard !event.alarm.isOff, event.life?.isOver != true else { continue }
            now = event.moment
            steps += 1
            event.work()
            return true
        }
        return false
    }

    private func insert(_ event: Event) {
        var index = heap.count
        heap.append(event)
        while index > 0, heap[index].precedes(heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private func removeFirst() -> Event? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].precedes(heap[least]) { least = child }
            }
            guard least != index else { return first }
            heap.swapAt(least, index)
            index = least
        }
    }
}

/// What arrives in the order it was sent: one direction of a connection, or the mailbox of an event loop.
final class Lane {
    private let scheduler: Scheduler
    private var last = Timestamp.distantPast

    init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    func deliver(after wait: Duration, in life: Life? = nil, _ work: @escaping () -> Void) {
        last = max(scheduler.now + wait, last + .nanoseconds(1))
        scheduler.at(last, in: life, work)
    }
}
