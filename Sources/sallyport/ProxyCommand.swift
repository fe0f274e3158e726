import ArgumentParser
import Documents
import Gateway
import Logging
import Primitives
import Reactor
import Setup

struct ProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Stand before one tool and decide about every call.",
        discussion: """
            Runs until SIGTERM or SIGINT, then drains: calls in flight finish, held calls are answered so that they can
            join again, the ledger is sealed.

            Examples:
              sallyport proxy --config /etc/sallyport/proxy.yaml
              sallyport proxy --config proxy.yaml --check      # validate and print the effective values
            """)

    @Option(help: ArgumentHelp("The configuration file (`kind: Proxy`).", valueName: "FILE")) var config:
        String
    @Flag(help: "Check the file and everything it names, print the effective values, and end.") var check =
        false
    @Option(
        help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "LEVEL"),
        transform: ProxyCommand.level)
    var logLevel: Logger.Level = .info

    func run() throws {
        let notes = EffectiveValues()
        let settings: SidecarSettings
        do {
            settings = try ProxyConfiguration.load(Text(config), noting: notes).settings
        } catch {
            throw Failure.usage("\(error)")
        }
        guard !check else { return notes.lines.forEach(say) }
        let clock = SystemClock()
        let logger = Logger(label: "sallyport") { _ in JSONLogHandler(level: logLevel, clock: clock) }
        let ended = Mailbox<Void>(messagesMax: 1)
        Signals.onTermination { _ = ended.send(()) }
        let sidecar: Sidecar
        do {
            sidecar = try Sidecar(settings, clock: clock, logger: logger)
        } catch {
            throw Failure.usage("\(error)")
        }
        _ = ended.receiveAll()
        sidecar.drain()
    }

    private static func level(_ name: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else {
            throw ValidationError("there is no log level `\(name)`")
        }
        return level
    }
}
