/// Received bytes that are not read yet.
///
/// Positions are counted from the first of them.
///
/// An empty buffer holds no memory, and a buffer that is handed out whole is not copied.
struct InputBuffer: Sendable {
    private static let compactionBytesMin = 16 * 1024
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { start == bytes.count }

    subscript(_ position: Int) -> UInt8 { bytes[start + position] }

    mutating func append(_ more: [UInt8]) {
        if isEmpty {
            bytes = more
            start = 0
            return
        }
        // At least half is moved away each time, so that every byte is moved once on average.
        if start >= Self.compactionBytesMin, start >= bytes.count / 2 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    func firstIndex(of byte: UInt8, from position: Int) -> Int? {
        bytes[(start + position)...].firstIndex(of: byte).map { $0 - start }
    }

    func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
        bytes[(start + range.lowerBound)..<(start + range.upperBound)]
    }

    mutating func drop(_ count: Int) {
        start += count
        guard isEmpty else { return }
        bytes = []
        start = 0
    }

    mutating func take(_ count: Int) -> [UInt8] {
        let taken = start == 0 && count == bytes.count ? bytes : Array(slice(0..<count))
        drop(count)
        return taken
    }

    mutating func removeAll() {
        bytes = []
        start = 0
    }
}

/// Looks for the end of a line without looking at any byte twice.
struct LineScanner: Sendable {
    private(set) var scanned = 0

    /// The position of the CR of the CR LF that ends the line which begins at `start`; nil while there is
    /// none.
    mutating func lineEnd(in input: InputBuffer, from start: Int) throws(HTTPError) -> Int? {
        guard let lineFeed = input.firstIndex(of: Byte.lineFeed, from: scanned) else {
            scanned = input.count
            return nil
        }
        guard lineFeed > start, input[lineFeed - 1] == Byte.carriageReturn else { throw .bareLineFeed }
        scanned = lineFeed + 1
        return lineFeed - 1
    }
}
