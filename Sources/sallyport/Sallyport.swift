import ArgumentParser
import Gateway
import Primitives
import Reactor

/// The command line.
///
/// Exit status: 0 done, 1 the thing asked about is not so, 2 usage or configuration.
@main
struct Sallyport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sallyport",
        abstract: "A sidecar that decides about every tool call of an AI agent before the tool sees it.",
        discussion: """
            Start with `sallyport demo --tour`: it plays one whole story on this machine and checks each step.
            """,
        version: Version.number,
        subcommands: [DemoCommand.self, ProxyCommand.self, LedgerCommand.self, VersionCommand.self])

    /// Usage errors end with 2, as configuration errors do.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            Host.writeToStandardError(Array("sallyport: \(failure.message)\n".utf8))
            exit(withError: ExitCode(failure.status))
        } catch let code as ExitCode {
            exit(withError: code)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if !text.isEmpty {
                let line = Array((text + "\n").utf8)
                if code == .success {
                    Host.writeToStandardOutput(line)
                } else {
                    Host.writeToStandardError(line)
                }
            }
            exit(withError: code == .success ? ExitCode.success : ExitCode(2))
        }
    }
}

/// Ends the command with one line on standard error.
struct Failure: Error {
    let status: Int32
    let message: String

    static func usage(_ message: String) -> Failure { Failure(status: 2, message: message) }
    static func notSo(_ message: String) -> Failure { Failure(status: 1, message: message) }
}

func say(_ text: String) { Host.writeToStandardOutput(Array((text + "\n").utf8)) }

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of Sallyport and of the libraries it runs on.",
        discussion: "Example: sallyport version --json")

    @Flag(help: "One line of JSON.") var json = false

    func run() {
        guard !json else { return say(String(decoding: Version.json.encoded, as: UTF8.self)) }
        for member in Version.json.object?.members ?? [] where member.name != "name" {
            say("\(member.name == "version" ? "sallyport" : member.name) \(member.value.string ?? "")")
        }
    }
}
