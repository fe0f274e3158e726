"""Segments come and go: which may be moved away, which are missed, and what refusals may add."""

import json
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from support.client import read_answers
from support.proxy import SKEW, run

CHAIN = pathlib.Path(__file__).parent / "support" / "chain.py"
# Seconds; a claim lives for three.
LIFETIME = 1
WINDOW = LIFETIME + 2 * SKEW


def short_lived(proxy):
    proxy.tool_settings["tokens"]["maxLifetime"] = f"{LIFETIME}s"


def long_lived(proxy):
    proxy.tool_settings["tokens"]["maxLifetime"] = "60s"


def intact(proxy):
    done = run("ledger", "verify", proxy.ledger_directory)
    assert done.returncode == 0, done
    done = subprocess.run([sys.executable, CHAIN, proxy.ledger_directory], capture_output=True, text=True)
    assert done.returncode == 0, done


def call(proxy, path, **options):
    return proxy.call("GET", path, **({"lifetime": LIFETIME} | options))


def move_away(proxy, segments):
    elsewhere = proxy.directory / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for segment in segments:
        shutil.move(segment, elsewhere)


def prove(proxy):
    """One run outlasts every claim it could have had, and records something then."""
    time.sleep(WINDOW + 0.3)
    assert call(proxy, "/open/proof").status == 200
    return proxy


def test_segments_older_than_every_claim_may_be_moved_away(make_proxy):
    proxy = prove(make_proxy(change=short_lived))
    assert proxy.stop() == 0
    proxy.start(known=True)
    assert call(proxy, "/open/second-run").status == 200
    proxy.kill()
    # A start that finds no live claim needs nothing before itself.
    time.sleep(WINDOW + 0.3)
    proxy.start(known=True)
    spent, unused = (proxy.token("GET", "/open/kept", lifetime=LIFETIME) for _ in range(2))
    assert proxy.call("GET", "/open/kept", token=spent).status == 200
    proxy.kill()
    records = len(proxy.ledger.lines())
    move_away(proxy, proxy.ledger.segments[:-1])
    proxy.start(known=True)
    assert proxy.call("GET", "/open/kept", token=unused).status == 200, proxy.log
    assert proxy.call("GET", "/open/kept", token=spent).status == 401
    assert len(proxy.tool.seen("/open/kept")) == 2
    assert not [line for line in proxy.log if "continuity-unproven" in line]
    assert proxy.stop() == 0
    intact(proxy)
    assert len(proxy.ledger.lines()) < records
    # Brought back, they are one ledger again.
    for segment in (proxy.directory / "elsewhere").iterdir():
        shutil.move(segment, proxy.ledger_directory)
    intact(proxy)
    assert len(proxy.ledger.lines()) > records and json.loads(proxy.ledger.lines()[0])["seq"] == 1


def test_without_a_segment_that_is_needed_tokens_from_before_the_start_are_refused(make_proxy):
    """A live claim is in a segment before the last; its absence is seen, and nothing is taken for unspent."""
    proxy = prove(make_proxy(change=short_lived))
    spent, unused = (proxy.token("GET", "/open/needed", lifetime=LIFETIME) for _ in range(2))
    assert proxy.call("GET", "/open/needed", token=spent).status == 200
    proxy.kill()
    proxy.start(known=True)
    proxy.kill()
    move_away(proxy, proxy.ledger.segments[:-1])
    proxy.start()
    for token in (spent, unused):
        assert proxy.call("GET", "/open/needed", token=token).status == 401
    assert len(proxy.tool.seen("/open/needed")) == 1
    proxy.wait_for_log("continuity-unproven")
    assert call(proxy, "/open/fresh").status == 200
    assert proxy.stop() == 0
    intact(proxy)


