"""Checkpoints of the real binary, checked by Python's `cryptography` and an RFC 6962 root of its own over the lines."""

import json
import os
import shutil
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from support import checkpoint
from support.proxy import run
from support.settings import AUDIENCE

ORIGIN = AUDIENCE.removeprefix("spiffe://")
SECONDS_MAX = 20


def often(proxy):
    proxy.configuration["ledger"] |= {"checkpointEvery": "1s"}


def fetched(proxy):
    answer = proxy.health("/ledger/checkpoint")
    assert answer.status_code == 200, answer.text
    return checkpoint.opened(answer.content, proxy.health("/ledger/checkpoint.pub").text)


def when_it_covers(proxy, size):
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        answer = proxy.health("/ledger/checkpoint")
        if answer.status_code == 200 and fetched(proxy).size >= size:
            return fetched(proxy)
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def is_of(proxy, found):
    return found.root == checkpoint.root(proxy.ledger.lines()[: found.size])


def refused_start(proxy):
    done = run("proxy", "--config", proxy.directory / "sallyport.yaml")
    assert done.returncode == 2, done
    return done.stderr


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def ledger_files(tmp_path):
    """Copies of a ledger's directory, taken and put back whole."""

    def copy(source, target):
        shutil.rmtree(target, ignore_errors=True)
        return shutil.copytree(source, target, copy_function=shutil.copy2)

    return copy


def test_anybody_can_check_a_checkpoint_with_tools_of_their_own(make_proxy):
    proxy = make_proxy(change=often)
    for i in range(5):
        assert proxy.call("GET", f"/open/{i}").status == 200
    proxy.ledger.wait_for("effect", 5)
    found = when_it_covers(proxy, len(proxy.ledger.lines()))
    assert found.origin == ORIGIN and is_of(proxy, found)
    answer = proxy.health("/ledger/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    metrics = proxy.health("/metrics").text
    assert f"sallyport_ledger_checkpoint_records {found.size}\n" in metrics
    assert "sallyport_ledger_checkpoint_timestamp_seconds " in metrics


def test_the_last_one_covers_the_stop_and_lies_beside_the_segments(make_proxy):
    proxy = make_proxy()
    assert proxy.call("GET", "/open/one").status == 200
    key = proxy.health("/ledger/checkpoint.pub").text
    assert proxy.stop() == 0
    directory = proxy.ledger.directory
    assert (directory / "checkpoint.pub").read_text() == key
    found = checkpoint.opened((directory / "checkpoint").read_bytes(), key)
    assert found.size == len(proxy.ledger.lines()) and is_of(proxy, found)
    assert json.loads(proxy.ledger.lines()[-1])["event"] == "stop"
    assert not [path for path in directory.iterdir() if path.suffix == ".new"]
    for name in ("checkpoint", "checkpoint.pub", "../checkpoint.key"):
        assert (directory / name).stat().st_mode & 0o077 == 0


def test_the_key_is_made_with_the_ledger_said_once_and_named_by_each_start(make_proxy):
    proxy = make_proxy()
    key = proxy.health("/ledger/checkpoint.pub").text.strip()
    said = proxy.wait_for_log("checkpoint-key-made")
    assert [line["sallyport.checkpoint_key"] for line in said] == [key]
    secret = load_pem_private_key((proxy.directory / "checkpoint.key").read_bytes(), None)
    assert checkpoint.verifier_key(ORIGIN, secret) == key
    proxy.stop()
    proxy.start(known=True)
    assert "checkpoint-key-made" not in "\n".join(proxy.log)
    assert [record["checkpoint_key"] for record in proxy.ledger.records("start")] == [key, key]


def test_a_restart_and_a_kill_go_on_with_the_same_tree(make_proxy):
    proxy = make_proxy(change=often)
    kept = []
    for i, end in enumerate((proxy.stop, proxy.kill, proxy.stop)):
        assert proxy.call("GET", f"/open/{i}").status == 200
        proxy.ledger.wait_for("effect", i + 1)
        kept.append(when_it_covers(proxy, len(proxy.ledger.lines())))
        end()
        proxy.start()
    when_it_covers(proxy, kept[-1].size + 1)
    assert [one.size for one in kept] == sorted({one.size for one in kept})
    for one in kept:
        assert is_of(proxy, one), "what was signed then still holds"


def test_a_kept_checkpoint_verifies_after_more_records_and_finds_what_was_cut(make_proxy, tmp_path):
    proxy = make_proxy(change=often)
    assert proxy.call("GET", "/open/one").status == 200
    when_it_covers(proxy, 1)
    key = tmp_path / "key.pub"
    key.write_bytes(proxy.health("/ledger/checkpoint.pub").content)
    old = tmp_path / "old"
    old.write_bytes(proxy.health("/ledger/checkpoint").content)
    for i in range(3):
        assert proxy.call("GET", f"/open/more-{i}").status == 200
    proxy.stop()
    directory = proxy.ledger.directory

    def verify(note):
        return run("ledger", "verify", directory, "--checkpoint", note, "--public-key", key)

    assert verify(old).returncode == 0, verify(old)
    new = directory / "checkpoint"
    assert verify(new).returncode == 0, verify(new)
    segment, lines = proxy.ledger.segments[-1], proxy.ledger.lines()
    cut = len(proxy.ledger.lines()) - 2
    assert len(proxy.ledger.segments) == 1
    segment.write_bytes(b"\n".join(lines[:cut]) + b"\n")
    assert verify(old).returncode == 0 and verify(new).returncode == 1


def test_under_flush_a_checkpoint_is_of_what_is_on_the_disk(make_proxy):
    def change(proxy):
        often(proxy)
        proxy.configuration["ledger"]["durability"] = "flush"

    proxy = make_proxy(change=change)
    assert proxy.call("GET", "/open/one").status == 200
    proxy.ledger.wait_for("effect")
    assert is_of(proxy, when_it_covers(proxy, len(proxy.ledger.lines())))


def test_a_ledger_that_was_rolled_back_or_cut_refuses_to_start_and_is_left_alone(make_proxy, ledger_files):
    proxy = make_proxy()
    assert proxy.call("GET", "/open/one").status == 200
    proxy.stop()
    directory, old = proxy.ledger.directory, proxy.directory / "old"
    ledger_files(directory, old)
    proxy.start()
    assert proxy.call("GET", "/open/two").status == 200
    proxy.stop()
    newest = (directory / "checkpoint").read_bytes()
    ledger_files(directory, proxy.directory / "whole")

    def cut():
        last = proxy.ledger.segments[-1]
        last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))

    for harm in (
        lambda: ledger_files(old, directory),
        lambda: proxy.ledger.segments[-1].unlink(),
        cut,
    ):
        ledger_files(proxy.directory / "whole", directory)
        harm()
        (directory / "checkpoint").write_bytes(newest)
        before = {path.name: path.read_bytes() for path in directory.iterdir()}
        message = refused_start(proxy)
        assert "checkpoint" in message and "records" in message, message
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    ledger_files(proxy.directory / "whole", directory)
    proxy.start(known=True)


