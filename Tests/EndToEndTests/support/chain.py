"""Follows the chain of a ledger with nothing but SHA-256: `python chain.py DIRECTORY`."""

import hashlib, json, pathlib, sys

head, digests = None, {}
for segment in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")):
    for line in segment.read_bytes().partition(b"\0")[0].split(b"\n")[:-1]:
        record = json.loads(line)
        number = record["seq"]
        if record["event"] == "segment" and record["abandons_previous"]:
            head = number - 1  # what the segment before holds beyond was never acknowledged
        if head is not None and (number != head + 1 or record["prev"] != digests[head]):
            sys.exit(f"{segment.name}: record {number} does not follow")
        head, digests[number] = number, hashlib.sha256(line).hexdigest()
print(head, digests.get(head))
