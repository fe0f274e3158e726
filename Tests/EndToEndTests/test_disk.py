"""A full or broken disk: calls are refused, nothing runs unrecorded, and service resumes by itself."""

import json
import pathlib
import resource
import subprocess
import sys
import threading
import time

import pytest

from support.faults import Faults
from support.proxy import run
from support.room import NoRoom, Room
from support.tool import echo, slow

CHAIN = pathlib.Path(__file__).parent / "support" / "chain.py"
MIB = 1 << 20
DURABILITIES = ["sync", "flush"]


def refused(answer):
    problem = (answer.status, answer.status == 503 and answer.slug)
    return problem == (503, "control-unavailable") and int(answer.field("retry-after")) >= 1


def chained(proxy):
    """By the product, and by fifteen lines of Python."""
    done = run("ledger", "verify", proxy.ledger_directory)
    assert done.returncode == 0, done
    command = [sys.executable, CHAIN, proxy.ledger_directory]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done


def chained_by_sha256sum(ledger):
    previous = "0" * 64
    for line in ledger.lines():
        assert json.loads(line)["prev"] == previous, line
        out = subprocess.run(["sha256sum"], input=line, capture_output=True, check=True).stdout
        previous = out.split()[0].decode()


def recorded(proxy):
    """Every call the tool saw has its decision, and every decision to let one through its one effect."""
    decisions = {each["call"]: each["decision"] for each in proxy.ledger.records("decision")}
    effects = [each["call"] for each in proxy.ledger.records("effect")]
    unrecorded = [
        request.target
        for request in proxy.tool.requests
        if request.value("sallyport-request-id") not in decisions
    ]
    assert not unrecorded
    assert sorted(effects) == sorted(call for call, decision in decisions.items() if decision == "allow")


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def ready(proxy):
    return proxy.health("/readyz").status_code == 200


def with_durability(durability, reserve="0"):
    def change(proxy):
        proxy.configuration["ledger"] |= {"durability": durability, "reserve": reserve}

    return change


class Traffic:
    """Callers that go on whatever the answer is; long targets, so that the ledger grows fast."""

    def __init__(self, proxy, callers=4):
        self.proxy, self.answers, self.stopping = proxy, [], threading.Event()
        self.targets, self.lock = iter(range(1 << 40)), threading.Lock()
        self.workers = [proxy.later(self._work) for _ in range(callers)]

    def _work(self):
        connection = self.proxy.caller().connection()
        while not self.stopping.is_set():
            with self.lock:
                target = f"/open/{next(self.targets)}-{'x' * 3000}"
            answer = self.proxy.call("GET", target, on=connection)
            self.answers.append((target, answer))
            if answer.status == 503:
                time.sleep(0.01)

    def wait_for(self, status, count=1):
        have = sum(answer.status == status for _, answer in list(self.answers))

        def come():
            for worker in self.workers:
                if worker.done():
                    worker.result()
            return sum(answer.status == status for _, answer in list(self.answers)) >= have + count

        wait_until(come)

    def end(self):
        self.stopping.set()
        for worker in self.workers:
            worker.result(60)
        return self.answers


def judge(proxy, answers):
    """What was refused was not run; what was answered was run once, and recorded."""
    for target, answer in answers:
        assert answer.status == 200 or refused(answer), answer
        assert len(proxy.tool.seen(target)) == (1 if answer.status == 200 else 0), target[:20]
    recorded(proxy)
    chained(proxy)


@pytest.fixture
def make_room(tmp_path):
    rooms = []

    def make(proxy, size):
        try:
            room = Room(proxy.directory / "ledger", size)
        except NoRoom as reason:
            pytest.skip(str(reason))
        rooms.append(room)
        proxy.wrapper, proxy.ledger_directory = room.enter, room.outside
        return room

    yield make
    for room in rooms:
        room.close()


