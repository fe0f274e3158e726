public import Primitives

/// What becomes of a new approval's `approval.requested` in the ledger: until that is known people know nothing of it.
extension Approvals {
    /// The `approval.requested` of this approval is durable: people may see it and decide.
    ///
    /// Nothing happens when it is there no more.
    public mutating func recorded(_ id: CallID) {
        guard var approval = approvals[id] else { return }
        approval.isRecorded = true
        store(approval)
    }

    /// The `approval.requested` of this approval could not be written: nobody may join what a restart would forget.
    ///
    /// - Returns: the call that waits there now, perhaps a later one than that which asked first. Nil when nobody
    ///   waits, and when there is nothing to withdraw: recorded already, ended, or there no more.
    public mutating func withdraw(_ id: CallID, at now: Timestamp) -> CallID? {
        guard var approval = approvals[id], !approval.isRecorded, !approval.status.isTerminal else {
            return nil
        }
        let call = approval.place?.call
        approval.end(.cancelled, at: now)
        store(approval)
        return call
    }
}
