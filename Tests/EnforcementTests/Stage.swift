import Ledger
import Primitives
import TestKit
import Testing
import Tokens

@testable import Enforcement

/// Everywhere a call can be.
enum Stage: String, CaseIterable, Codable, Sendable {
    case recordingPermit, recordingRefusal, placing, recordingHold, held, releasing, forwarding
    case recordingCancellation, finished

    /// A machine that has been driven there.
    func machine() throws -> CallMachine {
        switch self {
        case .recordingPermit:
            return CallMachine(permitting: Permit(Redemption(nil, at: Scene.now), at: Scene.now))
        case .recordingRefusal: return CallMachine(refusing: .replayed)
        case .placing: return CallMachine(holding: Redemption(nil, at: Scene.now))
        case .recordingHold: return try Stage.placing.machine { _ = $0.placed(at: Stage.approval) }
        case .held:
            return try Stage.recordingHold.machine { _ = try $0.recorded(receipt(), callerIsHere: true) }
        case .releasing: return try Stage.held.machine { _ = $0.releaseGranted(at: Scene.now) }
        case .forwarding:
            return try Stage.recordingPermit.machine { _ = try $0.recorded(receipt(), callerIsHere: true) }
        case .recordingCancellation:
            return try Stage.recordingPermit.machine { _ = try $0.recorded(receipt(), callerIsHere: false) }
        case .finished: return try Stage.held.machine { _ = $0.ended(by: .denied) }
        }
    }

    private func machine(then event: (inout CallMachine) throws -> Void) throws -> CallMachine {
        var machine = try machine()
        try event(&machine)
        return machine
    }

    static let approval: CallID = {
        var random = SeededGenerator(seed: 3)
        return CallID(at: Scene.now, random: &random)
    }()
}

/// A receipt can only come from a journal.
func receipt() throws -> Receipt {
    var opened = try Journal.open(
        FaultyStorage(disk: FaultyDisk(seed: 1)),
        settings: JournalSettings(instance: "test", boot: "test", claimWindow: .seconds(70)),
        at: Now(Scene.now))
    let receipts = try opened.journal.append(
        [RefusedRecord(agent: nil, reason: "test").entry], at: Now(Scene.now))
    return try #require(receipts.first)
}

/// An action in words, so that it can be compared.
func words(_ action: consuming CallAction) -> String {
    switch consume action {
    case .record(let record):
        switch record {
        case .allow: return "record allow"
        case .deny(let slug): return "record deny \(slug)"
        case .hold: return "record hold"
        case .release: return "record release"
        case .cancelled: return "record cancelled"
        }
    case .place: return "place"
    case .wait: return "wait"
    case .release: return "release"
    case .forward: return "forward"
    case .answer(let denial): return "answer \(denial.slug)"
    case .end: return "end"
    }
}
