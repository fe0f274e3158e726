import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

@Suite struct LoopTests {
    final class Order: Sendable {
        private let steps = Mutex<[Int]>([])
        var all: [Int] { steps.withLock { $0 } }
        func add(_ step: Int) { steps.withLock { $0.append(step) } }
    }

    @Test func `work runs on the loop, in order`() {
        withLoops { loops in
            let loop = loops.next()
            let order = Order()
            #expect(!loop.isCurrent)
            for step in 0..<100 {
                loop.execute {
                    #expect(loop.isCurrent)
                    order.add(step)
                }
            }
            #expect(eventually { order.all == Array(0..<100) })
        }
    }

    @Test func `loops take turns`() {
        withLoops(2) { loops in
            #expect(loops.loops.count == 2)
            #expect(loops.next() !== loops.next())
        }
    }

    @Test func `timers fire in the order of their times`() {
        withLoops { loops in
            let loop = loops.next()
            let order = Order()
            loop.schedule(after: .milliseconds(40)) { order.add(2) }
            loop.schedule(after: .milliseconds(5)) { order.add(1) }
            loop.schedule(after: .milliseconds(80)) { order.add(3) }
            loop.schedule(after: .zero - .seconds(1)) { order.add(0) }
            #expect(eventually { order.all == [0, 1, 2, 3] })
        }
    }

    @Test func `a cancelled timer does not fire, not even one that is due`() {
        withLoops { loops in
            let loop = loops.next()
            let order = Order()
            let far = loop.schedule(after: .seconds(Int64.max)) { order.add(9) }
            #expect(far.isPending)
            far.cancel()
            far.cancel()
            #expect(!far.isPending)
            loop.execute {
                let first = loop.scheduleHere(after: .milliseconds(1)) { order.add(1) }
                var second: Timer?
                let third = loop.schedule(after: .milliseconds(1)) {
                    order.add(3)
                }
                _ = first
                loop.scheduleHere(after: .microseconds(500)) {
                    // All are due when this returns.
                    usleep(5_000)
                    second?.cancel()
                    third.cancel()
                }
                second = loop.scheduleHere(after: .milliseconds(1)) { order.add(2) }
            }
            loop.schedule(after: .milliseconds(60)) { order.add(4) }
            #expect(eventually { order.all.contains(4) })
            #expect(order.all == [1, 4])
        }
    }

    @Test func `a timer lets go of its work when it has run or is cancelled`() {
        withLoops { loops in
            final class Thing: Sendable {}
            let loop = loops.next()
            var things = [Thing(), Thing()]
            weak let ran = things[0]
            weak let cancelled = things[1]
            let timers = [
                loop.schedule(after: .milliseconds(1)) { [thing = things[0]] in _ = thing },
                loop.schedule(after: .seconds(100)) { [thing = things[1]] in _ = thing },
            ]
            things = []
            #expect(cancelled != nil)
            timers[1].cancel()
            #expect(eventually { ran == nil && cancelled == nil })
            #expect(!timers[0].isPending)
        }
    }

    @Test func `a loop-bound value is made on its loop when first used`() {
        withLoops { loops in
            let loop = loops.next()
            let order = Order()
            let bound = LoopBound(on: loop) {
                order.add(1)
                return 5
            }
            #expect(order.all.isEmpty)
            loop.execute {
                order.add(bound.value)
                bound.value = 7
                order.add(bound.value)
            }
            #expect(eventually { order.all == [1, 5, 7] })
        }
    }

    @Test func `a loop-bound value cannot be touched from another thread`() async {
        await #expect(processExitsWith: .failure) {
            let loops = EventLoops(count: 1)
            let bound = LoopBound(on: loops.next()) { 1 }
            _ = bound.value
        }
    }

    @Test func `loops can be shut down twice`() {
        let loops = EventLoops(count: 1)
        loops.shutdown()
        loops.shutdown()
    }

    @Test func `the clock never goes back, and shows the wall clock's time`() {
        let clock = SystemClock()
        var last = clock.now
        for _ in 0..<100_000 {
            let next = clock.now
            #expect(next.time >= last.time)
            last = next
        }
        #expect(abs(last.time.seconds - Int64(time(nil))) <= 1)
        #expect(abs(last.drift.inSeconds) < 1)
    }
}
