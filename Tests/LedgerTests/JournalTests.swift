import Crypto
import Ledger
import Primitives
import TestKit
import Testing

@Suite struct JournalTests {
    private let disk = FaultyDisk(seed: 1)

    @Test func `every line names the SHA-256 of the line before, over segments too`() throws {
        try disk.session { journal in
            for number in 0..<40 {
                _ = try journal.append([Samples.decision(number)], at: Now(Samples.start))
            }
            try journal.close(at: Now(Samples.start))
        }
        let lines = try disk.records()
        #expect(Set(lines.map(\.segment)).count > 3)
        #expect(lines.first?.json["prev"]?.string == Text(String(repeating: "0", count: 64)))
        for (line, next) in zip(lines, lines.dropFirst()) {
            #expect(next.json["prev"]?.string == Text(SHA256.hash(line.bytes).hex))
            #expect(next.sequence == line.sequence + 1)
        }
        #expect(disk.verify().isIntact)
        #expect(disk.verify().records == lines.count)
    }

    @Test func `a line begins with the journal's members in their order`() throws {
        try disk.session { journal in _ = try journal.append([Samples.decision(1)], at: Now(Samples.start)) }
        let last = try #require(try disk.records().last)
        #expect(
            last.json.object?.names.prefix(9).map(\.string)
                == ["v", "seq", "time", "event", "prev", "instance", "boot", "batch", "event_type"])
        #expect(last.json["time"]?.string == Text(Samples.start.rfc3339))
        #expect(last.json["claim"]?["jti"]?.string == Samples.tokenID(1))
        #expect(last.json["claim"]?["exp"]?.integer == (Samples.start + .seconds(60)).seconds)
    }

    @Test func `a batch is one write and one sync, and gives a receipt for each record`() throws {
        try disk.session { journal in
            let before = disk.calls
            let receipts = try journal.append((0..<5).map { Samples.decision($0) }, at: Now(Samples.start))
            #expect(disk.calls - before == 2)
            #expect(receipts.map(\.sequence) == [3, 4, 5, 6, 7])
            #expect(journal.lastSequence == 7)
        }
    }

    @Test func `flush writes and does not sync`() throws {
        try disk.session(Samples.settings(.flush)) { journal in
            let before = disk.calls
            _ = try journal.append([Samples.decision(1)], at: Now(Samples.start))
            #expect(disk.calls - before == 1)
        }
    }

    @Test func `the live segment goes on with zeros, a closed one does not`() throws {
        try disk.session { journal in
            _ = try journal.append([Samples.decision(1)], at: Now(Samples.start))
            #expect(disk.content(disk.names[0]).last == 0)
            try journal.close(at: Now(Samples.start))
        }
        #expect(disk.content(disk.names[0]).last == 0x0A)
        #expect(try disk.events() == ["segment", "start", "decision", "stop"])
    }

    @Test func `a closed journal takes nothing`() throws {
        try disk.session { journal in
            try journal.close(at: Now(Samples.start))
            var caught: LedgerError?
            do throws(LedgerError) {
                _ = try journal.append([Samples.decision(1)], at: Now(Samples.start))
            } catch { caught = error }
            #expect(caught == .closed)
        }
    }

    @Test func `a record over the limit is refused alone, and nothing of its batch is written`() throws {
        let settings = Samples.settings()
        let large = Samples.requested(9, padding: settings.recordBytesMax)
        #expect(throws: LedgerError.self) { try settings.check(large) }
        try disk.session { journal in
            let calls = disk.calls
            var caught: LedgerError?
            do throws(LedgerError) {
                _ = try journal.append([Samples.decision(1), large], at: Now(Samples.start))
            } catch { caught = error }
            guard case .recordTooLarge(event: "approval.requested", _) = caught else {
                Issue.record("not refused for its size: \(String(describing: caught))")
                return
            }
            #expect(disk.calls == calls)
            _ = try journal.append([Samples.decision(1)], at: Now(Samples.start))
        }
        #expect(try disk.events() == ["segment", "start", "decision"])
    }

    @Test(arguments: [
        Entry(event: "decision", members: JSONObject()),
        Entry(event: "effect", members: JSONObject([.init(name: "call", value: .integer(1))])),
        Entry(
            event: "decision",
            members: JSONObject([
                .init(name: "call", value: "c"), .init(name: "decision", value: "allow"),
                .init(
                    name: "claim",
                    value: .object(["iss": "i", "jti": .string(Text([0xFF])), "exp": .integer(1)])),
            ])),
        Entry(
            event: "refused",
            members: JSONObject([
                .init(name: "deep", value: (0..<200).reduce(JSON.null) { value, _ in .array([value]) })
            ])),
    ])
    func `a record that could not be read back is refused`(_ entry: Entry) throws {
        #expect(throws: LedgerError.self) { try Samples.settings().check(entry) }
        try disk.session { journal in
            var isRefused = false
            do { _ = try journal.append([entry], at: Now(Samples.start)) } catch { isRefused = true }
            #expect(isRefused)
        }
    }

    @Test func `a call's record that could not be read back is refused like any other`() throws {
        let bad = Text([0x61, 0xFF])
        let token = Samples.token(1)
        func spending(_ issuer: Text, _ tokenID: Text) -> DecisionRecord {
            DecisionRecord(
                Samples.facts(1), .deny,
                claim: SpentToken(
                    issuer: issuer, tokenID: tokenID, expires: token.expires, digest: token.digest))
        }
        var deep = spending("i", "j")
        deep.shadow = [(0..<96).reduce(JSON.null) { value, _ in .array([value]) }]
        let entries = [
            spending(bad, "j").entry, spending("i", bad).entry, deep.entry,
            EffectRecord(unfinished: bad).entry,
        ]
        for entry in entries {
            #expect(throws: LedgerError.self) { try Samples.settings().check(entry) }
        }
        #expect(throws: Never.self) { try Samples.settings().check(spending("i", "j").entry) }
    }

    @Test func `what a record says is read back from what was written`() throws {
        let entry = Samples.decision(3)
        #expect(entry.members["claim"]?["jti"]?.string == Samples.tokenID(3))
        #expect(entry.members["claim"]?["exp"]?.integer == Samples.token(3).expires.seconds)
        #expect(entry.members["agent"]?.string == Samples.facts(3).agent)
        #expect(entry.members["txn"]?.isNull == true)
        #expect(entry.members["missing"]?.array == [])
        let refused = RefusedRecord(agent: nil, reason: "r", count: -12, detail: Text([0xFF])).entry
        #expect(refused.members["count"]?.integer == -12)
        #expect(refused.members["detail"]?.string == "\u{FFFD}")
    }

    @Test func `more open claims than the table holds are refused, until some have aged`() throws {
        var settings = Samples.settings()
        settings.claimsMax = 3
        try disk.session(settings) { journal in
            _ = try journal.append((0..<3).map { Samples.decision($0, .deny) }, at: Now(Samples.start))
            var caught: LedgerError?
            do throws(LedgerError) {
                _ = try journal.append([Samples.decision(4)], at: Now(Samples.start))
            } catch { caught = error }
            #expect(caught == .full(.claims))
            _ = try journal.append([Samples.decision(4)], at: Now(Samples.start + .seconds(71)))
        }
    }

    @Test func `after a failed sync nothing is acknowledged until a new segment restates what is live`()
        throws
    {
        let state: RecoveredState
        try disk.session { journal in
            let now = Now(Samples.start)
            _ = try journal.append(
                [Samples.decision(1), Samples.requested(50), Samples.reviewed(50)], at: now)
            disk.faults.syncErrors = 1000
            for number in 2..<4 {
                var caught: LedgerError?
                do throws(LedgerError) { _ = try journal.append([Samples.decision(number)], at: now) } catch {
                    caught = error
                }
                guard case .unavailable(let error) = caught else {
                    Issue.record("not unavailable")
                    return
                }
                #expect(error.name == "EIO")
            }
            disk.faults.syncErrors = 0
            #expect(try journal.append([Samples.decision(4)], at: now).count == 1)
        }
        #expect(disk.names.count == 2)
        let events = try disk.events()
        #expect(events.filter { $0 == "segment.claims" }.count == 1)
        #expect(events.filter { $0 == "segment.approval" }.count == 2)
        #expect(disk.verify().isIntact)
        #expect(disk.verify().abandonedSegments == 1)
        // The abandoned segment is not needed any more.
        disk.put(Array("garbage".utf8), as: disk.names[0])
        state = try disk.session(at: Samples.start + .seconds(1))
        #expect(Set(state.claims.map(\.tokenID)) == [Samples.tokenID(1), Samples.tokenID(4)])
        #expect(state.openApprovals.map(\.id) == [Samples.call(50).text])
        #expect(state.openApprovals.first?.reviews.count == 1)
        #expect(Set(state.openCalls) == [Samples.call(1).text, Samples.call(4).text])
    }

    @Test func `service resumes when space returns, over the same unfinished file`() throws {
        try disk.session { journal in
            _ = try journal.append([Samples.decision(1)], at: Now(Samples.start))
            disk.faults.writeErrors = 1000
            for _ in 0..<5 {
                var isRefused = false
                do { _ = try journal.append([Samples.decision(2)], at: Now(Samples.start)) } catch {
                    isRefused = true
                }
                #expect(isRefused)
            }
            disk.faults.writeErrors = 0
            _ = try journal.append([Samples.decision(3)], at: Now(Samples.start))
        }
        #expect(disk.names.count == 2)
        #expect(disk.verify().isIntact)
        #expect(try disk.events().suffix(1) == ["decision"])
    }

    @Test func `a new segment goes on with counters`() throws {
        let state = try disk.session { journal in
            for number in 0..<30 {
                _ = try journal.append(
                    [Samples.decision(number), Samples.effect(number)], at: Now(Samples.start))
            }
            #expect(journal.counters["decision"] == 30)
        }
        #expect(state.counters.isEmpty)
        let again = try disk.session()
        #expect(again.counters["decision"] == 30)
        #expect(again.counters["effect"] == 30)
        #expect(again.counters["start"] == 1)
        #expect(again.openCalls.isEmpty)
    }
}
