import Glibc
import Primitives
import Tokens

/// Claims on one core beside a million live ones: time and memory.
///
/// The cache is filled first; then time goes on so that with every claim another one expires, as under steady
/// load. Ids are made outside the measured part, some thousands at a time, so that they lie in the processor's
/// cache as those of a token just read do.
enum ClaimBench {
    struct Figures {
        let live: Int
        /// CPU time of one claim, while filling and at steady load.
        let fillingNanoseconds, steadyNanoseconds: Double
        /// The same for an id that was spent, which is refused.
        let replayNanoseconds: Double
        /// The same for one that rebuilds its table, while filling.
        let rebuildNanoseconds: Double
        /// Growth of the resident set, and size of the tables, for each live claim.
        let residentBytes, tableBytes: Double

        var claimsPerSecond: Double { 1e9 / steadyNanoseconds }
    }

    private static let batch = 4096
    private static let lifetime: Int64 = 70_000_000_000
    private static let start: Int64 = 1_795_168_800_000_000_000

    static func run(live: Int = 1_000_000, claims: Int = 4_000_000) -> Figures {
        let resident = residentBytes()
        let cache = ReplayCache(claimsMax: live * 2)
        let filling = measured(0, live) { number, id in claim(id, number, of: live, in: cache) }
        let steady = measured(live, claims) { number, id in claim(id, number, of: live, in: cache) }
        let grown = residentBytes() - resident
        let time = moment(live + claims, of: live)
        // Among those of the last lifetime, too long ago to lie in the processor's cache.
        let replay = measured(live / 4 + claims, live / 2) { _, id in
            check(cache.claim(id, expiring: moment(live * 2 + claims, of: live), at: time) == .replayed)
        }
        return Figures(
            live: live, fillingNanoseconds: filling, steadyNanoseconds: steady, replayNanoseconds: replay,
            rebuildNanoseconds: rebuildingClaim(live), residentBytes: grown / Double(live),
            tableBytes: Double(cache.tableBytes) / Double(live))
    }

    /// A claim in which a table is rebuilt: the middle one of the 256 longest, as there are 256 tables.
    private static func rebuildingClaim(_ live: Int) -> Double {
        let cache = ReplayCache(claimsMax: live)
        var times: [Double] = []
        times.reserveCapacity(live)
        _ = measured(0, live) { number, id in
            let began = cpuNanoseconds()
            claim(id, number, of: live, in: cache)
            times.append(cpuNanoseconds() - began)
        }
        return times.sorted()[max(0, live - 128)]
    }

    private static func claim(_ id: ClaimID, _ number: Int, of live: Int, in cache: ReplayCache) {
        let time = moment(number, of: live)
        let expiring = Timestamp(nanoseconds: time.nanoseconds + lifetime)
        check(cache.claim(id, expiring: expiring, at: time) == .claimed)
    }

    /// One lifetime has passed when `live` claims have been made.
    private static func moment(_ number: Int, of live: Int) -> Timestamp {
        Timestamp(nanoseconds: start + Int64(number) * (lifetime / Int64(live)))
    }

    /// CPU nanoseconds of one `body`, on average.
    private static func measured(_ first: Int, _ count: Int, _ body: (Int, ClaimID) -> Void) -> Double {
        var spent = 0.0
        for from in stride(from: first, to: first + count, by: batch) {
            let ids = (from..<min(from + batch, first + count)).map { ($0, id($0)) }
            let began = cpuNanoseconds()
            for (number, id) in ids { body(number, id) }
            spent += cpuNanoseconds() - began
        }
        return spent / Double(count)
    }

    private static let issuer: Text = "https://broker.example.org"

    /// As long as a ULID; the number is mixed so that ids share no order with their time.
    private static func id(_ number: Int) -> ClaimID {
        let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
        var mixed = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
        let bytes = (0..<26).map { place in
            if place == 13 { mixed = UInt64(number) &* 0xD6E8_FEB8_6659_FD93 ^ mixed >> 7 }
            defer { mixed = mixed << 5 | mixed >> 59 }
            return alphabet[Int(mixed >> 59)]
        }
        return ClaimID(issuer: issuer, tokenID: Text(bytes))
    }

    private static func check(_ holds: Bool) {
        precondition(holds, "each id is claimed once, and refused while it lives")
    }

    private static func cpuNanoseconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private static func residentBytes() -> Double {
        let file = unsafe open("/proc/self/statm", O_RDONLY)
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = unsafe read(file, &text, text.count)
        let pages = text.prefix(max(0, count)).split(separator: 0x20).dropFirst().first ?? []
        return pages.reduce(0) { $0 * 10 + Double($1 - 0x30) } * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}
