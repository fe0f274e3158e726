internal import Approvals
internal import Crypto
internal import Ledger
internal import Primitives
internal import Reactor
internal import Tokens

/// The ledger, opened and locked, until its thread takes the journal over.
struct OpenedLedger {
    let state: RecoveredState
    let settings: JournalSettings
    let volume: LedgerVolume
    let signer: NoteSigner
    /// The key was made by this start.
    let isKeyNew: Bool
    /// Why the checkpoint of an earlier run could not be held against the ledger.
    let foreignCheckpoint: CheckpointError?
    /// There were records and no checkpoint beside them.
    let isCheckpointMissing: Bool
    private let journal: Handover<Journal<JournalFiles>>

    /// Under the lock: first the key, so that none is made beside records; then the ledger, which has to hold what the
    /// last checkpoint signed.
    init(_ settings: SidecarSettings, _ clock: SystemClock) throws(SidecarError) {
        do {
            let files = try JournalFiles(settings.ledgerDirectory)
            volume = try LedgerVolume(settings.ledgerDirectory)
            let found = try CheckpointKeyFile(settings.checkpoints.keyFile, ledger: settings.ledgerDirectory)
                .findOrMake()
            signer = try NoteSigner(name: settings.checkpoints.origin, key: found.key)
            isKeyNew = found.isNew
            let last = try Self.lastCheckpoint(volume, signer)
            foreignCheckpoint = last.problem
            self.settings = try Self.journalSettings(settings, signer)
            let opened = try Journal.open(
                files, settings: self.settings, containing: last.head, at: clock.now)
            state = opened.state
            isCheckpointMissing = last.head == nil && last.problem == nil && state.lastSequence > 0
            journal = Handover(opened.journal)
        } catch {
            throw .ledger("\(error)")
        }
    }

    func takeJournal() -> Journal<JournalFiles> { journal.take() }

    private static func journalSettings(
        _ settings: SidecarSettings, _ signer: NoteSigner
    ) throws(FileError) -> JournalSettings {
        var journal = JournalSettings(
            durability: settings.durability, instance: Host.hostName, boot: try Host.bootID(),
            machine: Host.machineID, claimWindow: settings.tokens.claimWindow)
        journal.claimsMax = settings.claimsMax
        journal.approvalsMax = max(10_000, settings.approvals.limits.pendingMax)
        journal.checkpointKey = signer.vkey
        return journal
    }

    private static func lastCheckpoint(
        _ volume: LedgerVolume, _ signer: NoteSigner
    ) throws(FileError) -> (head: TreeHead?, problem: CheckpointError?) {
        guard let note = try volume.lastCheckpoint() else { return (nil, nil) }
        do throws(CheckpointError) {
            return (try Checkpoint.open(note, with: signer.verifierKey).head, nil)
        } catch {
            return (nil, error)
        }
    }
}
