internal import Documents
internal import Primitives
internal import Reactor

/// One mapping of a configuration file while it is read: closed keys, defaults, and a note of every effective value for
/// `--check`.
final class Scope {
    let reader: MappingReader
    private let path: String
    private let notes: EffectiveValues
    private let directory: Text

    init(_ node: Node, keys: [String], path: String, notes: EffectiveValues, directory: Text)
        throws(DocumentError)
    {
        reader = try node.mapping(keys: keys)
        (self.path, self.notes, self.directory) = (path, notes, directory)
    }

    func error(_ message: String, at key: String) -> DocumentError { reader.error(message, atKey: key) }

    func has(_ key: String) -> Bool { reader.optional(key) != nil }

    // MARK: Values

    func text(_ key: String) throws(DocumentError) -> Text {
        note(key, try reader.required(key).text()) { $0.string }
    }

    func text(_ key: String, default fallback: Text) throws(DocumentError) -> Text {
        note(key, try reader.optional(key).map { node throws(DocumentError) in try node.text() } ?? fallback)
        { $0.string }
    }

    func optionalText(_ key: String) throws(DocumentError) -> Text? {
        guard let node = reader.optional(key) else { return nil }
        return note(key, try node.text()) { $0.string }
    }

    func texts(_ key: String, default fallback: [Text]) throws(DocumentError) -> [Text] {
        let value =
            try reader.optional(key).map { node throws(DocumentError) in try node.texts() } ?? fallback
        return note(key, value) { "[" + $0.map(\.string).joined(separator: ", ") + "]" }
    }

    func texts(_ key: String) throws(DocumentError) -> [Text] {
        let value = try reader.required(key).texts()
        guard !value.isEmpty else { throw error("`\(key)` must name at least one", at: key) }
        return note(key, value) { "[" + $0.map(\.string).joined(separator: ", ") + "]" }
    }

    func duration(
        _ key: String, default fallback: Duration, in range: ClosedRange<Duration>
    ) throws(DocumentError) -> Duration {
        let value = try reader.optional(key).map { node throws(DocumentError) in try node.duration(in: range)
        }
        return note(key, value ?? fallback) { Scope.spelling($0) }
    }

    func size(_ key: String, default fallback: Int, in range: ClosedRange<Int>) throws(DocumentError) -> Int {
        let value = try reader.optional(key).map { node throws(DocumentError) in try node.size(in: range) }
        return note(key, value ?? fallback) { "\($0)B" }
    }

    /// A size, or `0` without a unit, which switches off what the key is about.
    func sizeOrNone(_ key: String, default fallback: Int, in range: ClosedRange<Int>) throws(DocumentError)
        -> Int
    {
        let isNone = reader.optional(key).map { node in
            (try? node.int(in: 0...0)) != nil || (try? node.text()) == "0"
        }
        guard isNone == true else { return try size(key, default: fallback, in: range) }
        return note(key, 0) { "\($0)B" }
    }

    func int(_ key: String, default fallback: Int, in range: ClosedRange<Int>) throws(DocumentError) -> Int {
        let value = try reader.optional(key).map { node throws(DocumentError) in try node.int(in: range) }
        return note(key, value ?? fallback) { "\($0)" }
    }

    func bool(_ key: String, default fallback: Bool) throws(DocumentError) -> Bool {
        let value = try reader.optional(key).map { node throws(DocumentError) in try node.bool() }
        return note(key, value ?? fallback) { "\($0)" }
    }

    func choice<Value>(_ key: String, default fallback: String, _ options: [String: Value])
        throws(DocumentError) -> Value
    {
        guard let node = reader.optional(key) else {
            guard let value = options[fallback] else {
                preconditionFailure("the default is one of the options")
            }
            return note(key, value) { _ in fallback }
        }
        let value = try node.choice(options)
        return note(key, value) { _ in (try? node.text().string) ?? "" }
    }

    // MARK: Structure

    func scope(_ key: String, keys: [String]) throws(DocumentError) -> Scope {
        try child(reader.required(key), keys, path + key)
    }

    func optionalScope(_ key: String, keys: [String]) throws(DocumentError) -> Scope? {
        guard let node = reader.optional(key) else { return nil }
        return try child(node, keys, path + key)
    }

    func scopes(_ key: String, keys: [String]) throws(DocumentError) -> [Scope] {
        guard let node = reader.optional(key) else { return [] }
        var scopes: [Scope] = []
        for (index, item) in try node.items().enumerated() {
            scopes.append(try child(item, keys, "\(path)\(key)[\(index)]"))
        }
        return scopes
    }

    private func child(_ node: Node, _ keys: [String], _ name: String) throws(DocumentError) -> Scope {
        try Scope(node, keys: keys, path: name + ".", notes: notes, directory: directory)
    }

    // MARK: Files

    /// A path as written, or beside the configuration file when it is relative.
    func path(_ key: String) throws(DocumentError) -> Text { resolved(try text(key)) }

    func path(_ key: String, default fallback: Text) throws(DocumentError) -> Text {
        resolved(try text(key, default: fallback))
    }

    private func resolved(_ path: Text) -> Text { path.hasPrefix("/") ? path : directory + "/" + path }

    /// The content of the file a key names; what is wrong with it is said at the key.
    func file(_ key: String, bytesMax: Int = 1 << 20) throws(DocumentError) -> [UInt8] {
        let path = try path(key)
        do throws(FileError) {
            return try Files.read(path, bytesMax: bytesMax)
        } catch {
            throw self.error("\(error)", at: key)
        }
    }

    /// A file with one line of text, which may end in a newline.
    func secret(_ key: String) throws(DocumentError) -> Text {
        let line = Text(try file(key, bytesMax: 64 * 1024)).trimmedLineEnd
        guard !line.isEmpty, line.bytes.allSatisfy({ 0x20...0x7E ~= $0 }) else {
            throw error("the file must hold one line of printable text", at: key)
        }
        return line
    }

    /// Runs a reader of another module and says its error at the key.
    func checked<Value, Failure: Error>(
        _ key: String, _ work: () throws(Failure) -> Value
    ) throws(DocumentError) -> Value {
        do { return try work() } catch { throw self.error("\(error)", at: key) }
    }

    /// A line of `--check` that is no value.
    func remark(_ line: String) { notes.lines.append("# " + line) }

    private func note<Value>(_ key: String, _ value: Value, _ spelling: (Value) -> String) -> Value {
        let line = "\(path)\(key): \(spelling(value))"
        // A key may be read twice, as a file and as the name of its errors.
        if !notes.lines.contains(line) { notes.lines.append(line) }
        return value
    }

    static func spelling(_ duration: Duration) -> String {
        let millis = duration.nanosecondsClamped / 1_000_000
        return millis.isMultiple(of: 1_000) ? "\(millis / 1_000)s" : "\(millis)ms"
    }
}

/// What the proxy would run with, a line a key, in the order it is read.
public final class EffectiveValues {
    public internal(set) var lines: [String] = []

    public init() {}
}

extension Text {
    fileprivate var trimmedLineEnd: Text {
        var end = count
        while end > 0, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
        return prefix(end)
    }
}
