import Primitives
import Testing

@testable import Enforcement

/// Events that cannot happen stop the process: a call is never let through by a mistake of ours.
@Suite struct CallMachineMisuseTests {
    /// By one of our own sentences, not by an error of the test.
    private func stopped(_ result: ExitTest.Result?) -> Bool {
        result.map { Text($0.standardErrorContent).contains("CallMachine.swift") } ?? false
    }

    @Test(arguments: [Stage.recordingHold, .held, .releasing, .forwarding, .finished])
    func `a call starts once`(_ stage: Stage) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [stage] in _ = words(try stage.machine().start())
        }
        #expect(stopped(result))
    }

    @Test(arguments: [Stage.placing, .held, .forwarding, .finished])
    func `a record that was not asked for is no record`(_ stage: Stage) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [stage] in
            var machine = try stage.machine()
            _ = words(machine.recorded(try receipt(), callerIsHere: true))
        }
        #expect(stopped(result))
    }

    @Test(arguments: [Stage.placing, .held, .forwarding, .finished])
    func `nor can one that was not asked for fail`(_ stage: Stage) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [stage] in
            var machine = try stage.machine()
            _ = words(machine.recordFailed())
        }
        #expect(stopped(result))
    }

    @Test(arguments: [Stage.recordingPermit, .held, .releasing, .forwarding])
    func `a place is given to a call that asked for one`(_ stage: Stage) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [stage] in
            var machine = try stage.machine()
            _ = words(machine.placed(at: Stage.approval))
        }
        #expect(stopped(result))
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [stage] in
            var machine = try stage.machine()
            _ = words(machine.refusedPlace(.replayed))
        }
        #expect(stopped(second))
    }

    @Test(arguments: [Stage.recordingPermit, .placing, .recordingHold, .releasing, .forwarding, .finished])
    func `only a held call is released`(_ stage: Stage) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [stage] in
            var machine = try stage.machine()
            _ = words(machine.releaseGranted(at: Scene.now))
        }
        #expect(stopped(result))
    }
}
