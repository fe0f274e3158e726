import Gateway
import Glibc
import Ledger
import Primitives
import Reactor

/// One part of the ledger's measurements, as one line of JSON; `bench/run-ledger` calls it.
///
///     sallyport-bench append DIRECTORY flush|sync CALLERS MILLISECONDS
///     sallyport-bench journal DIRECTORY flush|sync BATCH RECORDS
///     sallyport-bench fill DIRECTORY MEBIBYTES
///     sallyport-bench recover DIRECTORY
///     sallyport-bench claims LIVE
@main
enum Bench {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        guard let result = try run(words) else {
            Host.writeToStandardError(
                Array("sallyport-bench: see the head of bench/ledger/Bench.swift\n".utf8))
            exit(2)
        }
        Host.writeToStandardOutput(JSON.object(result).encoded + [0x0A])
    }

    private static func run(_ words: [String]) throws -> JSONObject? {
        switch (words.first, words.count) {
        case ("append", 5):
            guard let durability = Durability(rawValue: words[2]), let callers = Int(words[3]),
                let milliseconds = Int(words[4])
            else { return nil }
            return try AppendBench(durability, callers: callers, in: Text(words[1])).run(milliseconds)
        case ("journal", 5):
            guard let durability = Durability(rawValue: words[2]), let batch = Int(words[3]),
                let records = Int(words[4])
            else { return nil }
            return try JournalBench.append(records, batch: batch, durability, in: Text(words[1]))
        case ("fill", 3):
            guard let mebibytes = Int(words[2]) else { return nil }
            return try JournalBench.fill(Text(words[1]), bytes: mebibytes << 20)
        case ("recover", 2): return try JournalBench.recover(Text(words[1]))
        case ("claims", 2): return Int(words[1]).map { report(ClaimBench.run(live: $0)) }
        default: return nil
        }
    }

    private static func report(_ claims: ClaimBench.Figures) -> JSONObject {
        var report = JSONObject()
        report.number("claims_per_second", claims.claimsPerSecond)
        report.number("filling_ns", claims.fillingNanoseconds)
        report.number("replay_ns", claims.replayNanoseconds)
        report.number("rebuild_us", claims.rebuildNanoseconds / 1e3)
        report.number("bytes_per_claim", claims.tableBytes)
        report.number("resident_bytes_per_claim", claims.residentBytes)
        return report
    }
}

/// CPU time, by the kernel's count.
enum CPU {
    /// Of all threads of the process.
    static var process: Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }
    static var thread: Double { seconds(CLOCK_THREAD_CPUTIME_ID) }
    static var wall: Double { seconds(CLOCK_MONOTONIC) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var reading = timespec()
        guard unsafe clock_gettime(clock, &reading) == 0 else {
            preconditionFailure("the kernel has the clock")
        }
        return Double(reading.tv_sec) + Double(reading.tv_nsec) / 1e9
    }
}

extension JSONObject {
    /// To a thousandth.
    mutating func number(_ name: Text, _ value: Double) {
        guard let number = JSONNumber(Text("\((value * 1000).rounded() / 1000)")) else {
            preconditionFailure("a measured value is a plain number")
        }
        append(name, .number(number))
    }
}
