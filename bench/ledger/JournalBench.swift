import Gateway
import Glibc
import Ledger
import Primitives
import Reactor

/// The journal alone, on the thread that calls it.
enum JournalBench {
    /// Encoding included, as callers do it.
    static func append(
        _ records: Int, batch: Int, _ durability: Durability, in directory: Text
    ) throws -> JSONObject {
        let clock = SystemClock()
        let samples = Samples(expires: clock.now.time.seconds + 60)
        var journal = try Journal.open(
            try JournalFiles(directory), settings: Samples.settings(durability), at: clock.now
        ).journal
        let (cpu, wall) = (CPU.thread, CPU.wall)
        var number = 0
        while number < records {
            let entries = (number..<min(records, number + batch)).map { samples.entry($0) }
            _ = try journal.append(entries, at: clock.now)
            number += entries.count
        }
        var report = JSONObject()
        report.number("cpu_us_per_record", (CPU.thread - cpu) * 1e6 / Double(records))
        report.number("records_per_second", Double(records) / (CPU.wall - wall))
        try journal.close(at: clock.now)
        return report
    }

    /// A ledger of at least that size.
    static func fill(_ directory: Text, bytes: Int) throws -> JSONObject {
        let clock = SystemClock()
        let samples = Samples(expires: clock.now.time.seconds + 60)
        var journal = try Journal.open(
            try JournalFiles(directory), settings: Samples.settings(.flush), at: clock.now
        ).journal
        var (number, written) = (0, 0)
        while written < bytes {
            let entries = (number..<(number + 512)).map { samples.entry($0) }
            _ = try journal.append(entries, at: clock.now)
            number += entries.count
            written = number * 700
        }
        var report = JSONObject()
        report.append("records", .integer(Int64(journal.lastSequence)))
        try journal.close(at: clock.now)
        return report
    }

    /// Opens the ledger as a start does, and seals it again.
    static func recover(_ directory: Text) throws -> JSONObject {
        let clock = SystemClock()
        let storage = try JournalFiles(directory)
        let (cpu, wall) = (CPU.thread, CPU.wall)
        let opened = try Journal.open(storage, settings: Samples.settings(.flush), at: clock.now)
        var report = JSONObject()
        report.number("cpu_ms", (CPU.thread - cpu) * 1e3)
        report.number("wall_ms", (CPU.wall - wall) * 1e3)
        report.append("claims", .integer(Int64(opened.state.claims.count)))
        var journal = opened.journal
        try journal.close(at: clock.now)
        return report
    }
}