def test_an_open_approval_outlives_the_segment_that_asked_for_it(make_proxy):
    proxy = make_proxy()
    held = proxy.hold("/held/kept")
    alice = proxy.approver()
    approval = alice.wait_for("/held/kept")
    proxy.kill()
    with pytest.raises(OSError):
        held.result(30)
    for _ in range(2):
        proxy.start()
        proxy.kill()
    move_away(proxy, proxy.ledger.segments[:-1])
    proxy.start()
    alice = proxy.approver()
    assert [each["id"] for each in alice.pending()] == [approval["id"]]
    again = proxy.hold("/held/kept")
    deadline = time.monotonic() + 20
    while not alice.get("/" + approval["id"]).json()["attached"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert alice.review(approval).status_code == 201
    assert again.result(30).status == 200 and len(proxy.tool.seen("/held/kept")) == 1
    assert proxy.stop() == 0
    intact(proxy)


def wait_for_line(proxy, text, seconds=20):
    """The process has ended; its last words may still be on their way."""
    deadline = time.monotonic() + seconds
    while not any(text in line for line in proxy.log):
        assert time.monotonic() < deadline, proxy.log
        time.sleep(0.02)


def lose_the_newest_segment(segments):
    segments[-1].unlink()


def lose_the_last_line(segments):
    lines = segments[-1].read_bytes().partition(b"\0")[0].split(b"\n")[:-1]
    segments[-1].write_bytes(b"\n".join(lines[:-1]) + b"\n")


def lose_the_calls(segments):
    lines = segments[-1].read_bytes().partition(b"\0")[0].split(b"\n")[:-1]
    kept = next(index for index, line in enumerate(lines) if b'"event":"decision"' in line)
    segments[-1].write_bytes(b"\n".join(lines[:kept]) + b"\n")


LOSSES = [lose_the_newest_segment, lose_the_last_line, lose_the_calls]


@pytest.mark.parametrize("lose", LOSSES, ids=lambda function: function.__name__)
def test_a_ledger_that_lost_its_end_does_not_start(make_proxy, lose):
    """The chain alone cannot tell; the checkpoint that was signed at the end can."""
    proxy = make_proxy(change=long_lived)
    proxy.stop()
    proxy.start()
    token = proxy.token("GET", "/open/lost", lifetime=59)
    assert proxy.call("GET", "/open/lost", token=token).status == 200
    assert proxy.stop() == 0
    whole = proxy.directory / "whole"
    shutil.copytree(proxy.ledger_directory, whole)
    lose(proxy.ledger.segments)
    before = {each.name: each.read_bytes() for each in proxy.ledger.segments}
    proxy.start(ready=False)
    try:
        assert proxy.process.wait(20) > 0
    finally:
        proxy.kill()
    wait_for_line(proxy, "checkpoint")
    assert {each.name: each.read_bytes() for each in proxy.ledger.segments} == before, "nothing was changed"
    shutil.rmtree(proxy.ledger_directory)
    shutil.copytree(whole, proxy.ledger_directory)
    proxy.start(known=True)
    assert proxy.call("GET", "/open/lost", token=token).status == 401
    assert proxy.stop() == 0


def test_refusals_without_end_add_little_to_the_ledger(make_proxy):
    """One agent, 20,000 bad tokens: a few lines and counts, and the counts add up."""
    # A batch and its answers fit into the sockets' buffers.
    proxy, wanted, batch = make_proxy(), 20_000, 50
    assert proxy.call("GET", "/open/before").status == 200
    before = sum(len(line) for line in proxy.ledger.lines())
    astray = proxy.token("GET", "/open/flood", aud="spiffe://example.org/tool/other")
    kinds = ["nonsense", proxy.token("GET", "/open/elsewhere"), astray]
    requests = [
        f"GET /open/flood HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {kind}\r\n\r\n".encode()
        for kind in kinds
    ]
    statuses = set()

    def flood(share):
        with proxy.caller().connect() as sock:
            for _ in range(share // batch):
                sock.sendall(b"".join(requests[n % 3] for n in range(batch)))
                answers = read_answers(sock, batch)
                assert len(answers) == batch
                statuses.update(answer.status for answer in answers)

    for future in [proxy.later(flood, wanted // 4) for _ in range(4)]:
        future.result(100)
    assert statuses == {401, 403}
    during = sum(len(line) for line in proxy.ledger.lines()) - before
    assert proxy.call("GET", "/open/after").status == 200
    assert proxy.stop() == 0
    refused = proxy.ledger.records("refused")
    print(f"{wanted} refusals: {during} bytes while they came, {len(refused)} records in the end")
    assert sum(each.get("count") or 1 for each in refused) == wanted
    assert during < 64 << 10 and len(refused) < 60
    intact(proxy)
