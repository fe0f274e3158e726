internal import Crypto
internal import Synchronization

/// Unguessable numbers for ids, drawn from OpenSSL's generator many at a time: a call needs several, and a system call
/// for each would show.
final class RandomPool: RandomNumberGenerator, Sendable {
    private static let numbersPerFill = 512

    private let numbers = Mutex<[UInt64]>([])

    func next() -> UInt64 {
        numbers.withLock { numbers in
            if numbers.isEmpty { numbers = Self.fresh() }
            return numbers.removeLast()
        }
    }

    private static func fresh() -> [UInt64] {
        let bytes = RandomBytes.bytes(numbersPerFill * 8)
        return (0..<numbersPerFill).map { index in
            bytes[(index * 8)..<(index * 8 + 8)].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
