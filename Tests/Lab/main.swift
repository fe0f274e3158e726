// The lab: any corpus of test vectors against our parsers and verifiers. Test-only, never installed.
//
// `sallyport-lab VERB` reads JSON Lines on standard input and writes exactly one line for each, in order.
import Glibc
import Primitives
import Reactor

guard CommandLine.arguments.count == 2, let verb = Verb(rawValue: CommandLine.arguments[1]) else {
    let verbs = Verb.allCases.map(\.rawValue).joined(separator: "|")
    Host.writeToStandardError(Array("usage: sallyport-lab \(verbs) < lines.jsonl\n".utf8))
    exit(2)
}

while let line = readLine() {
    Host.writeToStandardOutput(verb.answer(to: Array(line.utf8)).bytes + [0x0A])
}
