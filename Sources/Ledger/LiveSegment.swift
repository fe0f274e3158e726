internal import Primitives

/// The segment that is being written.
struct LiveSegment {
    let name: Text
    /// Of records; the next one goes here.
    private(set) var size = 0
    /// Up to here zeros have been written.
    private(set) var zeroedTo = 0
    var openingBytes = 0

    init(name: Text) { self.name = name }

    var recordBytes: Int { size - openingBytes }

    /// The bytes to write at `size`, with new zeros behind them where the old ones do not reach, and where
    /// those end.
    func padded(_ bytes: [UInt8], ahead: Int) -> (bytes: [UInt8], zeroedTo: Int) {
        let end = size + bytes.count
        guard ahead > 0, end > zeroedTo else { return (bytes, zeroedTo) }
        return (bytes + [UInt8](repeating: 0, count: ahead), end + ahead)
    }

    mutating func wrote(_ count: Int, zeroedTo: Int) {
        size += count
        self.zeroedTo = zeroedTo
    }
}
