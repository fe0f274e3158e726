internal import Glibc
internal import NIOCore
internal import NIOPosix
public import Primitives

/// Why a socket could not be opened, or the process not be prepared.
public enum ReactorError: Error, Hashable {
    /// Not `host:port`, `[ipv6]:port` or `unix:///path`.
    case badAddress(Text)
    case addressInUse(Text)
    case permissionDenied(Text)
    /// The name has no address, or its name server gave none.
    case unresolved(Text)
    case refused(Text)
    case unreachable(Text)
    case timedOut(Text)
    /// The event loops have been shut down.
    case shutDown
    case system(Text, Errno)
}

extension ReactorError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badAddress(let address):
            "`\(address)` is no address; write `host:port`, `[ipv6]:port` or `unix:///path`"
        case .addressInUse(let address): "`\(address)` is in use"
        case .permissionDenied(let address): "`\(address)`: permission denied"
        case .unresolved(let name): "`\(name)` has no address"
        case .refused(let address): "`\(address)` refused the connection"
        case .unreachable(let address): "`\(address)` cannot be reached"
        case .timedOut(let address): "`\(address)` did not answer in time"
        case .shutDown: "the event loops are shut down"
        case .system(let what, let error): "\(what): \(error)"
        }
    }
}

extension ReactorError {
    /// What the kernel said about `address`.
    init(_ error: Errno, about address: Text) {
        switch error.code {
        case EADDRINUSE: self = .addressInUse(address)
        case EACCES, EPERM: self = .permissionDenied(address)
        case ECONNREFUSED: self = .refused(address)
        case ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENETDOWN: self = .unreachable(address)
        case ETIMEDOUT: self = .timedOut(address)
        default: self = .system("`" + address + "`", error)
        }
    }

    /// What SwiftNIO said about `address`.
    init(_ error: any Error, about address: Text) {
        switch error {
        case let error as ReactorError: self = error
        case let error as IOError: self.init(Errno(code: error.errnoCode), about: address)
        case let error as NIOConnectionError:
            guard let last = error.connectionErrors.last else {
                self = .unresolved(address)
                return
            }
            self.init(last.error, about: address)
        case ChannelError.connectTimeout: self = .timedOut(address)
        case is SocketAddressError.UnknownHost: self = .unresolved(address)
        case is SocketAddressError: self = .badAddress(address)
        case EventLoopError.shutdown, EventLoopError.cancelled: self = .shutDown
        default: self = .system("`" + address + "`", Errno(code: ECONNABORTED))
        }
    }
}