@pytest.mark.parametrize("durability", DURABILITIES)
def test_a_full_disk(make_proxy, make_room, durability):
    proxy = make_proxy(start=False, change=with_durability(durability))
    room = make_room(proxy, "6m")
    proxy.start()
    release = threading.Event()
    proxy.tool.behaviour["/open/in-flight"] = slow(release)
    in_flight = proxy.later(proxy.call, "GET", "/open/in-flight")
    proxy.tool.wait_for("/open/in-flight")

    traffic = Traffic(proxy)
    for _ in range(2):
        traffic.wait_for(200, 20)
        room.fill()
        traffic.wait_for(503, 8)
        # What was given back when the segment was abandoned is gone as well, and stays so.
        room.fill()
        wait_until(lambda: not ready(proxy))
        assert proxy.health("/livez").status_code == 200
        if not release.is_set():
            release.set()
            assert in_flight.result(30).status == 200, "what was let through comes to its end"
        room.clear()
        wait_until(lambda: ready(proxy))
        traffic.wait_for(200, 20)
    answers = traffic.end()
    effect = proxy.effect_of("/open/in-flight")
    assert (effect["outcome"], effect["status"]) == ("completed", 200)
    assert proxy.stop() == 0
    judge(proxy, answers)


def test_a_full_disk_is_no_obstacle_once_nobody_calls(make_proxy, make_room):
    """Kubernetes sends no calls to what is not ready: the ledger has to heal without one."""
    proxy = make_proxy(start=False, change=with_durability("flush"))
    room = make_room(proxy, "3m")
    proxy.start()
    room.fill()
    wait_until(lambda: proxy.call("GET", f"/open/{'x' * 3000}").status == 503)
    assert not ready(proxy)
    calls = len(proxy.tool.requests)
    room.clear()
    wait_until(lambda: ready(proxy))
    assert len(proxy.tool.requests) == calls
    assert proxy.call("GET", "/open/after").status == 200


def test_a_start_on_a_full_disk_fails_and_says_so(make_proxy, make_room):
    proxy = make_proxy(start=False, change=with_durability("sync"))
    room = make_room(proxy, "3m")
    proxy.start()
    token = proxy.token("GET", "/open/spent")
    assert proxy.call("GET", "/open/spent", token=token).status == 200
    proxy.kill()
    room.fill()
    proxy.start(ready=False)
    try:
        assert proxy.process.wait(20) not in (0, -11), proxy.log
        wait_until(lambda: any("ENOSPC" in line or "o space left" in line for line in proxy.log))
    finally:
        proxy.kill()
    room.clear()
    proxy.start(known=True)
    assert proxy.call("GET", "/open/spent", token=token).status == 401
    assert len(proxy.tool.seen("/open/spent")) == 1
    proxy.stop()
    chained(proxy)


def test_effects_are_written_in_the_reserve_that_decisions_may_not_use(make_proxy, make_room):
    proxy = make_proxy(start=False, change=with_durability("sync", reserve="8MiB"))
    room = make_room(proxy, "24m")
    proxy.start()
    release = threading.Event()
    proxy.tool.behaviour["/open/in-flight"] = slow(release)
    in_flight = proxy.later(proxy.call, "GET", "/open/in-flight")
    proxy.tool.wait_for("/open/in-flight")

    room.fill(but=3 * MIB)
    wait_until(lambda: not ready(proxy))
    assert refused(proxy.call("GET", "/open/refused"))
    assert "ledger" in proxy.health("/readyz?verbose").text
    release.set()
    assert in_flight.result(30).status == 200
    effect = proxy.effect_of("/open/in-flight")
    assert effect["outcome"] == "completed" and room.free_bytes < 4 * MIB, "it did not wait for room"

    room.clear()
    wait_until(lambda: ready(proxy))
    assert proxy.call("GET", "/open/after").status == 200
    assert not proxy.tool.seen("/open/refused")
    assert proxy.stop() == 0
    recorded(proxy)
    chained(proxy)


def test_refusals_leave_the_reserve_alone(make_proxy, make_room):
    """Below the reserve they are counted; calls go on until half of it is gone."""
    proxy = make_proxy(start=False, change=with_durability("sync", reserve="8MiB"))
    room = make_room(proxy, "24m")
    proxy.start()
    room.fill(but=6 * MIB)
    connection = proxy.caller().connection()
    # The room is looked at now and then.
    wait_until(lambda: refusal_is_not_written(proxy, connection))
    before = len(proxy.ledger.records("refused"))
    for _ in range(30):
        assert proxy.caller().call("GET", "/open/bad", token="x", on=connection).status == 401
        assert proxy.call("GET", "/open/good", on=connection).status == 200
    assert len(proxy.ledger.records("refused")) == before
    sent = 30 + proxy.refused_by_hand
    room.clear()
    proxy.stop()
    assert sum(each.get("count") or 1 for each in proxy.ledger.records("refused")) == sent
    chained(proxy)


