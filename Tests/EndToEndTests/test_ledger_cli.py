"""`sallyport ledger`: what an operator and an auditor see of a ledger, beside a running proxy and after it."""

import collections
import hashlib
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support import checkpoint, settings
from support.ledger import Ledger
from support.proxy import Proxy, binary, run
from support.tool import Tool

ORIGIN = "example.org/tool/orders-db"


def ledger(verb, *arguments, **options):
    return run("ledger", verb, *arguments, **options)


@pytest.fixture(scope="module")
def story(realm, tmp_path_factory):
    """The stopped proxy of two agents' day: allowed, denied, held, refused."""
    tool = Tool()
    proxy = Proxy(realm, tmp_path_factory.mktemp("story"), tool).start()
    try:
        for i in range(4):
            assert proxy.call("GET", f"/open/{i}").status == 200
        assert proxy.call("POST", "/open/second", credential=realm.second).status == 200
        assert proxy.call("GET", "/open/forbidden").status == 403
        assert proxy.tool_call("query_orders", {"note": "x"}).status == 200
        for decision, status in (("approve", 200), ("deny", 403)):
            call = proxy.hold(f"/held/{decision}")
            alice = proxy.approver("alice-1")
            assert alice.review(alice.wait_for(f"/held/{decision}"), decision).status_code == 201
            assert call.result(30).status == status
        assert proxy.caller().call("GET", "/open/none").status == 401
        assert proxy.stop() == 0
        yield proxy
    finally:
        proxy.close()
        tool.close()


@pytest.fixture
def copy(story, tmp_path):
    return Ledger(shutil.copytree(story.ledger.directory, tmp_path / "copy"))


def shown(directory, *options):
    """The records that `show` lets through, from the lines that it leaves unchanged."""
    done = ledger("show", directory, "--json", *options)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def events(records):
    return collections.Counter(record["event"] for record in records)


# show


