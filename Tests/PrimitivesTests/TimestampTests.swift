import Primitives
import TestKit
import Testing

@Suite struct TimestampTests {
    private static func seconds(_ text: Text) -> Int64? { Timestamp(rfc3339: text)?.seconds }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1), ("2000-02-29T00:00:00Z", 951_782_400),
            ("1985-04-12T23:20:50.52Z", 482_196_050), ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1996-12-20T00:39:57Z", 851_042_397), ("1937-01-01T12:00:27+00:20", -1_041_337_173),
            ("2026-11-21T01:02:03Z", 1_795_222_923), ("2026-11-21t01:02:03z", 1_795_222_923),
            ("2026-11-21T00:00:00+23:59", 1_795_132_860), ("2100-03-01T00:00:00Z", 4_107_542_400),
            // A leap second is the first second after it.
            ("1990-12-31T23:59:60Z", 662_688_000),
        ] as [(Text, Int64)])
    func `RFC 3339 is read`(_ text: Text, _ seconds: Int64) { #expect(Self.seconds(text) == seconds) }

    @Test(
        arguments: [
            "", "2026", "2026-11-21", "2026-11-21T01:02Z", "2026-11-21T01:02:03", "2026-11-21 01:02:03Z",
            "2026-11-21T01:02:03 Z", "2026-11-21T01:02:03Z ", " 2026-11-21T01:02:03Z",
            "2026-11-21T01:02:03Z\n",
            "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z",
            "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T01:60:00Z",
            "2026-11-21T01:02:61Z", "2026-11-21T01:02:03.Z", "2026-11-21T01:02:03.1234567890Z",
            "2026-11-21T01:02:03,5Z",
            "2026-11-21T01:02:03+0100", "2026-11-21T01:02:03+24:00", "2026-11-21T01:02:03+01:60",
            "2026-11-21T01:02:03+1:00",
            "26-11-21T01:02:03Z", "+2026-11-21T01:02:03Z", "2026-1-21T01:02:03Z", "٢٠٢٦-11-21T01:02:03Z",
            "9999-12-31T00:00:00Z",
            "0000-01-01T00:00:00Z",
        ] as [Text])
    func `anything else is no time`(_ text: Text) { #expect(Timestamp(rfc3339: text) == nil) }

    @Test func `fractions are kept to the nanosecond`() {
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:00.000000001Z")?.nanoseconds == 1)
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:00.5Z")?.nanoseconds == 500_000_000)
        #expect(Timestamp(rfc3339: "1969-12-31T23:59:59.999999999Z")?.nanoseconds == -1)
    }

    @Test func `times are written with microseconds, in UTC`() {
        #expect(Timestamp(nanoseconds: 1_795_222_923_000_004_999).rfc3339 == "2026-11-21T01:02:03.000004Z")
        #expect(Timestamp(seconds: 0).description == "1970-01-01T00:00:00.000000Z")
        #expect(Timestamp(nanoseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
        #expect(Timestamp(seconds: 951_868_799).rfc3339 == "2000-02-29T23:59:59.000000Z")
    }

    @Test func `the ends of the timeline can be written`() {
        #expect(Timestamp.distantPast.rfc3339 == "1677-09-21T00:12:43.145224Z")
        #expect(Timestamp.distantFuture.rfc3339 == "2262-04-11T23:47:16.854775Z")
    }

    @Test(arguments: [UInt64(1), 2]) func `what is written is read back`(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let micros = Int64.random(in: -8_900_000_000_000_000...8_900_000_000_000_000, using: &random)
            let time = Timestamp(nanoseconds: micros * 1_000)
            #expect(Timestamp(rfc3339: Text(time.rfc3339)) == time, "seed \(seed): \(time.nanoseconds)")
        }
    }

    @Test func `seconds round towards the past`() {
        #expect(Timestamp(nanoseconds: 1_999_999_999).seconds == 1)
        #expect(Timestamp(nanoseconds: -1).seconds == -1)
        #expect(Timestamp(nanoseconds: -1_000_000_000).seconds == -1)
        #expect(Timestamp(nanoseconds: -1_000_000_001).seconds == -2)
        #expect(Timestamp.distantPast.seconds == -9_223_372_037)
    }

    @Test func `the timeline ends and never wraps`() {
        #expect(Timestamp(seconds: .max) == .distantFuture && Timestamp(seconds: .min) == .distantPast)
        #expect(Timestamp.distantFuture + .nanoseconds(1) == .distantFuture)
        #expect(Timestamp.distantPast - .nanoseconds(1) == .distantPast)
        #expect(Timestamp.distantFuture - .seconds(1) < .distantFuture)
        #expect(Timestamp(seconds: 0) + .seconds(Int64.max) == .distantFuture)
        #expect(Timestamp(seconds: 0) - .seconds(Int64.max) == .distantPast)
        #expect((Timestamp.distantFuture - .distantPast).nanosecondsClamped == .max)
        #expect((Timestamp.distantPast - .distantFuture).nanosecondsClamped == .min)
    }

    @Test func `times and spans add up`() {
        let time = Timestamp(seconds: 100)
        #expect(time + .milliseconds(1_500) - time == .milliseconds(1_500))
        #expect(time - .seconds(101) == Timestamp(seconds: -1))
        #expect(time < time + .nanoseconds(1))
    }

    @Test(
        arguments: [
            (.zero, 0), (.seconds(1), 1_000_000_000), (.milliseconds(-1), -1_000_000),
            (.seconds(Int64.max), .max), (.seconds(Int64.min), .min), (.nanoseconds(Int64.max), .max),
            (.nanoseconds(Int64.min), .min),
            (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
        ] as [(Duration, Int64)])
    func `spans become nanoseconds, at the nearest end`(_ span: Duration, _ nanoseconds: Int64) {
        #expect(span.nanosecondsClamped == nanoseconds)
    }

    @Test func `a span can be shown in seconds`() {
        #expect(Duration.milliseconds(1_500).inSeconds == 1.5)
    }

    @Test func `now is a time and how far the wall clock has moved from it`() {
        let now = Now(Timestamp(seconds: 1), drift: .seconds(2))
        #expect(now.time == Timestamp(seconds: 1) && now.drift == .seconds(2))
        #expect(Now(Timestamp(seconds: 1)).drift == .zero && Now(Timestamp(seconds: 1)) != now)
    }
}
