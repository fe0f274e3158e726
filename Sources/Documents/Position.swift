/// A place in a file, as editors count: from 1, columns in Unicode scalars.
public struct Position: Sendable, Hashable {
    /// As the operator named it; never opened from here.
    public let file: String
    public let line, column: Int

    public init(file: String, line: Int, column: Int) {
        (self.file, self.line, self.column) = (file, line, column)
    }
}

extension Position: CustomStringConvertible {
    /// Reads `policies/a.yaml:12:7`.
    public var description: String { "\(file):\(line):\(column)" }
}

/// What is wrong with a document, where, and what would be right.
public struct DocumentError: Error, Sendable, Hashable {
    public let position: Position
    public let message: String

    public init(_ message: String, at position: Position) {
        (self.message, self.position) = (message, position)
    }
}

extension DocumentError: CustomStringConvertible {
    /// Reads `file:line:column: message`.
    public var description: String { "\(position): \(message)" }
}
