/// What a connection tells its owner.
///
/// Every method is called on the connection's loop and never from inside a call into this or another
/// `Connection`: what such a call brings about is told afterwards, in order.
public protocol ConnectionHandler: AnyObject {
    /// Bytes as they came. Copy what is kept. Not called while reading is paused or after `close()` or
    /// `abort()`.
    func received(_ bytes: RawSpan)
    /// The peer sends nothing more: after its last bytes, at most once. It may still read; the connection
    /// stays open until `closeOutput()` or `close()`.
    func receivedEnd()
    /// The peer's end has been seen while reading is paused: `receivedEnd` follows when it is resumed. A peer
    /// that has gone looks like this. Does nothing by default.
    func peerHasEnded()
    /// Output has passed `Connection.outputHighBytes`, or has drained below `Connection.outputLowBytes`. The
    /// calls alternate, beginning with false.
    func writabilityChanged(_ isWritable: Bool)
    /// The last call, exactly once. No error: both sides ended in order, or after this side's `close()`.
    func closed(_ error: ConnectionError?)
}

extension ConnectionHandler {
    public func peerHasEnded() {}
}

/// Why a connection ended out of order.
///
/// What was received may be cut short.
public enum ConnectionError: Error, Hashable {
    /// The peer reset it.
    case reset
    /// The peer's host no longer answers.
    case timedOut
    /// This side gave it up: `abort()`, or the peer did not take the last output in time.
    case aborted
    /// A write failed, or the loops were shut down.
    case broken
    case system(Errno)
}

extension ConnectionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .reset: "the peer reset the connection"
        case .timedOut: "the peer no longer answers"
        case .aborted: "the connection was given up"
        case .broken: "the connection broke"
        case .system(let error): "the connection failed: \(error)"
        }
    }
}
