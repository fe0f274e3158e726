import Primitives
import Testing

@testable import Enforcement

/// What `#expect` cannot look at itself, because it cannot be copied.
private func end(_ machine: inout CallMachine, by verdict: HoldVerdict) -> String {
    switch machine.ended(by: verdict) {
    case .some(let action): words(action)
    case .none: "nothing"
    }
}

@Suite struct CallMachineTests {
    /// Invariant 4: a record comes before any answer, hold or forwarding.
    @Test(arguments: [
        (Stage.recordingPermit, "record allow"), (.recordingRefusal, "record deny token-replayed"),
        (.placing, "place"),
    ]) func `a call begins with what has to be durable, or with a place`(_ stage: Stage, _ wanted: String)
        throws
    {
        #expect(words(try stage.machine().start()) == wanted)
    }

    @Test(arguments: [
        // Invariant 2: only a durable record lets a call go.
        (Stage.recordingPermit, true, "forward"), (.recordingPermit, false, "record cancelled"),
        (.releasing, true, "forward"), (.releasing, false, "record cancelled"),
        (.recordingHold, true, "wait"), (.recordingHold, false, "end"),
        (.recordingRefusal, true, "answer token-replayed"), (.recordingRefusal, false, "end"),
        (.recordingCancellation, false, "end"), (.recordingCancellation, true, "end"),
    ]) func `a durable record has one consequence`(_ stage: Stage, _ callerIsHere: Bool, _ wanted: String)
        throws
    {
        var machine = try stage.machine()
        #expect(words(machine.recorded(try receipt(), callerIsHere: callerIsHere)) == wanted)
        let isHeld = machine.isHeld
        #expect(isHeld == (wanted == "wait"))
    }

    /// Invariant 5.
    @Test(arguments: [
        Stage.recordingPermit, .recordingRefusal, .recordingHold, .releasing, .recordingCancellation,
    ])
    func `a record that could not be made durable refuses the call`(_ stage: Stage) throws {
        var machine = try stage.machine()
        #expect(words(machine.recordFailed()) == "answer control-unavailable")
        #expect(end(&machine, by: .denied) == "nothing")
    }

    @Test func `a call that gets no place is refused, and that is recorded first`() throws {
        var machine = try Stage.placing.machine()
        #expect(words(machine.refusedPlace(.overloaded("full"))) == "record deny overloaded")
        #expect(words(machine.recorded(try receipt(), callerIsHere: true)) == "answer overloaded")
    }

    @Test(arguments: Stage.allCases) func `only a held call asks to be released`(_ stage: Stage) throws {
        var machine = try stage.machine()
        #expect(words(machine.approved()) == (stage == .held ? "release" : "end"))
    }

    @Test(arguments: [
        (HoldVerdict.denied, "answer approval-denied"), (.expired, "answer approval-expired"),
        (.superseded, "answer superseded"), (.over, "answer approval-pending"),
        (.refused(.unavailable(.identity)), "answer control-unavailable"),
    ]) func `each verdict ends a held call with its own answer`(_ verdict: HoldVerdict, _ wanted: String)
        throws
    {
        var machine = try Stage.held.machine()
        #expect(end(&machine, by: verdict) == wanted)
        let isHeld = machine.isHeld
        #expect(!isHeld)
        #expect(end(&machine, by: verdict) == "nothing")
    }

    @Test(arguments: Stage.allCases.filter { $0 != .held })
    func `a verdict that comes at any other time changes nothing`(_ stage: Stage) throws {
        for verdict in [HoldVerdict.denied, .expired, .superseded, .over, .refused(.replayed)] {
            var machine = try stage.machine()
            #expect(end(&machine, by: verdict) == "nothing")
        }
    }

    /// Invariant 3: an approval that people have to give again leaves the call where it was.
    @Test func `a call may be approved more than once before it is let go`() throws {
        var machine = try Stage.held.machine()
        #expect(words(machine.approved()) == "release")
        let isHeld = machine.isHeld
        #expect(isHeld)
        #expect(words(machine.approved()) == "release")
        #expect(words(machine.releaseGranted(at: Scene.now)) == "record release")
        #expect(words(machine.approved()) == "end")
        #expect(words(machine.recorded(try receipt(), callerIsHere: true)) == "forward")
    }

    @Test(arguments: Stage.allCases) func `a caller that leaves takes only a held call with it`(
        _ stage: Stage
    ) throws {
        var machine = try stage.machine()
        machine.callerLeft()
        let isHeld = machine.isHeld
        #expect(!isHeld)
        switch stage {
        case .recordingPermit, .releasing:
            #expect(words(machine.recorded(try receipt(), callerIsHere: false)) == "record cancelled")
            #expect(words(machine.recorded(try receipt(), callerIsHere: false)) == "end")
        case .recordingRefusal, .recordingHold, .recordingCancellation:
            #expect(words(machine.recorded(try receipt(), callerIsHere: false)) == "end")
        case .held: #expect(words(machine.approved()) == "end")
        case .placing, .forwarding, .finished: break
        }
    }

    @Test func `a permit is void after its time`() {
        let permit = Permit(Redemption(nil, at: Scene.now), at: Scene.now)
        let isFresh = permit.isFresh(at: Scene.now + Permit.lifetime)
        #expect(isFresh)
        let isFreshAfter = permit.isFresh(at: Scene.now + Permit.lifetime + .nanoseconds(1))
        #expect(!isFreshAfter)
    }

    @Test func `a release renews the permit`() throws {
        var machine = try Stage.held.machine()
        let later = Scene.now + .seconds(300)
        _ = machine.releaseGranted(at: later)
        let action = machine.recorded(try receipt(), callerIsHere: true)
        guard case .forward(let permit, _) = consume action else {
            Issue.record("it is forwarded")
            return
        }
        let isFresh = permit.isFresh(at: later + .seconds(10))
        #expect(isFresh)
        let isFreshAfter = permit.isFresh(at: later + .seconds(11))
        #expect(!isFreshAfter)
    }
}