def test_json_is_the_ledgers_own_lines(story):
    done = ledger("show", story.ledger.directory, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.encode() == b"".join(line + b"\n" for line in story.ledger.lines())


def test_every_record_is_one_line_of_text(story):
    done = ledger("show", story.ledger.directory)
    lines = done.stdout.splitlines()
    assert len(lines) == len(story.ledger.lines()) and "\x1b" not in done.stdout
    for line, record in zip(lines, story.ledger.records()):
        assert line.split()[:3] == [record["time"], str(record["seq"]), record["event"]]
    assert any(" allow " in line and f"{settings.AGENT} GET /open/0 rule=agents-may-call" in line for line in lines)
    assert any(" completed status=200 duration=" in line for line in lines)


def test_an_agents_calls_are_shown_with_what_became_of_them(story):
    found = shown(story.ledger.directory, "--agent", settings.SECOND_AGENT)
    assert events(found) == {"decision": 1, "effect": 1}
    assert found[0]["resource"] == "/open/second" and found[1]["call"] == found[0]["call"]
    assert events(shown(story.ledger.directory, "--agent", "*/second-*")) == events(found)


def test_a_tools_calls(story):
    assert events(shown(story.ledger.directory, "--tool", "query_orders")) == {"decision": 1, "effect": 1}
    assert events(shown(story.ledger.directory, "--tool", "/open/*"))["decision"] == 6


@pytest.mark.parametrize("decision, count", [("allow", 6), ("deny", 1), ("hold", 2)])
def test_calls_by_decision(story, decision, count):
    found = shown(story.ledger.directory, "--decision", decision)
    assert events(found)["decision"] == count
    expected = {"allow": {"effect": 6}, "deny": {}, "hold": {"approval.requested": 2, "approval.reviewed": 2}}
    assert expected[decision].items() <= events(found).items()
    assert ("release" in events(found)) == (decision == "hold")


def test_one_call_and_one_approval(story):
    release = story.ledger.records("release")[0]
    by_call = shown(story.ledger.directory, "--call", release["call"])
    assert set(events(by_call)) == {
        *("decision", "approval.requested", "approval.reviewed", "approval.decided", "release", "effect")
    }
    assert shown(story.ledger.directory, "--approval", release["approval"]) == by_call


def test_events_times_and_limits(story):
    records = story.ledger.records()
    assert shown(story.ledger.directory, "--event", "refused") == story.ledger.records("refused")
    middle = records[len(records) // 2]["time"]
    after = shown(story.ledger.directory, "--since", middle)
    before = shown(story.ledger.directory, "--until", middle)
    assert after == [record for record in records if record["time"] >= middle]
    assert before == [record for record in records if record["time"] <= middle]
    assert shown(story.ledger.directory, "--since", "1h") == records
    assert shown(story.ledger.directory, "--limit", "3") == records[:3]


def test_nothing_found_is_said_and_no_fault(story):
    done = ledger("show", story.ledger.directory, "--agent", "spiffe://example.org/nobody")
    assert (done.returncode, done.stdout) == (0, "") and "no record fits" in done.stderr


USAGE = [
    (["--decision", "alow"], "did you mean `allow`?"),
    (["--event", "decisions"], "did you mean `decision`?"),
    (["--agent", "sales-bot"], "`*sales-bot`"),
    (["--call", "123"], "as in `01M7Y54ETZJYB6TAQDW6PPJ8KH`"),
    (["--since", "yesterday"], "write `15m`"),
    (["--since", "2026-11-21", "--until", "2026-11-20"], "no record is both"),
    (["--limit", "0"], "write 1 or more"),
]


@pytest.mark.parametrize("options, complaint", USAGE, ids=lambda value: "".join(value)[:20])
def test_a_filter_that_is_none_says_what_would_be_right(story, options, complaint):
    done = ledger("show", story.ledger.directory, *options)
    assert (done.returncode, done.stdout) == (2, "") and complaint in done.stderr


def test_what_an_agent_wrote_does_not_reach_the_terminal_raw(copy):
    lines = copy.lines()
    hostile = "\x1b[2J\u202e\x9b31m\r\nforged line"
    record = json.loads(next(line for line in lines if b'"agent"' in line))
    lines.append(json.dumps(record | {"resource": hostile}, ensure_ascii=False).encode())
    copy.segments[-1].write_bytes(b"\n".join(lines) + b"\n")
    done = ledger("show", copy.directory)
    assert len(done.stdout.splitlines()) == len(lines)
    assert r'"\u{1B}[2J\u{202E}\u{9B}31m\r\nforged line"' in done.stdout
    assert not set(done.stdout) & set("\x1b\u202e\x9b\r")


def test_a_broken_line_is_named_and_the_rest_is_shown(copy):
    lines = copy.lines()
    lines[3] = b'{"v":1,\x1b'
    copy.segments[0].write_bytes(b"\n".join(lines) + b"\n")
    done = ledger("show", copy.directory)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == len(lines) - 1
    assert f"`{copy.segments[0].name}`:4: no record" in done.stderr and "\x1b" not in done.stderr


def on_terminal(*arguments, **environment):
    """What a command writes when a person looks at it."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [binary(), "ledger", *map(str, arguments)],
        stdout=secondary,
        stderr=secondary,
        env=os.environ | {"TERM": "xterm"} | environment,
    )
    os.close(secondary)
    output = b""
    while True:
        try:
            piece = os.read(primary, 65536)
        except OSError:  # what Linux says when the last writer has gone
            piece = b""
        if not piece:
            break
        output += piece
    os.close(primary)
    return process.wait(20), output.decode()


def test_colour_is_for_terminals_that_want_it(story):
    directory = story.ledger.directory
    status, text = on_terminal("show", directory)
    assert status == 0 and "\x1b[32mallow" in text and "\x1b[31mdeny" in text and "\x1b[33mhold" in text
    assert "\x1b" not in on_terminal("show", directory, NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal("show", directory, "--json")[1]
    assert "\x1b" not in on_terminal("show", directory, TERM="dumb")[1]


def test_a_reader_that_has_enough_is_no_fault(story, tmp_path):
    generate(tmp_path / "large", story.ledger.lines()[0], 2)
    done = subprocess.run(
        f"'{binary()}' ledger show '{tmp_path / 'large'}' | head -n 1; echo ${{PIPESTATUS[0]}}",
        **{"shell": True, "executable": "/bin/bash", "capture_output": True, "text": True, "timeout": 60},
    )
    assert done.stdout.splitlines()[1:] == ["0"] and done.stderr == ""


def test_a_full_disk_under_the_output_is_a_fault(story):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary(), "ledger", "show", story.ledger.directory], stdout=full, timeout=60)
    assert done.returncode == 2


@pytest.mark.parametrize("verb", ["verify", "segments"])
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_an_answer_that_cannot_be_written_is_a_fault(story, verb, options):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [binary(), "ledger", verb, story.ledger.directory, *options],
            **{"stdout": full, "stderr": subprocess.PIPE, "text": True, "timeout": 60},
        )
    assert done.returncode == 2 and "ENOSPC" in done.stderr


@pytest.mark.parametrize("verb", ["show", "tail"])
def test_a_slow_reader_behind_a_non_blocking_pipe_gets_everything(story, tmp_path, verb):
    count = generate(tmp_path / "large", story.ledger.lines()[0], 1)
    options = ["-n", "10000"] if verb == "tail" else []
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    process = subprocess.Popen(
        [binary(), "ledger", verb, tmp_path / "large", "--json", *options],
        **{"stdout": writer, "stderr": subprocess.PIPE},
    )
    os.close(writer)
    with open(reader, "rb") as output:
        # The first write is larger than the pipe: what is left of it meets EAGAIN.
        assert select.select([output], [], [], 60)[0]
        text = b""
        while piece := os.read(output.fileno(), 4096):
            text += piece
    complaint = process.communicate(timeout=60)[1]
    assert (process.returncode, complaint) == (0, b"")
    assert text.count(b"\n") == count and text == (tmp_path / "large" / f"{1:020}.jsonl").read_bytes()


# tail


def test_tail_shows_the_last_that_fit(story):
    records = story.ledger.records()
    done = ledger("tail", story.ledger.directory, "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == records[-10:]
    done = ledger("tail", story.ledger.directory, "-n", "2", "--event", "effect", "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == story.ledger.records("effect")[-2:]
    assert ledger("tail", story.ledger.directory, "-n", "-1").returncode == 2
    assert ledger("tail", story.ledger.directory, "-f", "--until", "2026-01-01").returncode == 2
    assert ledger("tail", story.ledger.directory / "nowhere").returncode == 2


class Tail:
    """`tail -f` in the background."""

    def __init__(self, directory, *options):
        command = [binary(), "ledger", "tail", "-f", "--json", str(directory), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.buffer = b""

    def wait_for(self, seconds=20, **wanted):
        """The next record with these members, past all others."""
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" not in self.buffer:
                left = deadline - time.monotonic()
                assert left > 0 and select.select([self.process.stdout], [], [], left)[0], f"no {wanted}"
                piece = os.read(self.process.stdout.fileno(), 65536)
                assert piece, self.process.communicate(timeout=10)
                self.buffer += piece
            line, _, self.buffer = self.buffer.partition(b"\n")
            record = json.loads(line)
            if all(record.get(name) == value for name, value in wanted.items()):
                return record

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def follow():
    tails = []

    def start(directory, *options):
        tails.append(Tail(directory, *options))
        return tails[-1]

    yield start
    for tail in tails:
        tail.close()


def test_following_shows_each_new_record_over_restarts_and_crashes(make_proxy, follow):
    proxy = make_proxy()
    tail = follow(proxy.ledger.directory, "-n", "1000")
    seen = [tail.wait_for(event="segment")["seq"]]
    assert proxy.call("GET", "/open/first").status == 200
    assert tail.wait_for(event="decision")["resource"] == "/open/first"
    tail.wait_for(event="effect")
    proxy.process.kill()
    proxy.process.wait(10)
    proxy.start()
    assert tail.wait_for(event="segment")["seq"] > seen[0]
    assert proxy.call("GET", "/open/second").status == 200
    assert tail.wait_for(event="decision")["resource"] == "/open/second"
    proxy.stop()
    tail.wait_for(event="stop")
    assert tail.process.poll() is None, "a stopped proxy may come back"


def test_following_with_a_filter_shows_the_rest_of_a_held_call(make_proxy, follow):
    proxy = make_proxy()
    tail = follow(proxy.ledger.directory, "-n", "0", "--decision", "hold")
    assert proxy.call("GET", "/open/other").status == 200
    call = proxy.hold("/held/followed")
    record = tail.wait_for()
    assert (record["event"], record["resource"]) == ("decision", "/held/followed")
    alice = proxy.approver("alice-1")
    assert alice.review(alice.wait_for("/held/followed"), "approve").status_code == 201
    assert call.result(30).status == 200
    names = []
    while not names or names[-1] != "effect":
        names.append(tail.wait_for()["event"])
    assert set(names) == {"approval.requested", "approval.reviewed", "approval.decided", "release", "effect"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_ends_when_asked_to(story, follow, number):
    tail = follow(story.ledger.directory)
    tail.wait_for(event="stop")
    tail.process.send_signal(number)
    assert tail.process.wait(20) == 0 and tail.process.stderr.read() == b""


def test_following_ends_when_nobody_reads_although_nothing_new_comes(story, follow):
    tail = follow(story.ledger.directory)
    tail.wait_for(event="stop")
    tail.process.stdout.close()
    assert tail.process.wait(20) == 0
    tail.process.stdout = open(os.devnull, "rb")


# verify


@pytest.fixture(scope="module")
def kept(story, tmp_path_factory):
    """A checkpoint of the whole story, and its key, kept elsewhere: made here, by another implementation."""
    directory = tmp_path_factory.mktemp("kept")
    return keep(directory, story.ledger.lines(), Ed25519PrivateKey.generate())


def keep(directory, lines, key, origin=ORIGIN):
    (directory / "note").write_bytes(
        checkpoint.signed(checkpoint.Checkpoint(origin, len(lines), checkpoint.root(lines)), key)
    )
    (directory / "key.pub").write_text(checkpoint.verifier_key(origin, key) + "\n")
    return ["--checkpoint", directory / "note", "--public-key", directory / "key.pub"]


def report(directory, *options):
    done = ledger("verify", directory, "--json", *options)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["intact"] else 1), done
    return found


def test_with_a_checkpoint_kept_elsewhere_the_ledger_is_intact(story, kept):
    count = len(story.ledger.lines())
    done = ledger("verify", story.ledger.directory, *kept)
    assert done.returncode == 0 and done.stdout.startswith(f"intact: {count} records in 1 segment\n")
    assert f"of {ORIGIN}: the first {count} records are as it signed them" in done.stdout
    assert "self-consistent" not in done.stdout and done.stderr == "", "progress is for terminals"
    found = report(story.ledger.directory, *kept)
    assert (found["covered"], found["selfConsistentOnly"]) == (count, False)
    assert found["tree"] == {"size": count, "root": checkpoint.root(story.ledger.lines()).hex()}


def test_records_after_the_checkpoint_are_self_consistent_only(story, tmp_path):
    lines = story.ledger.lines()
    options = keep(tmp_path, lines[:-3], Ed25519PrivateKey.generate())
    done = ledger("verify", story.ledger.directory, *options)
    assert done.returncode == 0 and "\nself-consistent only: the last 3 records\n" in done.stdout


def test_the_key_may_be_written_out(story, kept):
    vkey = kept[3].read_text().strip()
    assert ledger("verify", story.ledger.directory, *kept[:2], "--public-key", vkey).returncode == 0


def test_several_checkpoints_are_each_compared(story, tmp_path):
    key, lines = Ed25519PrivateKey.generate(), story.ledger.lines()
    (tmp_path / "old").mkdir()
    old, new = keep(tmp_path / "old", lines[:5], key), keep(tmp_path, lines, key)
    found = report(story.ledger.directory, *old, *new[:2])
    assert [(c["tree"]["size"], c["verdict"]) for c in found["checkpoints"]] == [
        (5, "matches"),
        (len(lines), "matches"),
    ]


def chain(lines, start=0):
    """Makes each line from `start` on name the one before: what a forger who knows the format does."""
    for number in range(max(1, start), len(lines)):
        record = json.loads(lines[number])
        record["prev"] = hashlib.sha256(lines[number - 1]).hexdigest()
        record["seq"] = number + 1
        record["batch"] = min(record["batch"], number + 1)
        lines[number] = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def edit(lines):
    lines[10] = lines[10].replace(b'"instance":"', b'"instance":"x', 1)
    return 11


def edit_the_end(lines):
    lines[-1] = lines[-1].replace(b'"instance":"', b'"instance":"x', 1)


def remove(lines):
    del lines[10]
    return 11


def insert(lines):
    forged = json.loads(lines[10]) | {"seq": 12, "prev": hashlib.sha256(lines[10]).hexdigest()}
    lines.insert(11, json.dumps(forged, separators=(",", ":")).encode())
    return 13


def repeat(lines):
    lines.insert(11, lines[10])
    return 12


def reorder(lines):
    lines[10], lines[11] = lines[11], lines[10]
    return 11


def cut_in_the_middle(lines):
    lines[10] = lines[10][:60]
    return 11


def truncate(lines):
    del lines[-2:]


def fork(lines):
    lines[10] = lines[10].replace(b'"instance":"', b'"instance":"x', 1)
    chain(lines, 11)


def fork_with_a_removal(lines):
    del lines[8:10]
    chain(lines, 8)


def fork_of_everything(lines):
    lines[0] = lines[0].replace(b'"instance":"', b'"instance":"x', 1)
    chain(lines)


# Each change, whether the checkpoint says that records are missing, or others.
TAMPERING = [
    *((change, "unreached") for change in (edit, remove, insert, repeat, reorder, cut_in_the_middle)),
    *((change, "differs") for change in (edit_the_end, fork, fork_of_everything)),
    *((change, "beyond") for change in (truncate, fork_with_a_removal)),
]


@pytest.mark.parametrize("change, verdict", TAMPERING, ids=lambda value: getattr(value, "__name__", value))
def test_tampering_is_found(copy, kept, change, verdict):
    segment, lines = copy.segments[0], copy.lines()
    line = change(lines)
    segment.write_bytes(b"\n".join(lines) + b"\n")
    alone, compared = report(copy.directory), report(copy.directory, *kept)
    assert not compared["intact"] and compared["checkpoints"][0]["verdict"] == verdict
    place = {"segment": segment.name, "line": line}
    if line is None:
        assert alone["intact"] and alone["selfConsistentOnly"], "only a checkpoint can tell"
        assert compared["problem"] and compared["firstBroken"] is None
    else:
        for found in (alone, compared):
            assert not found["intact"] and place.items() <= found["firstBroken"].items()
        assert f"broken at `{segment.name}`:{line}: " in ledger("verify", copy.directory).stdout
    if change is truncate:
        assert f"`{segment.name}`:{len(lines)}" in compared["problem"]


def test_a_checkpoint_that_its_key_did_not_sign_is_no_checkpoint(story, kept, tmp_path):
    foreign = keep(tmp_path, story.ledger.lines(), Ed25519PrivateKey.generate())
    done = ledger("verify", story.ledger.directory, *kept[:2], *foreign[2:])
    assert (done.returncode, done.stdout) == (1, "") and "checkpoint `" in done.stderr
    note = kept[1].read_bytes()
    (tmp_path / "changed").write_bytes(note.replace(b"\n", b"\n1", 1))
    done = ledger("verify", story.ledger.directory, "--checkpoint", tmp_path / "changed", *kept[2:])
    assert (done.returncode, done.stdout) == (1, "") and "does not fit the note" in done.stderr


def test_a_ledger_that_is_gone_is_missed(kept, tmp_path):
    found = report(tmp_path, *kept)
    assert not found["intact"] and found["checkpoints"][0]["verdict"] == "beyond"


def test_a_forged_ledger_that_begins_behind_the_checkpoint_proves_nothing(story, tmp_path):
    lines = story.ledger.lines()
    options = keep(tmp_path, lines, Ed25519PrivateKey.generate())
    first = len(lines) + 2
    opening = json.loads(lines[0])
    opening |= {"seq": first, "batch": first, "prev": "11" * 32, "tree": ["22" * 32] * (first - 1).bit_count()}
    forged = tmp_path / "forged"
    forged.mkdir()
    (forged / f"{first:020}.jsonl").write_bytes(json.dumps(opening, separators=(",", ":")).encode() + b"\n")
    assert report(forged)["intact"], "it fits itself"
    found = report(forged, *options)
    assert not found["intact"] and found["checkpoints"][0]["verdict"] == "tooOld"
    done = ledger("verify", forged, *options)
    assert done.returncode == 1 and done.stdout.startswith("not intact: no checkpoint could be compared: ")
    assert f"covers {len(lines)} records, and the ledger here begins at record {first}; name the archive" in done.stdout


def test_a_checkpoint_of_no_record_proves_nothing(story, kept, tmp_path):
    options = keep(tmp_path, [], Ed25519PrivateKey.generate())
    found = report(story.ledger.directory, *options)
    assert not found["intact"] and "it covers no record" in found["problem"]


def test_half_of_checkpoint_and_key_is_a_usage_error(story, kept, tmp_path):
    for options, missing in ((kept[:2], "--public-key FILE|KEY"), (kept[2:], "--checkpoint FILE")):
        done = ledger("verify", story.ledger.directory, *options)
        assert (done.returncode, done.stdout) == (2, "") and missing in done.stderr
    done = ledger("verify", story.ledger.directory, *kept[:2], "--public-key", tmp_path / "none")
    assert done.returncode == 2 and "neither a verifier key" in done.stderr
    done = ledger("verify", story.ledger.directory, "--checkpoint", tmp_path / "none", *kept[2:])
    assert done.returncode == 2 and "ENOENT" in done.stderr


def test_the_proxys_own_checkpoint_is_one_that_can_be_kept(story, tmp_path):
    for name in ("checkpoint", "checkpoint.pub"):
        shutil.copy(story.ledger.directory / name, tmp_path / name)
    options = ["--checkpoint", tmp_path / "checkpoint", "--public-key", tmp_path / "checkpoint.pub"]
    assert report(story.ledger.directory, *options)["covered"] == len(story.ledger.lines())


def test_beside_a_proxy_that_writes_verify_finds_no_fault(make_proxy):
    proxy = make_proxy()
    connection = proxy.caller().connection()
    calls = proxy.later(lambda: [proxy.call("GET", f"/open/{i}", on=connection).status for i in range(150)])
    rounds = 0
    while not calls.done() or rounds < 3:
        assert report(proxy.ledger.directory)["firstBroken"] is None
        rounds += 1
    assert set(calls.result(60)) == {200}


def generate(directory, first, megabytes):
    """A ledger of one segment that goes on from a first line with refusals, as a proxy would write them."""
    directory.mkdir()
    head, size, number = first, 0, 1
    opening = json.loads(first)
    with open(directory / f"{1:020}.jsonl", "wb") as segment:
        segment.write(first + b"\n")
        while size < megabytes << 20:
            number += 1
            previous = hashlib.sha256(head).hexdigest()
            head = (
                f'{{"v":1,"seq":{number},"time":"{opening["time"]}","event":"refused","prev":"{previous}",'
                f'"instance":"{opening["instance"]}","boot":"{opening["boot"]}","batch":{number},'
                f'"agent":"{settings.AGENT}","source":null,"reason":"invalid-token","count":1,'
                f'"detail":"{"x" * 250}","request_id":null}}'
            ).encode()
            segment.write(head + b"\n")
            size += len(head) + 1
    return number


def most_memory(*arguments):
    """Of one run to its end, in KiB."""
    process = subprocess.Popen(
        [binary(), "ledger", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_ledger(story, tmp_path):
    first = story.ledger.lines()[0]
    for name, megabytes in (("small", 2), ("large", 24)):
        records = generate(tmp_path / name, first, megabytes)
        assert report(tmp_path / name)["records"] == records
    for command in (["verify"], ["show", "--agent", "*"], ["tail", "--event", "refused"]):
        small, large = (most_memory(*command, tmp_path / name) for name in ("small", "large"))
        assert large < small + 8_192, (command, small, large)


# segments and retention


def test_what_may_be_moved_away_can_be_moved_and_the_chain_goes_on(make_proxy, tmp_path):
    def short(proxy):
        proxy.tool_settings["tokens"]["maxLifetime"] = "1s"

    proxy = make_proxy(change=short)
    assert proxy.call("GET", "/open/0", lifetime=1).status == 200
    assert proxy.stop() == 0
    archive = tmp_path / "archive"
    archive.mkdir()
    deadline = time.monotonic() + 30
    while not (movable := ledger("segments", proxy.ledger.directory, "--movable").stdout.split()):
        assert time.monotonic() < deadline, ledger("segments", proxy.ledger.directory).stdout
        proxy.start()
        assert proxy.stop() == 0
    states = json.loads(ledger("segments", proxy.ledger.directory, "--json").stdout)
    names = [segment.name for segment in proxy.ledger.segments]
    assert [segment["name"] for segment in states] == names and movable == names[: len(movable)]
    assert states[-1]["state"] == "live" and {s["state"] for s in states} <= {"movable", "needed", "live"}
    table = ledger("segments", proxy.ledger.directory).stdout.splitlines()
    assert len(table) == len(names) + 1 and table[1].split()[-1] == "movable"
    whole = report(proxy.ledger.directory)
    for name in movable:
        shutil.move(proxy.ledger.directory / name, archive / name)
    assert report(archive, proxy.ledger.directory) == whole == report(proxy.ledger.directory, archive)
    rest = report(proxy.ledger.directory)
    assert rest["intact"] and rest["firstSeq"] > 1 and rest["tree"] == whole["tree"]
    before = Ledger(archive).records()
    assert shown(archive, proxy.ledger.directory)[: len(before)] == before
    proxy.start()
    assert proxy.call("GET", "/open/1", lifetime=1).status == 200
    assert proxy.stop() == 0
    assert report(archive, proxy.ledger.directory)["intact"]
    shutil.copy(archive / movable[0], proxy.ledger.directory)
    assert report(archive, proxy.ledger.directory)["intact"], "a copy is no other segment"
    segment = archive / movable[0]
    segment.write_bytes(segment.read_bytes().replace(b"example.org", b"example.com", 1))
    done = ledger("verify", archive, proxy.ledger.directory)
    assert done.returncode == 2 and "keep one copy of each segment" in done.stderr


def test_no_ledger_is_told_from_no_directory(tmp_path):
    for verb in ("verify", "segments", "show", "tail"):
        done = ledger(verb, tmp_path)
        assert (done.returncode, done.stdout) == (1, "") and f"there is no ledger in `{tmp_path}`" in done.stderr
        assert ledger(verb, tmp_path / "nowhere").returncode == 2


def test_following_may_begin_before_the_ledger(story, follow, tmp_path):
    tail = follow(tmp_path)
    assert not select.select([tail.process.stdout], [], [], 0.5)[0] and tail.process.poll() is None
    shutil.copy(story.ledger.segments[0], tmp_path)
    assert tail.wait_for()["seq"] == 1


def test_help_says_what_is_easily_taken_for_something_else():
    def words(verb):
        return " ".join(ledger(verb, "--help").stdout.split())

    assert "no checkpoint of those given could be compared" in words("verify")
    for verb in ("show", "tail"):
        assert words(verb).count("a day stands for its first moment, UTC") == 2
        assert "only a line on standard error" in words(verb)


@pytest.mark.parametrize("verb", ["verify", "show", "tail", "segments"])
def test_help_has_an_example(verb):
    done = ledger(verb, "--help")
    assert done.returncode == 0 and f"\n  sallyport ledger {verb} /" in done.stdout.replace("curl", "sallyport")
    assert all(len(line) <= 80 or line.startswith("USAGE") for line in done.stdout.splitlines())
