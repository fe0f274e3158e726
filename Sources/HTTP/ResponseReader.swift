import Primitives

/// Makes a response of a whole head, or says what is wrong with it.
enum ResponseReader {
    private static let versionBytes = 8
    private static let statusBytes = 3

    static func read(_ head: Head, to method: Text) throws(HTTPError) -> HTTPResponse {
        let (version, status, reason) = try statusLine(head.startLine)
        let fields = try head.fields()
        let options = try HopByHop.connectionOptions(fields)
        if status == 101 { throw .unexpectedUpgrade }
        let body = try Framing.responseLength(status, to: method, fields, version)
        return HTTPResponse(
            status: status, reason: reason, fields: fields, body: body,
            keepAlive: Framing.keepsAlive(options, version) && body != .untilClose)
    }

    /// `version SP status SP reason` (RFC 9112 §4).
    ///
    /// The space before an empty reason may be missing: many servers leave it out, and it means nothing.
    private static func statusLine(
        _ line: ArraySlice<UInt8>
    ) throws(HTTPError) -> (HTTPVersion, Int, Text) {
        let rest = line.dropFirst(versionBytes + 1)
        let digits = rest.prefix(statusBytes)
        let reason = rest.dropFirst(statusBytes)
        guard digits.count == statusBytes, line[line.startIndex + versionBytes] == Byte.space,
            digits.allSatisfy(\.isASCIIDigit), reason.first == nil || reason.first == Byte.space
        else { throw .badStatusLine }
        let version: HTTPVersion
        do throws(HTTPError) {
            version = try HTTPVersion(line.prefix(versionBytes))
        } catch {
            throw .badStatusLine
        }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard (100...599).contains(status) else { throw .badStatusLine }
        try FieldLine.check(reason)
        return (version, status, Text(Array(reason.dropFirst())))
    }
}
