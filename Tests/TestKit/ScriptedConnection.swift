import Primitives
import Reactor

/// One connection of a scripted tool: reads requests, and takes the steps of their answers one after another.
final class ScriptedConnection: ConnectionHandler {
    private static let fillBytes = 16 * 1024
    private static let filler = [UInt8](repeating: 0x78, count: fillBytes)

    private let connection: Connection
    private let memory: UpstreamMemory
    private let number: Int
    private var framer: RequestFramer
    /// Where the current request is remembered; nil before its first byte.
    private var place: Int?
    private var rememberedCount = 0
    private var answer: UpstreamAnswer?
    private var steps: [UpstreamAnswer.Step] = []
    private var isWaiting = false
    private var peerHasEnded = false

    init(_ connection: Connection, _ memory: UpstreamMemory) {
        self.connection = connection
        self.memory = memory
        number = memory.accept()
        framer = RequestFramer(connection: number)
        memory.opened(number, connection.loop, LoopBound(self, on: connection.loop))
        if !memory.reads { connection.pauseReading() }
    }

    func received(_ bytes: RawSpan) {
        var input = bytes.copied[...]
        while !input.isEmpty || answer != nil {
            let event = framer.take(&input)
            remember()
            switch event {
            case .head: headIsWhole()
            case .end: requestIsWhole()
            case nil: return
            }
        }
    }

    private func remember() {
        let request = framer.request
        guard !request.bytes.isEmpty else { return }
        let at = place ?? memory.begin(connection: number)
        place = at
        memory.extend(
            at, by: request.bytes[rememberedCount...], headCount: request.headCount, request.isComplete)
        rememberedCount = request.bytes.count
    }

    private func headIsWhole() {
        let next = memory.nextAnswer()
        answer = next
        if next.beginning == .head { take(next.steps) }
    }

    private func requestIsWhole() {
        if let answer, answer.beginning == .request { take(answer.steps) }
        answer = nil
        place = nil
        rememberedCount = 0
        framer.begin()
    }

    private func take(_ more: [UpstreamAnswer.Step]) {
        steps += more
        proceed()
    }

    private func proceed() {
        while !isWaiting, !steps.isEmpty { perform(steps.removeFirst()) }
        // A client that has ended gets what is still to be said, then the end.
        if peerHasEnded, !isWaiting { connection.close() }
    }

    func perform(_ step: UpstreamAnswer.Step) {
        switch step {
        case .write(let bytes): connection.write(bytes)
        case .fill(let count): fill(count)
        case .wait(let gate): wait(for: gate)
        case .close: connection.close()
        case .reset: connection.abort()
        case .stopReading: connection.pauseReading()
        case .startReading: connection.resumeReading()
        }
    }

    private func fill(_ count: Int) {
        var rest = count
        while rest > 0 {
            guard connection.isWritable else {
                // `writabilityChanged` goes on with the rest.
                steps.insert(.fill(rest), at: 0)
                isWaiting = true
                return
            }
            let piece = min(rest, Self.fillBytes)
            connection.write(Array(Self.filler.prefix(piece)))
            connection.flush()
            memory.addFilled(piece)
            rest -= piece
        }
    }

    private func wait(for gate: Gate) {
        isWaiting = true
        let bound = LoopBound(self, on: connection.loop)
        let loop = connection.loop
        gate.whenOpen {
            loop.execute { bound.value.resume() }
        }
    }

    private func resume() {
        isWaiting = false
        proceed()
    }

    func writabilityChanged(_ isWritable: Bool) {
        if isWritable, case .fill = steps.first { resume() }
    }

    func receivedEnd() {
        peerHasEnded = true
        proceed()
    }

    func closed(_ error: ConnectionError?) {
        steps = []
        memory.closed(number)
    }
}
