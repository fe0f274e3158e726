import Ledger
import Primitives
import TestKit

/// The auditor: what must hold of the ledger whenever a run has begun or ended (invariants 4, 6 and 7).
extension Observer {
    /// - Parameter isFinal: nothing is under way any more, so nothing may be missing either.
    func inspect(isFinal: Bool) {
        let files = world.disk.names.map { (name: $0, bytes: world.disk.content($0)) }
        let report = Self.verify(files, against: checkpoint)
        guard report.isIntact else {
            // What an older segment lost is no matter of starting, and is found here.
            if diskLied { return }
            return fail(6, "the ledger does not verify: \(report.problem ?? "")")
        }
        let image = LedgerImage(files, after: self.image)
        self.image = image
        guard report.records == image.lines.count else {
            return fail(6, "\(report.records) records verify, an auditor counts \(image.lines.count)")
        }
        requireExtension(image)
        requireOneOfEach(image, isFinal: isFinal)
        let decided = Set(image.lines.filter { $0.event == "decision" }.map(\.call))
        if let lost = promisedCalls.subtracting(decided).min() {
            fail(4, "the decision of call \(lost) is lost")
        }
        if world.random.chance(300) { tamper(files, image, report) }
    }

    static func verify(
        _ files: [(name: Text, bytes: [UInt8])], against checkpoint: TreeHead? = nil
    ) -> LedgerReport {
        var verifier = LedgerVerifier(checkpoints: checkpoint.map { [$0] } ?? [])
        for (name, bytes) in files {
            verifier.feed(bytes)
            verifier.finishSegment(name)
        }
        return verifier.finish()
    }

    /// Everything that the last checkpoint covers is still there, unchanged.
    private func requireExtension(_ image: LedgerImage) {
        // Whole segments may be gone from the beginning, as if they had been moved away.
        guard let checkpoint, !diskLied else { return }
        guard image.lines.count >= Int(checkpoint.size) else {
            return fail(6, "\(image.lines.count) records, and a checkpoint covers \(checkpoint.size)")
        }
        if image.tree(of: Int(checkpoint.size)).root != checkpoint.root {
            fail(6, "the first \(checkpoint.size) records are not those of the checkpoint")
        }
    }

    private func requireOneOfEach(_ image: LedgerImage, isFinal: Bool) {
        var decisions: [Text: Text] = [:]
        var claims: Set<Text> = []
        var releases: [Text: Text] = [:]
        var concluded: Set<Text> = []
        var open: Set<Text> = []
        // What a lost first segment told is not known.
        let isWhole = image.lines.first?.sequence == 1
        for line in image.lines {
            switch line.event {
            case "decision":
                let decision = line.json["decision"]?.string ?? ""
                if decisions.updateValue(decision, forKey: line.call) != nil {
                    fail(4, "two decisions of \(line.call)")
                }
                if let jti = line.json["claim"]?["jti"]?.string, !claims.insert(jti).inserted {
                    fail(1, "two decisions spend one token, the second is record \(line.sequence)")
                }
            case "release":
                if isWhole, decisions[line.call] != "hold" {
                    fail(4, "a release of what was not held: \(line.call)")
                }
                if releases.updateValue(line.call, forKey: line.approval) != nil {
                    fail(3, "two releases by one approval, the second is record \(line.sequence)")
                }
            case "effect":
                if !concluded.insert(line.call).inserted { fail(4, "two effects of \(line.call)") }
                if open.remove(line.call) == nil, isWhole {
                    fail(4, "an effect of what was not let go: \(line.call)")
                }
            default: break
            }
            if line.letsGo { open.insert(line.call) }
        }
        if isFinal, let call = open.min() { fail(4, "call \(call) was let go and has no effect") }
    }

    /// Any change of a byte, a lost end, and any prefix.
    private func tamper(
        _ files: [(name: Text, bytes: [UInt8])], _ image: LedgerImage, _ report: LedgerReport
    ) {
        guard let line = image.lines.randomElement(using: &world.random),
            let place = files.firstIndex(where: { $0.name == line.segment })
        else { return }
        var changed = files
        let offset = line.offset + Int.random(in: 0..<line.bytes.count, using: &world.random)
        changed[place].bytes[offset] ^= UInt8.random(in: 1...255, using: &world.random)
        let found = Self.verify(changed)
        if found.isIntact, found.headDigest == report.headDigest {
            fail(6, "a changed byte of record \(line.sequence) is not found")
        }
        guard image.lines.last?.segment == line.segment else { return }
        // A prefix that ends on this entry.
        let end = line.offset + line.bytes.count + 1
        var prefix = Array(files[...place])
        prefix[place].bytes = Array(files[place].bytes[..<end])
        let whole = Self.verify(prefix)
        if !whole.isIntact { fail(6, "the prefix up to record \(line.sequence) does not verify") }
        if UInt64(whole.records) < UInt64(image.lines.count), whole.headDigest == report.headDigest {
            fail(6, "a cut end is not found against a kept head")
        }
    }

    // MARK: Limits

    func check(_ gauges: Gauges, restoredClaims: Int) {
        let limits = [
            ("claims", gauges.claims, max(world.plan.claimsMax, restoredClaims)),
            ("pending approvals", gauges.pending, world.plan.pendingMax),
            ("calls that wait for the tool", gauges.upstreamWaiting, SimulatedPool.waitingMax),
        ]
        for (name, count, limit) in limits where count > limit {
            fail(7, "\(count) \(name), the limit is \(limit)")
        }
    }
}