def test_a_fork_refuses_to_start(make_proxy, ledger_files):
    """Two ledgers from one key and one beginning: each is self-consistent, and the other's checkpoint is not its own."""
    proxy = make_proxy()
    proxy.stop()
    directory, fork = proxy.ledger.directory, proxy.directory / "fork"
    ledger_files(directory, fork)
    proxy.start()
    proxy.stop()
    newest = (directory / "checkpoint").read_bytes()
    ledger_files(fork, directory)
    for _ in range(2):
        proxy.start()
        proxy.stop()
    (directory / "checkpoint").write_bytes(newest)
    assert "checkpoint" in refused_start(proxy)


def test_a_checkpoint_that_is_not_ours_is_replaced_and_said(make_proxy):
    proxy = make_proxy()
    proxy.stop()
    path = proxy.ledger.directory / "checkpoint"
    foreign = checkpoint.Checkpoint(ORIGIN, 1 << 40, b"\0" * 32)
    for note in (checkpoint.signed(foreign, ed25519.Ed25519PrivateKey.generate()), b"nonsense\n", b""):
        path.write_bytes(note)
        proxy.start(known=True)
        proxy.wait_for_log("checkpoint-foreign")
        when_it_covers(proxy, 1)
        proxy.stop()
        assert is_of(proxy, checkpoint.opened(path.read_bytes(), path.with_suffix(".pub").read_text()))


def test_a_checkpoint_that_has_gone_is_said(make_proxy):
    proxy = make_proxy()
    assert not [line for line in proxy.log if "checkpoint-foreign" in line]
    proxy.stop()
    (proxy.directory / "ledger" / "checkpoint").unlink()
    proxy.start()
    assert "the newest checkpoint is missing" in proxy.wait_for_log("checkpoint-foreign")[0]["message"]


# The key's rules (contract §6)


def missing(key):
    key.unlink()


def exposed(mode):
    return lambda key: key.chmod(mode)


def instead(make):
    return lambda key: key.write_bytes(make())


def p256():
    return pem(ec.generate_private_key(ec.SECP256R1()))


def rsa_2048():
    return pem(rsa.generate_private_key(65537, 2048))


