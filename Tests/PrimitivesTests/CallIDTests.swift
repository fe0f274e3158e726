import Primitives
import TestKit
import Testing

@Suite struct CallIDTests {
    @Test func `an ID is read back as it is written`() {
        var random = SeededGenerator(seed: 1)
        for second in 0..<500 {
            let id = CallID(at: Timestamp(seconds: Int64(second) * 7_000_000), random: &random)
            #expect(id.text.count == 26 && CallID(id.text) == id)
            #expect(id.description == id.text.string)
        }
    }

    @Test func `the smallest and the largest are known`() throws {
        let smallest = try #require(CallID("00000000000000000000000000"))
        let largest = try #require(CallID("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"))
        #expect((smallest.high, smallest.low) == (0, 0))
        #expect((largest.high, largest.low) == (.max, .max))
    }

    /// The example of the ULID specification: 1469918176385 ms.
    @Test func `the first ten characters are milliseconds`() {
        var random = SeededGenerator(seed: 1)
        let id = CallID(at: Timestamp(nanoseconds: 1_469_918_176_385_999_999), random: &random)
        #expect(id.text.hasPrefix("01ARYZ6S41"))
    }

    @Test func `later IDs sort after earlier ones`() {
        var random = SeededGenerator(seed: 2)
        let texts = (0..<100).map { millis in
            CallID(at: VirtualClock.start + .milliseconds(millis), random: &random).text
        }
        #expect(texts == texts.sorted())
        #expect(Set(texts).count == 100)
    }

    @Test func `IDs of one moment differ by chance`() {
        var random = SeededGenerator(seed: 3)
        let ids = (0..<1_000).map { _ in CallID(at: VirtualClock.start, random: &random) }
        #expect(Set(ids).count == 1_000)
    }

    @Test func `times before the epoch count as its first moment`() {
        var random = SeededGenerator(seed: 4)
        #expect(CallID(at: .distantPast, random: &random).text.hasPrefix("0000000000"))
        #expect(CallID(CallID(at: .distantFuture, random: &random).text) != nil)
    }

    @Test(
        arguments: [
            "", "0000000000000000000000000", "000000000000000000000000000", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "0000000000000000000000000a", "0000000000000000000000000I", "0000000000000000000000000L",
            "0000000000000000000000000O", "0000000000000000000000000U", "0000000000000000000000000-",
            " 000000000000000000000000", "000000000000000000000000é",
        ] as [Text])
    func `anything else is no ID`(_ text: Text) { #expect(CallID(text) == nil) }
}
