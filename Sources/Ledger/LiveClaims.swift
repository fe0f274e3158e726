internal import Primitives

/// The claims that a recovery must find again, in little memory: some fifty bytes and the token id each.
///
/// A claim lives for the claim window after it was recorded, and at least until its token expires. When
/// claims are let go, the largest expiry among them is kept: tokens at or below that `horizon` count as
/// expired for ever, so that a clock set back does not bring them to life.
struct LiveClaims {
    private struct Slot {
        /// Seconds since 1970.
        let expires: Int64
        let until: Timestamp
        let sequence: UInt64
        let issuer: UInt32
        let length: UInt32
    }

    /// In the order of recording, so that the first has the lowest number.
    private var slots: [Slot] = []
    /// The token ids, end to end, in the same order.
    private var ids: [UInt8] = []
    private var issuers: [Text] = []
    private var issuerNumbers: [Text: UInt32] = [:]
    private var countToSweep = 1024
    private var sweptAt = Timestamp.distantPast
    private(set) var horizonSeconds: Int64?

    var count: Int { slots.count }
    var oldestSequence: UInt64? { slots.first?.sequence }

    mutating func add(
        issuer: Text, tokenID: Text, expires: Int64, recorded: Timestamp, window: Duration, sequence: UInt64
    ) {
        ids += tokenID.bytes
        slots.append(
            Slot(
                expires: expires, until: max(recorded + window, Timestamp(seconds: expires)),
                sequence: sequence,
                issuer: number(of: issuer), length: UInt32(tokenID.count)))
    }

    private mutating func number(of issuer: Text) -> UInt32 {
        if let number = issuerNumbers[issuer] { return number }
        let number = UInt32(issuers.count)
        issuers.append(issuer)
        issuerNumbers[issuer] = number
        return number
    }

    mutating func raiseHorizon(to seconds: Int64) { horizonSeconds = max(horizonSeconds ?? seconds, seconds) }

    /// Sweeps once the table has doubled, so that a claim costs the same however many there are.
    mutating func letGoSometimes(at now: Timestamp) {
        guard slots.count >= countToSweep else { return }
        letGo(at: now)
        countToSweep = max(1024, 2 * slots.count)
    }

    /// Sweeps a full table, but not for every batch: at most once a second.
    mutating func letGoWhenFull(at now: Timestamp) {
        guard now < sweptAt || now - sweptAt >= .seconds(1) else { return }
        sweptAt = now
        letGo(at: now)
    }

    /// Lets go of every claim whose time is over.
    mutating func letGo(at now: Timestamp) {
        guard slots.contains(where: { $0.until < now }) else { return }
        var keptSlots: [Slot] = []
        var keptIDs: [UInt8] = []
        var start = 0
        for slot in slots {
            let end = start + Int(slot.length)
            if slot.until < now {
                raiseHorizon(to: slot.expires)
            } else {
                keptSlots.append(slot)
                keptIDs += ids[start..<end]
            }
            start = end
        }
        (slots, ids) = (keptSlots, keptIDs)
    }

    /// Forgets all claims, because the records that follow name every live one; the horizon stays.
    mutating func removeAll() { (slots, ids) = ([], []) }

    /// All claims are now also in the record of that number or in later ones.
    mutating func rebase(to sequence: UInt64) {
        slots = slots.map {
            Slot(
                expires: $0.expires, until: $0.until, sequence: sequence, issuer: $0.issuer, length: $0.length
            )
        }
    }

    func forEach(_ body: (_ issuer: Text, _ tokenID: Text, _ expires: Int64) -> Void) {
        var start = 0
        for slot in slots {
            let end = start + Int(slot.length)
            body(issuers[Int(slot.issuer)], Text(ids[start..<end]), slot.expires)
            start = end
        }
    }
}
