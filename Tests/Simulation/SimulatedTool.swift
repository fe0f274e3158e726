import Primitives
import TestKit

/// The tool's end of one connection: reads one request as a naive server would, and answers, or dies, or dawdles.
final class ToolSession {
    private unowned let world: World
    weak var proxySide: SimulatedUpstream?
    private let toProxy: Lane
    private var bytes: [UInt8] = []
    private var isOver = false
    /// Set by the observer when the first byte leaves the proxy.
    var attempt: Int?

    init(_ world: World) {
        self.world = world
        toProxy = Lane(world.scheduler)
    }

    func received(_ more: [UInt8]) {
        guard !isOver else { return }
        bytes += more
        guard let message = PlainMessage(bytes), message.isWhole else { return }
        isOver = true
        world.observer.toolReceived(message)
        act(message)
    }

    func proxyLeft() {
        guard !isOver else { return }
        isOver = true
        world.tell("tool", "attempt \(attempt ?? 0) broke off")
    }

    private func act(_ message: PlainMessage) {
        let kind = world.isCalm ? 99 : Int.random(in: 0..<100, using: &world.random)
        switch kind {
        case 0..<6: close(after: world.networkDelay)
        case 6..<10: answer("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
        case 10..<13:
            send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", after: world.networkDelay)
            close(after: world.networkDelay)
        case 13..<15: send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", after: .seconds(8))
        case 15..<17: send("nonsense\r\n\r\n", after: world.networkDelay)
        case 17..<19: break
        default: answer("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
        }
        world.tell("tool", "received attempt \(attempt ?? 0): \(message.firstLine) (\(kind))")
    }

    private func answer(_ text: String) {
        let wait = world.networkDelay + (world.isCalm ? .zero : world.microseconds(0...2_000_000))
        send(text, after: wait)
    }

    private func send(_ text: String, after wait: Duration) {
        let bytes = Array(text.utf8)
        toProxy.deliver(after: wait) { [self] in proxySide?.received(bytes) }
    }

    private func close(after wait: Duration) {
        toProxy.deliver(after: wait) { [self] in proxySide?.receivedEnd() }
    }
}
