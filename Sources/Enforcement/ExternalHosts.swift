public import Primitives
internal import Synchronization

/// The names a listener answers to; any other `Host` is misdirected (421).
///
/// A name without a port stands for itself and for itself with the listener's port, which is known once it is bound.
public final class ExternalHosts: Sendable {
    private let names: Set<Text>
    private let port = Atomic<Int>(0)

    /// Canonical authorities: lower case, with or without a port.
    public init(_ names: Set<Text>) { self.names = names }

    public func bound(to port: Int) { self.port.store(port, ordering: .releasing) }

    public func contains(_ host: Text) -> Bool {
        if names.contains(host) { return true }
        let suffix = Text(":\(port.load(ordering: .acquiring))")
        return host.hasSuffix(suffix) && names.contains(host.dropLast(suffix.count))
    }
}
