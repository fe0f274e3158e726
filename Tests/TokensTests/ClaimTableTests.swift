import Primitives
import Testing

@testable import Tokens

@Suite struct ClaimTableTests {
    static func at(_ second: Int) -> Timestamp { Timestamp(seconds: 1_000_000 + Int64(second)) }

    static func random(_ random: inout SeededGenerator) -> ClaimMark {
        ClaimMark(high: random.next(), low: random.next())
    }

    @Test func `a slot takes 24 bytes`() {
        #expect(ClaimTable().byteCount == ClaimTable.slotsMin * 24)
    }

    @Test func `what is put is found with its expiry, and only that`() {
        var table = ClaimTable()
        let mark = ClaimMark(high: 7, low: 8)
        #expect(table.expiry(of: mark) == nil)
        table.put(mark, expiring: Self.at(5))
        #expect(table.expiry(of: mark) == Self.at(5))
        #expect(table.expiry(of: ClaimMark(high: 7, low: 9)) == nil)
        #expect(table.expiry(of: ClaimMark(high: 6, low: 8)) == nil)
        table.put(mark, expiring: Self.at(9))
        #expect(table.expiry(of: mark) == Self.at(9))
        #expect(table.count == 1)
    }

    @Test func `the mark of all zeros and the end of time are like any other`() {
        var table = ClaimTable()
        let zeros = ClaimMark(high: 0, low: 0)
        #expect(table.expiry(of: zeros) == nil)
        table.put(zeros, expiring: .distantFuture)
        #expect(table.expiry(of: zeros) == Timestamp(nanoseconds: .max - 1))
        let cleared = table.clearAll(at: Self.at(0))
        #expect(cleared == 0)
        #expect(table.count == 1)
    }

    @Test func `a gap closes around the end of the table`() {
        // All at home in the last slot: the run goes on at the first.
        for gone in 0..<8 {
            var table = ClaimTable()
            let marks = (0..<8).map { ClaimMark(high: .max, low: $0) }
            for mark in marks { table.put(mark, expiring: Self.at(Int(mark.low) == gone ? 1 : 9)) }
            #expect(table.probeLengths.sorted() == Array(1...8))
            let cleared = table.clearAll(at: Self.at(1))
            #expect(cleared == 1)
            #expect(table.probeLengths.sorted() == Array(1...7))
            for (place, mark) in marks.enumerated() {
                #expect((table.expiry(of: mark) == nil) == (place == gone))
            }
        }
    }

    @Test func `closing a gap moves nothing before its home`() {
        var table = ClaimTable()
        // Homes 3, 3, 4, 6 in a table of 16 lie in slots 3, 4, 5, 6.
        let marks = [3, 3, 4, 6].enumerated().map { place, home in
            ClaimMark(high: UInt64(home) << 60, low: UInt64(place))
        }
        for (place, mark) in marks.enumerated() { table.put(mark, expiring: Self.at(place == 0 ? 1 : 9)) }
        #expect(table.probeLengths == [1, 2, 2, 1])
        let cleared = table.clearAll(at: Self.at(1))
        #expect(cleared == 1)
        #expect(table.probeLengths == [1, 1, 1])
        #expect(marks.map { table.expiry(of: $0) == nil } == [true, false, false, false])
    }