def refusal_is_not_written(proxy, connection):
    proxy.refused_by_hand = getattr(proxy, "refused_by_hand", 0) + 1
    before = len(proxy.ledger.records("refused"))
    assert proxy.caller().call("GET", "/open/bad", token="x", on=connection).status == 401
    assert proxy.call("GET", "/open/good", on=connection).status == 200
    time.sleep(0.05)
    return len(proxy.ledger.records("refused")) == before


@pytest.mark.parametrize("durability", DURABILITIES)
def test_a_limit_of_file_size_in_the_middle_of_a_batch(make_proxy, durability):
    proxy = make_proxy(change=with_durability(durability))
    traffic = Traffic(proxy)
    traffic.wait_for(200, 20)
    unlimited = resource.RLIM_INFINITY
    for _ in range(2):
        size = proxy.ledger.segments[-1].stat().st_size
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (size + 5_000, unlimited))
        if durability == "flush":
            traffic.wait_for(200, 1)
        # A new segment has room again until it is as long; then there is none.
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (2_000, unlimited))
        traffic.wait_for(503, 8)
        wait_until(lambda: not ready(proxy))
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        wait_until(lambda: ready(proxy))
        traffic.wait_for(200, 20)
    answers = traffic.end()
    assert proxy.stop() == 0, proxy.log
    judge(proxy, answers)


# One failure: which call on a file, how, and under which durability the journal makes it for a decision.
FAILURES = [
    ("sync", "fdatasync EIO 1 1"),
    ("sync", "pwrite EIO 1 1"),
    ("sync", "pwrite ENOSPC 1 1"),
    ("flush", "pwrite EIO 1 1"),
    ("flush", "pwrite ENOSPC 1 1"),
]


@pytest.fixture
def faulty(make_proxy, tmp_path):
    """A proxy whose calls on its ledger obey rules."""

    def make(durability):
        proxy = make_proxy(start=False, change=with_durability(durability))
        faults = Faults(proxy.directory / "ledger", tmp_path / "faults")
        proxy.start(env=faults.environment())
        return proxy, faults

    return make


@pytest.mark.parametrize("durability,rule", FAILURES)
def test_after_one_failure_the_segment_is_abandoned_and_a_new_one_serves(faulty, durability, rule):
    proxy, faults = faulty(durability)
    spent, failed = (proxy.token("GET", "/open/io", lifetime=59) for _ in range(2))
    assert proxy.call("GET", "/open/io", token=spent).status == 200
    proxy.effect_of("/open/io")
    segments = len(proxy.ledger.segments)
    faults.set(rule)
    assert refused(proxy.call("GET", "/open/io", token=failed))
    assert len(proxy.tool.seen("/open/io")) == 1

    wait_until(lambda: ready(proxy))
    assert proxy.call("GET", "/open/next").status == 200
    assert len(proxy.ledger.segments) == segments + 1
    opening = proxy.ledger.records("segment")[-1]
    assert opening["reason"] == "error" and opening["abandons_previous"] and opening["restates_claims"]
    assert proxy.call("GET", "/open/io", token=spent).status == 401
    late = proxy.call("GET", "/open/io", token=failed).status
    assert late in (200, 401) and len(proxy.tool.seen("/open/io")) == (2 if late == 200 else 1)

    proxy.kill()
    proxy.start(known=True)
    for token in (spent, failed):
        assert proxy.call("GET", "/open/io", token=token).status == 401
    assert proxy.stop() == 0
    recorded(proxy)
    chained(proxy)


