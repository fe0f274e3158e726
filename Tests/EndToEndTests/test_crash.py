"""`kill -9` at any moment: no token is accepted twice, and nothing that anybody was told of is missing."""

import collections
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from support.faults import Faults
from support.load import GONE, Load
from support.proxy import SKEW, Proxy, run
from support.tool import Tool

ROUNDS = int(os.environ.get("SALLYPORT_KILLS", "50"))
CHAIN = pathlib.Path(__file__).parent / "support" / "chain.py"
# Seconds. Short, so that a first run soon outlasts the claims; long enough for tokens to see several starts.
LIFETIME = 6


def short_lived(proxy):
    proxy.tool_settings["tokens"]["maxLifetime"] = f"{LIFETIME}s"
    # So many checkpoints that a kill may well fall into one.
    proxy.configuration["ledger"]["checkpointRecords"] = 7


def follow(ledger):
    """The chain by a second reader, in fifteen lines of Python."""
    done = subprocess.run([sys.executable, CHAIN, ledger.directory], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def verified(proxy):
    done = run("ledger", "verify", proxy.ledger_directory)
    assert done.returncode == 0, done


@pytest.fixture(scope="module")
def proven(realm, tmp_path_factory):
    """A ledger that proves what was spent: one run has outlasted every claim it could have had."""
    tool = Tool()
    proxy = Proxy(realm, tmp_path_factory.mktemp("proven"), tool, change=short_lived).start()
    time.sleep(LIFETIME + 2 * SKEW + 0.5)
    assert proxy.call("GET", "/open/proof", lifetime=LIFETIME).status == 200
    assert proxy.stop() == 0
    proxy.close()
    tool.close()
    return proxy.directory


def plant(proven, proxy):
    shutil.rmtree(proxy.ledger_directory, ignore_errors=True)
    shutil.copytree(proven / "ledger", proxy.ledger_directory)
    shutil.copy(proven / "checkpoint.key", proxy.directory)


class Story:
    """Rounds of load, `kill -9`, restart and old tokens, from one seed."""

    def __init__(self, proxy, seed):
        self.proxy, self.random = proxy, random.Random(seed)
        self.load = Load(proxy, self.random.random(), LIFETIME)
        self.unused, self.holds, self.survived = [], {}, collections.Counter()
        self.start_seconds = 0.2

    def round(self, number):
        proxy, load = self.proxy, self.load
        proxy.configuration["ledger"]["durability"] = "sync" if number % 2 else "flush"
        proxy.write()
        if self.random.random() < 0.3:
            self.kill_while_it_starts()
        began = time.monotonic()
        proxy.start(known=True)
        self.start_seconds = time.monotonic() - began
        self.old_tokens_are_spent_and_unused_ones_are_not()
        self.open_approvals_survived()
        load.begin()
        approved = self.answer_a_hold()
        held = load.mint("held")
        proxy.later(load.present, held)
        self.holds[held.target] = held
        if not approved or self.random.random() < 0.7:
            time.sleep(self.random.uniform(0, 0.35))
        self.unused = [load.mint() for _ in range(3)]
        proxy.kill()
        load.end()
        verified(proxy)

    def kill_while_it_starts(self):
        self.proxy.start(known=True, ready=False)
        time.sleep(self.random.uniform(0, self.start_seconds))
        self.proxy.kill()
        self.survived["starts"] += 1

    def old_tokens_are_spent_and_unused_ones_are_not(self):
        connection = self.proxy.caller().connection()
        outstanding = self.load.outstanding()
        old = [spent for spent in outstanding if spent not in self.unused and spent.method == "GET"]
        for spent in self.random.sample(old, min(len(old), 60)):
            was_answered = spent.is_answered
            answer = self.load.present(spent, connection)
            allowed = {401} if was_answered else {200, 401, 403}
            assert answer and answer.status in allowed, (spent, answer)
            self.survived["answered" if was_answered else "unanswered"] += 1
        for spent in self.unused:
            if spent in outstanding:
                answer = self.load.present(spent, connection)
                assert answer and answer.status == 200, (spent, answer, self.proxy.log)
                self.survived["unused"] += 1

    def was_reviewed(self, approval):
        return bool(self.proxy.ledger.records("approval.reviewed", approval=approval["id"]))

    def open_approvals(self):
        """By the ledger alone: approval → resource of what was asked and not yet decided or released."""
        open_ones = {}
        for line in self.proxy.ledger.lines():
            record = json.loads(line) if b'"approval' in line else {"event": None}
            if record["event"] == "approval.requested":
                open_ones[record["approval"]] = record
            if record["event"] in ("approval.decided", "release"):
                open_ones.pop(record["approval"], None)
        return open_ones

    def open_approvals_survived(self):
        self.pending = {each["id"]: each for each in self.proxy.approver().pending()}
        missing = [each for each in self.open_approvals() if each not in self.pending]
        assert not missing, missing
        assert not any(each["attached"] for each in self.pending.values())
        self.survived["approvals"] += len(self.pending)

    def answer_a_hold(self):
        """Attaches again with the same body and a fresh token, approves, and in some rounds waits."""
        if not self.pending:
            return False
        alice, approval = self.proxy.approver(), self.random.choice(list(self.pending.values()))
        target = approval["resource"]
        again = self.load.mint("held")
        again.token = self.proxy.token("POST", target, issued=self.proxy.issued_now(), lifetime=LIFETIME)
        again.target = target
        was_reviewed = self.was_reviewed(approval)
        call = self.proxy.later(self.load.present, again)
        if was_reviewed:
            # Killed between the review and its outcome: the review was kept, and is enough.
            assert call.result(30).status == 200, again
            self.survived["reviews"] += 1
            return True
        deadline = time.monotonic() + 20
        while not alice.get("/" + approval["id"]).json()["attached"]:
            assert time.monotonic() < deadline, (approval, again)
            time.sleep(0.005)
        review = alice.review(approval)
        assert review.status_code == 201, (review.text, approval, again)
        if self.random.random() < 0.5:
            assert call.result(30).status == 200, again
            self.survived["released"] += 1
        return True


@pytest.mark.timeout(300)
def test_fifty_times_kill_nine_under_load(make_proxy, proven):
    seed = int(os.environ.get("SALLYPORT_SEED") or random.randrange(1 << 32))
    print(f"SALLYPORT_SEED={seed}")
    proxy = make_proxy(change=short_lived, start=False)
    plant(proven, proxy)
    story = Story(proxy, seed)
    for number in range(ROUNDS):
        story.round(number)
    proxy.start(known=True)
    story.old_tokens_are_spent_and_unused_ones_are_not()
    assert proxy.stop() == 0
    print(f"{len(story.load.all)} tokens, {dict(story.survived)}, {len(proxy.ledger.lines())} records")
    no_token_was_accepted_twice(story)
    every_answer_and_every_forwarded_call_is_in_the_ledger(story)
    verified(proxy)
    follow(proxy.ledger)
    assert story.survived["unused"]
    if ROUNDS >= 50:
        assert all(story.survived[each] for each in ("starts", "answered", "unused", "approvals", "released"))


def no_token_was_accepted_twice(story):
    seen = collections.Counter(request.target for request in story.proxy.tool.requests)
    for spent in story.load.all:
        assert spent.accepted <= 1, spent
        assert set(spent.answers) <= {None, 200, 401, 403}, spent
        if spent.method == "GET":
            assert seen[spent.target] <= 1, (spent, seen[spent.target])
    assert not any(target.startswith("/open/forbidden") for target in seen)
    claims = collections.Counter(each["claim"]["jti"] for each in story.proxy.ledger.records("decision"))
    assert max(claims.values()) == 1, claims.most_common(3)


def every_answer_and_every_forwarded_call_is_in_the_ledger(story):
    ledger = story.proxy.ledger
    decisions = {each["call"]: each for each in ledger.records("decision")}
    decided = collections.Counter(each["resource"] for each in decisions.values())
    effects = collections.Counter(each["call"] for each in ledger.records("effect"))
    releases = collections.Counter(each["call"] for each in ledger.records("release"))
    for spent in story.load.all:
        assert decided[spent.target] >= (1 if spent.is_answered else 0), spent
    for request in story.proxy.tool.requests:
        call = request.value("sallyport-request-id")
        assert call in decisions and effects[call] == 1, (request.target, decisions.get(call), effects[call])
        assert decisions[call]["decision"] == "allow" or releases[call] == 1, decisions[call]
    let_go = {call for call, each in decisions.items() if each["decision"] == "allow"} | set(releases)
    assert set(effects) == let_go and set(effects.values()) == {1}
    # One approval, one execution: a call that was held was let go by an approval of its own.
    consumed = collections.Counter(each["approval"] for each in ledger.records("release"))
    assert not consumed or max(consumed.values()) == 1


class Short:
    """One allowed, one denied and one approved call; the process may end anywhere between."""

    def __init__(self, proxy):
        self.proxy, self.load = proxy, Load(proxy, 0, LIFETIME)

    def run(self, faults):
        proxy = self.proxy
        proxy.start(known=True, ready=False, env=faults.environment())
        try:
            proxy.wait_ready()
            self.calls()
        except (AssertionError, *GONE):
            assert proxy.process.wait(20) == -signal.SIGKILL, proxy.log
        if proxy.process.poll() is None:
            proxy.stop()

    def calls(self):
        for kind in ("open", "forbidden"):
            if not self.load.present(self.load.mint(kind)):
                return
        held = self.load.mint("held")
        call, alice = self.proxy.later(self.load.present, held), self.proxy.approver()
        while not call.done():
            for approval in alice.pending():
                alice.review(approval)
        call.result()

    def judge(self):
        """After a plain start on what the end left."""
        proxy = self.proxy
        proxy.start(known=True)
        for spent in self.load.all:
            if spent.method == "GET":
                was_answered, answer = spent.is_answered, self.load.present(spent)
                assert answer.status == 401 or not was_answered, (spent, answer)
        assert proxy.stop() == 0
        verified(proxy)
        follow(proxy.ledger)
        no_token_was_accepted_twice(self)
        every_answer_and_every_forwarded_call_is_in_the_ledger(self)


@pytest.fixture
def short(make_proxy, proven):
    """Makes the story anew, over the proven ledger or none."""

    def make(proxy, *, empty=False):
        proxy.tool.requests.clear()
        shutil.rmtree(proxy.ledger_directory, ignore_errors=True)
        (proxy.directory / "checkpoint.key").unlink(missing_ok=True)
        if not empty:
            plant(proven, proxy)
        return Short(proxy)

    return make


@pytest.mark.timeout(300)
@pytest.mark.parametrize("durability", ["sync", pytest.param("flush", marks=pytest.mark.slow)])
@pytest.mark.parametrize("end", ["kill", "torn"])
def test_the_process_may_end_at_any_call_on_a_file(make_proxy, short, tmp_path, end, durability):
    """`kill`: before the call, which is after the one before it; `torn`: after half of a write."""
    proxy = make_proxy(change=short_lived, start=False)
    proxy.configuration["ledger"]["durability"] = durability
    proxy.write()
    faults = Faults(proxy.directory, tmp_path / "faults")
    whole = short(proxy)
    whole.run(faults)
    assert [spent.answers for spent in whole.load.all] == [[200], [403], [200]]
    calls = [call for call, _ in faults.trace()]
    assert {"create", "pwrite", "fdatasync", "fsync"} <= set(calls), calls
    rule, last = ("any", len(calls)) if end == "kill" else ("pwrite", calls.count("pwrite"))
    for number in range(1, last + 1):
        print(f"{rule} {end} {number}")
        story = short(proxy)
        faults.set(f"{rule} {end} {number} 1")
        story.run(faults)
        story.judge()


@pytest.mark.timeout(300)
def test_a_first_start_may_end_at_any_call_on_a_file(make_proxy, short, tmp_path):
    """There is no ledger and no key yet; whatever is left of the first try, the second serves."""
    proxy = make_proxy(change=short_lived, start=False)
    faults = Faults(proxy.directory, tmp_path / "faults")
    short(proxy, empty=True)
    proxy.start(env=faults.environment())
    total = len(faults.trace())
    proxy.kill()
    for end, number in [(end, n) for end in ("kill", "torn", "killed") for n in range(1, total + 1)]:
        print(f"any {end} {number}")
        short(proxy, empty=True)
        faults.set(f"any {end} {number} 1")
        proxy.start(ready=False, env=faults.environment())
        assert proxy.process.wait(20) == -signal.SIGKILL, (end, number, proxy.log)
        proxy.start()
        proxy.kill()
        verified(proxy)


CLOCKS = {
    "back": [-4],
    "far back": [-600],
    "forward and back": [600, 0],
    "forward, a little back, and back": [60, 50, 0],
    "back and forward": [-600, 0],
}


@pytest.mark.parametrize("steps", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_clock_that_is_stepped_over_a_restart_reopens_no_claim(make_proxy, proven, tmp_path, end, steps):
    """The token is still timely by the clock at the end, and was spent."""
    proxy = make_proxy(change=short_lived, start=False)
    plant(proven, proxy)
    faults = Faults(proxy.directory, tmp_path / "faults")
    proxy.start(known=True)
    token = proxy.token("GET", "/open/clock", lifetime=LIFETIME)
    assert proxy.call("GET", "/open/clock", token=token).status == 200
    for ahead in steps:
        proxy.stop(end)
        proxy.start(known=True, env=faults.environment(clock_ahead=ahead))
        started = datetime.datetime.fromisoformat(proxy.ledger.records("start")[-1]["time"]).timestamp()
        assert abs(started - time.time() - ahead) < 20, "the clock was stepped"
        answer = proxy.call("GET", "/open/clock", token=token)
        assert answer.status == 401, (ahead, answer)
    assert len(proxy.tool.seen("/open/clock")) == 1
    proxy.stop()
    verified(proxy)


def test_tokens_that_were_let_go_stay_expired_when_the_clock_goes_back(make_proxy, proven, tmp_path):
    proxy = make_proxy(change=short_lived, start=False)
    plant(proven, proxy)
    faults = Faults(proxy.directory, tmp_path / "faults")
    proxy.start(known=True)
    token = proxy.token("GET", "/open/let-go", lifetime=LIFETIME)
    assert proxy.call("GET", "/open/let-go", token=token).status == 200
    time.sleep(LIFETIME + 2 * SKEW + 0.5)
    proxy.stop()
    proxy.start(known=True)
    proxy.stop()
    proxy.start(known=True, env=faults.environment(clock_ahead=-LIFETIME - 2 * SKEW - 1))
    answer = proxy.call("GET", "/open/let-go", token=token)
    assert answer.status == 401 and len(proxy.tool.seen("/open/let-go")) == 1
