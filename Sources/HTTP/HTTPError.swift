public import Primitives

/// Why bytes were not read as HTTP: one case a reason.
///
/// Read from an agent, `status` is what to answer. Read from a tool, the answer is 502 whatever the case is.
public enum HTTPError: Error, Hashable {
    // Lines
    case bareLineFeed
    case bareCarriageReturn
    case controlByte
    case headTooLarge
    case tooManyFields
    case truncated

    // The first line
    case badRequestLine
    case badMethod
    case badStatusLine
    case unsupportedVersion
    case connectRefused
    case traceRefused

    // The target
    case targetTooLong
    case targetForm
    case targetByte
    case targetEscape
    case targetEncodedSeparator
    case targetDoubleEncoding
    case targetNotUTF8
    case targetDotSegment
    case targetEmptySegment
    case targetParameters
    case targetEmptyQuery
    case queryNotUTF8

    // Fields
    case badFieldName
    case spaceBeforeColon
    case obsoleteFolding
    case missingHost
    case duplicateHost
    case badHost
    case hostDisagrees
    case connectionOption(Text)
    case protectedAlias(Text)
    case overrideField(Text)
    case upgradeRefused
    case expectationFailed

    // Framing
    case transferEncodingWithContentLength
    case unsupportedTransferEncoding
    case transferEncodingInHTTP10
    case badContentLength
    case badChunk
    case chunkLineTooLong
    case trailersTooLarge

    // A tool's answers
    case unexpectedUpgrade
    case tooManyInformational
    case unsolicitedResponse
    case closedBeforeResponse

    /// The status to answer an agent with.
    public var status: Int {
        switch self {
        case .targetTooLong: 414
        case .headTooLarge, .tooManyFields, .trailersTooLarge: 431
        case .expectationFailed: 417
        case .connectRefused, .traceRefused, .upgradeRefused: 501
        case .unsupportedVersion: 505
        default: 400
        }
    }
}

extension HTTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .bareLineFeed: "a line ends in LF without CR"
        case .bareCarriageReturn: "a CR is not followed by LF"
        case .controlByte: "a control byte stands in the head or in a chunk extension"
        case .headTooLarge: "the head is too large"
        case .tooManyFields: "there are too many fields"
        case .truncated: "the connection ended in the middle of a message"
        case .badRequestLine: "the request line is not `METHOD SP target SP HTTP/1.1`"
        case .badMethod: "the method is not a token in upper case of at most 32 bytes"
        case .badStatusLine: "the status line is not `HTTP/1.1 SP status SP reason`"
        case .unsupportedVersion: "only HTTP/1.1 and HTTP/1.0 are spoken here"
        case .connectRefused: "CONNECT is not supported"
        case .traceRefused: "TRACE is not supported"
        case .upgradeRefused: "upgrading the connection is not supported"
        case .expectationFailed: "the only expectation that can be met is `100-continue`"
        default: targetDescription ?? fieldDescription ?? framingDescription
        }
    }

    private var targetDescription: String? {
        switch self {
        case .targetTooLong: "the request target is too long"
        case .targetForm:
            "the request target is neither a path nor an absolute `http` or `https` URL with a path"
        case .targetByte: "the request target holds a byte that must be percent-encoded"
        case .targetEscape:
            "the request target holds a percent-encoding that is broken, needless or in lower case"
        case .targetEncodedSeparator:
            "the path holds an encoded slash, backslash or semicolon, or the target a NUL"
        case .targetDoubleEncoding: "the path is percent-encoded twice"
        case .targetNotUTF8: "the decoded path is not UTF-8"
        case .targetDotSegment: "the path holds a `.` or `..` segment"
        case .targetEmptySegment: "the path holds `//`"
        case .targetParameters: "the request target holds `;`"
        case .targetEmptyQuery: "the request target ends in a bare `?`"
        case .queryNotUTF8: "the decoded query is not UTF-8"
        default: nil
        }
    }

    private var fieldDescription: String? {
        switch self {
        case .badFieldName: "a field name is not a token"
        case .spaceBeforeColon: "white space stands before the colon of a field"
        case .obsoleteFolding: "a field is folded over two lines"
        case .missingHost: "the `Host` field is missing"
        case .duplicateHost: "there is more than one `Host` field"
        case .badHost: "`Host` is not a host with an optional port"
        case .hostDisagrees: "the request target names another host than `Host`"
        case .connectionOption(let name): "`Connection` names `\(name)`, which is no hop-by-hop field"
        case .protectedAlias(let name): "the field `\(name)` may be read as another, protected one"
        case .overrideField(let name): "the field `\(name)` would override the method or the target"
        default: nil
        }
    }

    private var framingDescription: String {
        switch self {
        case .transferEncodingWithContentLength: "there are both `Transfer-Encoding` and `Content-Length`"
        case .unsupportedTransferEncoding: "`Transfer-Encoding` is not exactly `chunked`, once"
        case .transferEncodingInHTTP10: "`Transfer-Encoding` stands in an HTTP/1.0 message"
        case .badContentLength: "`Content-Length` is not one number of at most 15 digits"
        case .badChunk: "the chunked body is malformed"
        case .chunkLineTooLong: "a chunk size line is too long"
        case .trailersTooLarge: "the trailers are too large"
        case .unexpectedUpgrade: "the protocol was switched, which nobody asked for"
        case .tooManyInformational: "there are too many informational responses"
        case .unsolicitedResponse: "bytes came that answer no request"
        case .closedBeforeResponse: "the connection was closed before the response"
        default: preconditionFailure("every reason has a description")
        }
    }
}
