import ArgumentParser
import Gateway
import Primitives
import Reactor
import Setup

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run everything on this machine with nothing to prepare.",
        discussion: """
            Starts a throw-away trust domain, a token issuer, a sample tool, the proxy and the approval endpoint on
            loopback, prints `curl` lines to paste in another terminal, and stays up until Ctrl-C.

            Examples:
              sallyport demo
              sallyport demo --tour      # play the whole story, check each step, and end
            """)

    @Flag(help: "Play the story instead; exit status 1 if a step did not behave.") var tour = false

    func run() throws {
        let demo: Demo
        do {
            demo = try Demo(in: Text(Host.environment("TMPDIR") ?? "/tmp"))
        } catch {
            throw Failure.notSo("the demo could not start: \(error)")
        }
        if tour {
            var tour = DemoTour(demo, say: say)
            let behaved = tour.play()
            demo.stop()
            say(behaved ? "Every step behaved." : "A step did not behave.")
            if !behaved { throw ExitCode(1) }
        } else {
            let ended = Mailbox<Void>(messagesMax: 1)
            Signals.onTermination { _ = ended.send(()) }
            say(demo.instructions(program: CommandLine.arguments.first ?? "sallyport"))
            _ = ended.receiveAll()
            demo.stop()
        }
    }
}
