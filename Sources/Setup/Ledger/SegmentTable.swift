public import Ledger
public import Primitives

/// The segments of a ledger as people and pipes see them.
public enum SegmentTable {
    public static func text(_ segments: [SegmentInfo]) -> String {
        let head = ["SEGMENT", "FIRST", "OPENED", "BYTES", "BECAUSE", "STATE"]
        let rows = [head] + segments.map(row)
        let widths = head.indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).dropLast().map { RecordLine.padded($0, $1) }.joined(separator: "  ") + "  "
                + (row.last ?? "")
        }.joined(separator: "\n")
    }

    public static func json(_ segments: [SegmentInfo]) -> JSON {
        .array(
            segments.map { segment in
                .object([
                    "name": .string(segment.name),
                    "firstSeq": .integer(Int64(clamping: segment.firstSequence)),
                    "opened": segment.opened.map { .string($0.rfc3339) } ?? .null,
                    "bytes": .integer(Int64(segment.bytes)),
                    "reason": segment.reason.map { .string($0) } ?? .null,
                    "durability": segment.durability.map { .string($0) } ?? .null,
                    "state": .string(segment.state.rawValue),
                ])
            })
    }

    private static func row(_ segment: SegmentInfo) -> [String] {
        [
            segment.name.string, "\(segment.firstSequence)", segment.opened?.rfc3339 ?? "-",
            "\(segment.bytes)", segment.reason?.string ?? "-", segment.state.rawValue,
        ]
    }
}