    /// Few homes, many of them at the end, so that runs are long, meet, and go around.
    @Test(arguments: 0..<60)
    func `answers as a dictionary does`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ClaimTable()
        var model: [UInt64: (mark: ClaimMark, expiring: Timestamp, mayBeGone: Bool)] = [:]
        let homes = (0..<12).map { _ in random.next() >> UInt64.random(in: 0...4, using: &random) }
        func lapse(at now: Timestamp) {
            for (low, entry) in model where entry.expiring <= now { model[low]?.mayBeGone = true }
        }
        for _ in 0..<400 {
            // Time goes both ways.
            let now = Self.at(Int.random(in: 0..<100, using: &random))
            let low = UInt64.random(in: 0..<80, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let high = low % 3 == 0 ? UInt64.max - low : homes[Int(low % 12)]
                let expiring = Self.at(Int.random(in: 1..<120, using: &random))
                model[low] = (ClaimMark(high: high, low: low), expiring, false)
                table.put(ClaimMark(high: high, low: low), expiring: expiring)
            case 6, 7:
                lapse(at: now)
                _ = table.clear(at: now, atMost: 8, ahead: ClaimMark(high: homes[0], low: low))
            case 8:
                lapse(at: now)
                _ = table.clearAll(at: now)
                model = model.filter { !$0.value.mayBeGone || table.expiry(of: $0.value.mark) != nil }
                #expect(model.values.allSatisfy { $0.expiring > now }, "seed \(seed)")
                #expect(!table.mayHoldExpired(at: now), "seed \(seed)")
            default: _ = table.shrink()
            }
            for entry in model.values {
                let found = table.expiry(of: entry.mark)
                #expect(found == entry.expiring || found == nil && entry.mayBeGone, "seed \(seed)")
            }
            let held = model.values.count { table.expiry(of: $0.mark) != nil }
            #expect(table.count == held, "seed \(seed)")
        }
    }

    @Test func `growing and shrinking keep every claim, in 30 to 48 bytes each`() {
        var random = SeededGenerator(seed: 11)
        var table = ClaimTable()
        let marks = (0..<6000).map { _ in Self.random(&random) }
        for (place, mark) in marks.enumerated() {
            table.put(mark, expiring: Self.at(place))
            guard place > 20 else { continue }
            #expect((30..<49).contains(Double(table.byteCount) / Double(table.count)))
        }
        #expect(marks.indices.allSatisfy { table.expiry(of: marks[$0]) == Self.at($0) })
        for second in stride(from: 0, to: 5900, by: 100) {
            let cleared = table.clearAll(at: Self.at(second + 99))
            #expect(cleared == 100)
            _ = table.shrink()
            #expect((30..<49).contains(Double(table.byteCount) / Double(table.count)))
        }
        #expect(marks.indices.count { table.expiry(of: marks[$0]) == Self.at($0) } == 100)
        let cleared = table.clearAll(at: Self.at(6000))
        #expect(cleared == 100)
        let isShrunk = table.shrink()
        #expect(isShrunk)
        #expect(table.byteCount == ClaimTable().byteCount)
    }

    @Test func `after it was rebuilt a table is not rebuilt again for a fifth of its claims`() {
        var random = SeededGenerator(seed: 12)
        var table = ClaimTable()
        var rebuiltAt = 0
        for number in 1...20_000 {
            let before = table.slotCount
            table.put(Self.random(&random), expiring: Self.at(number))
            guard table.slotCount != before else { continue }
            #expect(number - rebuiltAt >= number / 5)
            let isShrunk = table.shrink()
            #expect(!isShrunk)
            rebuiltAt = number
        }
    }

    @Test func `searches stay short at every load`() {
        var random = SeededGenerator(seed: 13)
        var table = ClaimTable()
        for number in 1...8000 {
            table.put(Self.random(&random), expiring: Self.at(9))
            guard number % 500 == 0 else { continue }
            // Of a full table 3 slots on average, by Knuth's formula.
            #expect(table.probeLengths.reduce(0, +) < 4 * number)
        }
    }

    @Test func `one clearing does no more than it is told, and the next goes on there`() {
        var random = SeededGenerator(seed: 14)
        var table = ClaimTable()
        for _ in 0..<1000 { table.put(Self.random(&random), expiring: Self.at(1)) }
        var calls = 0
        while table.count > 0 {
            let before = table.count
            let cleared = table.clear(at: Self.at(1), atMost: 8)
            #expect(cleared <= 8 && table.count == before - cleared)
            calls += 1
        }
        #expect((125...(table.slotCount + 1000) / 8 + 1).contains(calls))
        let cleared = table.clear(at: Self.at(0), atMost: 0)
        #expect(cleared == 0)
    }

    @Test func `a table where nothing has expired says so without looking`() {
        var table = ClaimTable()
        #expect(!table.mayHoldExpired(at: Self.at(1000)))
        for low in 0..<10 as Range<UInt64> {
            table.put(ClaimMark(high: low << 60, low: low), expiring: Self.at(50 + Int(low)))
        }
        #expect(!table.mayHoldExpired(at: Self.at(49)))
        #expect(table.mayHoldExpired(at: Self.at(50)))
        let cleared = table.clearAll(at: Self.at(53))
        #expect(cleared == 4)
        #expect(!table.mayHoldExpired(at: Self.at(53)))
        #expect(table.mayHoldExpired(at: Self.at(54)))
        table.put(ClaimMark(high: 1, low: 1 << 20), expiring: Self.at(52))
        #expect(table.mayHoldExpired(at: Self.at(52)))
    }
}

extension ClaimTable {
    func expiry(of mark: ClaimMark) -> Timestamp? { place(of: mark).expiring }

    mutating func put(_ mark: ClaimMark, expiring: Timestamp) {
        let place = place(of: mark)
        put(mark, expiring: expiring, at: place)
    }
}