BAD_KEYS = {
    "missing beside records": (missing, "bring the key back"),
    "read by its group": (exposed(0o640), "chmod 600"),
    "read by all": (exposed(0o644), "chmod 600"),
    "written by all": (exposed(0o602), "chmod 600"),
    "empty": (instead(lambda: b""), "holds no private key"),
    "no key": (instead(lambda: b"secret"), "holds no private key"),
    "another curve": (instead(p256), "no Ed25519 key"),
    "RSA": (instead(rsa_2048), "no Ed25519 key"),
}


@pytest.fixture(scope="module")
def stopped(realm, tmp_path_factory):
    from support.proxy import Proxy
    from support.tool import Tool

    tool = Tool()
    proxy = Proxy(realm, tmp_path_factory.mktemp("stopped"), tool).start()
    proxy.stop()
    yield proxy
    proxy.close()
    tool.close()


@pytest.mark.parametrize("case", BAD_KEYS)
@pytest.mark.parametrize("arguments", [["--check"], []], ids=["check", "start"])
def test_a_key_that_will_not_do_refuses_to_start_and_says_what_would(stopped, case, arguments):
    harm, message = BAD_KEYS[case]
    key = stopped.directory / "checkpoint.key"
    content = key.read_bytes()
    before = stopped.ledger.lines()
    try:
        harm(key)
        done = run("proxy", "--config", stopped.directory / "sallyport.yaml", *arguments)
        assert done.returncode == 2 and message in done.stderr and "checkpoint.key" in done.stderr, done
        assert "sallyport.yaml:" in done.stderr
    finally:
        key.write_bytes(content)
        key.chmod(0o600)
    assert stopped.ledger.lines() == before


@pytest.mark.parametrize("path", ["ledger/key", "ledger/../ledger/key", "alias/key", "ledger/deep/er/key"])
def test_a_key_inside_the_ledgers_directory_is_refused(make_proxy, path):
    proxy = make_proxy(start=False)
    (proxy.directory / "ledger").mkdir()
    os.symlink("ledger", proxy.directory / "alias")
    proxy.configuration["ledger"]["checkpointKey"] = path
    proxy.write()
    assert "outside the ledger's directory" in refused_start(proxy)
    assert list((proxy.directory / "ledger").iterdir()) == []


def test_a_check_makes_no_key_and_says_that_a_start_would(make_proxy):
    proxy = make_proxy(start=False)
    done = run("proxy", "--config", proxy.directory / "sallyport.yaml", "--check")
    assert done.returncode == 0 and "checkpoint.key` does not exist; the first start makes it" in done.stdout
    assert not (proxy.directory / "checkpoint.key").exists() and not (proxy.directory / "ledger").exists()


def test_a_key_of_ones_own_is_used_and_named_as_configured(make_proxy):
    secret = ed25519.Ed25519PrivateKey.generate()

    def change(proxy):
        proxy.configuration["ledger"]["checkpointOrigin"] = "logs.example.org/orders"
        path = proxy.directory / "checkpoint.key"
        path.write_bytes(pem(secret))
        path.chmod(0o600)

    proxy = make_proxy(change=change)
    key = checkpoint.verifier_key("logs.example.org/orders", secret)
    assert proxy.health("/ledger/checkpoint.pub").text == key + "\n"
    when_it_covers(proxy, 1)
    assert "checkpoint-key-made" not in "\n".join(proxy.log)


def test_readiness_comes_back_without_a_call_when_the_disk_is_well_again(make_proxy):
    """A proxy that is not ready gets no calls: nothing else would make it try."""
    import resource

    proxy = make_proxy()
    pid, unlimited = proxy.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, unlimited))
    assert proxy.call("GET", "/open/full").status == 503
    assert proxy.health("/readyz").status_code == 503
    assert proxy.process.poll() is None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    proxy.wait_ready()
    assert len(proxy.wait_for_log("ledger-failed")) == len(proxy.wait_for_log("ledger-resumed")) == 1
    assert proxy.call("GET", "/open/after").status == 200


def test_a_nearly_full_disk_is_kept_for_calls_under_way(make_proxy):
    """A reserve larger than the disk: no call is decided, and the proxy says why."""

    def change(proxy):
        free = shutil.disk_usage(proxy.directory).free
        proxy.configuration["ledger"]["reserve"] = f"{min(free * 3, 1 << 40) >> 30}GiB"

    proxy = make_proxy(start=False, change=change)
    proxy.start(ready=False)
    proxy.wait_for_log("ready")
    ready = proxy.health("/readyz?verbose")
    assert ready.status_code == 503 and "[-]ledger failed: less than" in ready.text
    answer = proxy.call("GET", "/open/full")
    assert (answer.status, answer.slug) == (503, "control-unavailable") and answer.field("retry-after")
    assert not proxy.tool.seen("/open/full") and not proxy.ledger.records("decision")
    assert proxy.stop() == 0 and proxy.ledger.records("stop")
