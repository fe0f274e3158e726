"""The ledger as anybody can read it: JSON Lines, and each line names the SHA-256 of the one before."""

import hashlib
import json
import pathlib
import time


class Ledger:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    @property
    def segments(self):
        return sorted(self.directory.glob("*.jsonl"))

    def lines(self):
        """Raw lines without newlines, up to the zeros written ahead and the last whole line.

        What an abandoned segment holds beyond the record that the next one names is no part of the ledger.
        """
        found = []
        for segment in self.segments:
            whole, _, _ = segment.read_bytes().partition(b"\0")
            lines = whole.split(b"\n")[:-1]
            if found and lines and b'"abandons_previous":true' in lines[0]:
                del found[json.loads(lines[0])["seq"] - json.loads(found[0])["seq"] :]
            found += lines
        return found

    def records(self, event=None, **wanted):
        found = [json.loads(line) for line in self.lines()]
        return [
            record
            for record in found
            if (event is None or record["event"] == event)
            and all(record.get(name) == value for name, value in wanted.items())
        ]

    def wait_for(self, event, count=1, seconds=20, **wanted):
        deadline = time.monotonic() + seconds
        while len(found := self.records(event, **wanted)) < count:
            assert time.monotonic() < deadline, (
                f"{len(found)} `{event}` records with {wanted}, {count} were wanted"
            )
            time.sleep(0.02)
        return found

    def follow(self):
        """Checks the chain from the first line to the last."""
        previous = "0" * 64
        for number, line in enumerate(self.lines(), 1):
            record = json.loads(line)
            assert record["prev"] == previous and record["seq"] == number, f"line {number}: {line[:200]}"
            previous = hashlib.sha256(line).hexdigest()
        return previous
