/// The bounds of everything the engines read and keep.
public struct HTTPLimits: Sendable, Hashable {
    /// Start line, fields and the empty line, in bytes: more is 431.
    public var headBytesMax = 64 * 1024

    /// Fields in a head, and fields among trailers: more is 431.
    public var fieldsMax = 100

    /// The request target, in bytes: more is 414.
    public var targetBytesMax = 8 * 1024

    /// The method, in bytes: more is 400.
    public var methodBytesMax = 32

    /// A chunk's size and extensions, in bytes, without CR LF.
    public var chunkLineBytesMax = 256

    /// All trailers of one message, in bytes: more is 431.
    public var trailerBytesMax = 8 * 1024

    /// Received bytes that nobody has asked for yet: from here on `wantsInput` is false.
    public var bufferedBytesMax = 128 * 1024

    /// What is read and dropped of a request body after its response is out, in bytes; more closes the
    /// connection.
    public var discardedBytesMax = 64 * 1024

    /// Informational (1xx) responses to one request.
    public var informationalMax = 16

    public init() {}
}
