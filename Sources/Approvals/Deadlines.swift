internal import Primitives

/// A heap of moments at which something ends.
///
/// An entry may outlive its reason: whoever takes it out looks again.
struct Deadlines: Sendable {
    struct Entry: Sendable, Equatable {
        let moment: Timestamp
        let id: CallID

        /// Earlier first; at one moment, the older approval first.
        func precedes(_ other: Entry) -> Bool {
            (moment, id.high, id.low) < (other.moment, other.id.high, other.id.low)
        }
    }

    private var heap: [Entry] = []

    var count: Int { heap.count }
    var first: Entry? { heap.first }

    mutating func insert(_ id: CallID, at moment: Timestamp) {
        var index = heap.count
        heap.append(Entry(moment: moment, id: id))
        while index > 0, heap[index].precedes(heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        sink()
    }

    private mutating func sink() {
        var index = 0
        while true {
            let children = [2 * index + 1, 2 * index + 2].filter { $0 < heap.count }
            guard let child = children.min(by: { heap[$0].precedes(heap[$1]) }),
                heap[child].precedes(heap[index])
            else { return }
            heap.swapAt(child, index)
            index = child
        }
    }
}
