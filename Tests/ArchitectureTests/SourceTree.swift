import Foundation

/// One Swift file of the package, as text.
struct SourceFile: Sendable {
    /// The folder under `Sources`.
    let module: String
    /// From the root of the package: `Sources/HTTP/Message.swift`.
    let path: String
    /// Comments blanked out, lines kept.
    let text: String
    /// Comments and the contents of strings blanked out, lines kept.
    let code: String

    init(module: String, path: String, content: String) {
        (self.module, self.path) = (module, path)
        text = Blanking.apply(to: content, keepingStrings: true)
        code = Blanking.apply(to: content, keepingStrings: false)
    }

    /// Where the pattern occurs: `Sources/HTTP/Message.swift:12: the line`.
    func findings(_ pattern: String, inStrings: Bool = false) -> [String] {
        lines(pattern, inStrings: inStrings).map { "\(path):\($0.number): \($0.line)" }
    }

    func lines(_ pattern: String, inStrings: Bool = false) -> [(number: Int, line: String)] {
        guard let expression = try? NSRegularExpression(pattern: pattern, options: .anchorsMatchLines) else {
            preconditionFailure("`\(pattern)` is a regular expression")
        }
        let lines = (inStrings ? text : code).components(separatedBy: "\n")
        return zip(1..., lines).compactMap { number, line in
            let range = NSRange(line.startIndex..., in: line)
            guard expression.firstMatch(in: line, range: range) != nil else { return nil }
            return (number, line.trimmingCharacters(in: .whitespaces))
        }
    }
}

enum SourceTree {
    /// The package's folder, three above this file.
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let package = content(of: root.appendingPathComponent("Package.swift"))

    static let files: [SourceFile] = {
        let sources = root.appendingPathComponent("Sources")
        let names = FileManager.default.enumerator(atPath: sources.path)?.allObjects as? [String] ?? []
        return names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
            SourceFile(
                module: name.components(separatedBy: "/")[0], path: "Sources/" + name,
                content: content(of: sources.appendingPathComponent(name)))
        }
    }()

    private static func content(of file: URL) -> String {
        guard let bytes = FileManager.default.contents(atPath: file.path) else {
            preconditionFailure("\(file.path) can be read")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Takes away what is not code; enough of Swift's grammar for this package, whose format is checked elsewhere.
private struct Blanking {
    private enum State: Equatable {
        case code, lineComment, blockComment
        case string(delimiter: [Character], isRaw: Bool)
    }

    static func apply(to content: String, keepingStrings: Bool) -> String {
        var blanking = Blanking(Array(content), keepingStrings)
        return blanking.run()
    }

    private let input: [Character]
    private let keepsStrings: Bool
    private var state = State.code
    private var output = ""

    private init(_ input: [Character], _ keepsStrings: Bool) {
        (self.input, self.keepsStrings) = (input, keepsStrings)
    }

    private mutating func run() -> String {
        var index = 0
        while index < input.count { index += step(at: index) }
        return output
    }

    /// Takes one token and says how long it was.
    private mutating func step(at index: Int) -> Int {
        switch state {
        case .code: return code(at: index)
        case .lineComment:
            if input[index].isNewline { state = .code }
            return blank(at: index, 1, keeping: false)
        case .blockComment:
            if begins("*/", at: index) {
                state = .code
                return blank(at: index, 2, keeping: false)
            }
            return blank(at: index, 1, keeping: false)
        case .string(let delimiter, let isRaw):
            if !isRaw, input[index] == "\\" { return blank(at: index, 2, keeping: keepsStrings) }
            if begins(delimiter, at: index) {
                state = .code
                return blank(at: index, delimiter.count, keeping: true)
            }
            return blank(at: index, 1, keeping: keepsStrings)
        }
    }

    private mutating func code(at index: Int) -> Int {
        if begins("//", at: index) {
            state = .lineComment
            return blank(at: index, 2, keeping: false)
        }
        if begins("/*", at: index) {
            state = .blockComment
            return blank(at: index, 2, keeping: false)
        }
        let hashes = input[index...].prefix { $0 == "#" }
        let quotes = input[(index + hashes.count)...].prefix { $0 == "\"" }
        guard !quotes.isEmpty else { return blank(at: index, 1, keeping: true) }
        let opening = quotes.count >= 3 ? Array(quotes.prefix(3)) : Array(quotes.prefix(1))
        state = .string(delimiter: opening + hashes, isRaw: !hashes.isEmpty)
        return blank(at: index, hashes.count + opening.count, keeping: true)
    }

    private func begins(_ text: some Collection<Character>, at index: Int) -> Bool {
        input[index...].starts(with: text)
    }

    private mutating func blank(at index: Int, _ count: Int, keeping: Bool) -> Int {
        for character in input[index..<min(index + count, input.count)] {
            output.append(keeping || character.isNewline ? character : " ")
        }
        return count
    }
}