@pytest.mark.parametrize("durability", DURABILITIES)
def test_an_abandoned_end_that_cannot_be_cut_is_no_part_of_the_ledger(faulty, durability):
    """The failed batch stays in the file, whole; the next segment goes on from before it."""
    proxy, faults = faulty(durability)
    assert proxy.call("GET", "/open/before").status == 200
    proxy.effect_of("/open/before")
    failing = "fdatasync EIO 1 1" if durability == "sync" else "pwrite short 1 1\npwrite EIO 2 1"
    faults.set(*failing.splitlines(), "ftruncate EIO 1 99")
    token = proxy.token("GET", "/open/failed", lifetime=59)
    assert refused(proxy.call("GET", "/open/failed", token=token))
    wait_until(lambda: ready(proxy))
    faults.set()
    assert proxy.call("GET", "/open/after").status == 200
    abandoned = proxy.ledger.segments[-2].read_bytes().partition(b"\0")[0]
    assert b"/open/failed" in abandoned or durability == "flush"
    assert len(abandoned.rpartition(b"\n")[2]) > 0 or durability == "sync"
    chained(proxy)
    proxy.kill()
    proxy.start(known=True)
    assert proxy.call("GET", "/open/failed", token=token).status in (200, 401)
    assert len(proxy.tool.seen("/open/failed")) <= 1
    assert proxy.stop() == 0
    chained(proxy)
    chained_by_sha256sum(proxy.ledger)


@pytest.mark.parametrize("durability", DURABILITIES)
def test_while_no_segment_can_be_opened_every_call_is_refused(faulty, durability):
    proxy, faults = faulty(durability)
    release = threading.Event()
    proxy.tool.behaviour["/open/in-flight"] = slow(release)
    in_flight = proxy.later(proxy.call, "GET", "/open/in-flight")
    proxy.tool.wait_for("/open/in-flight")
    for call in ("any", "create", "fsync"):
        faults.set(f"{call} EIO 1 999999", "pwrite EIO 1 1")
        for i in range(5):
            assert refused(proxy.call("GET", f"/open/refused-{call}-{i}"))
        assert not ready(proxy)
        release.set()
        faults.set()
        wait_until(lambda: ready(proxy))
        assert proxy.call("GET", f"/open/after-{call}").status == 200
    assert in_flight.result(30).status == 200
    assert not proxy.tool.seen("/open/refused")
    proxy.effect_of("/open/in-flight")
    assert proxy.stop() == 0
    recorded(proxy)
    chained(proxy)


@pytest.mark.parametrize("durability", DURABILITIES)
def test_short_writes_and_interruptions_are_nobodys_failure(faulty, durability):
    proxy, faults = faulty(durability)
    writes = [f"pwrite {'short' if n % 3 else 'EINTR'} {n} 1" for n in range(1, 60, 2)]
    faults.set(*writes, "fdatasync EINTR 1 3")
    connection = proxy.caller().connection()
    for i in range(20):
        assert proxy.call("GET", f"/open/short-{i}", on=connection).status == 200
    assert len(proxy.ledger.segments) == 1
    assert proxy.stop() == 0
    recorded(proxy)
    chained(proxy)


@pytest.mark.parametrize("durability", DURABILITIES)
def test_failures_under_load(faulty, durability):
    """Every few calls on a file one fails; what is answered stays true, and at the end a kill as well."""
    proxy, faults = faulty(durability)
    traffic = Traffic(proxy)
    rules = "pwrite EIO 2 1", "pwrite ENOSPC 1 3", "any EIO 5 2", "fdatasync EIO 1 2", "ftruncate EIO 1 5"
    for rule in rules:
        traffic.wait_for(200, 10)
        faults.set(rule, "pwrite short 4 1")
        traffic.wait_for(200, 10)
    answers = traffic.end()
    faults.set()
    proxy.kill()
    proxy.start(known=True)
    assert proxy.stop() == 0
    judge(proxy, answers)


def test_a_decision_is_synced_before_the_tool_sees_the_call_and_flushed_ones_are_written(faulty):
    for durability, last in (("sync", "fdatasync"), ("flush", "pwrite")):
        proxy, faults = faulty(durability)
        calls = []

        def look(sock, request, faults=faults, calls=calls):
            calls.append([call for call, _ in faults.trace()])
            echo(sock, request)

        proxy.tool.behaviour["/open/order"] = look
        faults.forget()
        assert proxy.call("GET", "/open/order").status == 200
        assert "pwrite" in calls[0] and calls[0][-1] == last, (durability, calls)
