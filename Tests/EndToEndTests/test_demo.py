"""`sallyport demo`: the tour checks itself, and the printed commands do what they say."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

from support.proxy import binary


def test_the_tour_passes_every_step_in_under_20_seconds():
    began = time.monotonic()
    done = subprocess.run([binary(), "demo", "--tour"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 20
    steps = re.findall(r"^ *\d+ +(\w+) +(.+)$", done.stdout, re.M)
    assert len(steps) >= 8 and {verdict for verdict, _ in steps} == {"ok"}, done.stdout
    # The steps of the story, by a word of each.
    for word in (
        "token again",
        "altered",
        "another workload",
        "rule denies",
        "approves",
        "denies it",
        "ledger verifies",
        "found",
    ):
        assert word in done.stdout.lower(), (word, done.stdout)


class Demo:
    """A running demo, its output read as it comes."""

    def __init__(self, directory):
        environment = os.environ | {"TMPDIR": str(directory), "HOME": str(directory)}
        self.process = subprocess.Popen(
            [binary(), "demo"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=directory,
        )
        self.lines, self._changed = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_until_quiet(self, seconds=20):
        """Until there is output with a command in it and nothing more for a while."""
        deadline, count, since = time.monotonic() + seconds, 0, time.monotonic()
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "\n".join(self.lines)
            if len(self.lines) != count:
                count, since = len(self.lines), time.monotonic()
            elif any("curl" in line for line in self.lines) and time.monotonic() - since > 1:
                return
            time.sleep(0.05)
        raise AssertionError("no curl lines:\n" + "\n".join(self.lines))

    def commands(self):
        """What a person pastes: every line after the invitation that is neither empty nor a comment."""
        start = next(i for i, line in enumerate(self.lines) if "paste" in line.lower())
        return [line for line in self.lines[start + 1 :] if line.strip() and not line.startswith(("#", "{"))]


@pytest.fixture
def demo(tmp_path):
    demo = Demo(tmp_path)
    try:
        demo.wait_until_quiet()
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait(10)


def shell(script, directory):
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, cwd=directory)
    return done.stdout + done.stderr


def test_the_printed_commands_behave_as_printed_and_the_demo_stays_up(demo, tmp_path):
    commands = demo.commands()
    assert sum("curl" in command for command in commands) >= 4, demo.lines
    # All in one shell, as a person pastes them: variables that one sets are there for the next.
    output = shell(
        "\n".join(f"echo; echo '=== {i}'\n{command}" for i, command in enumerate(commands)), tmp_path
    )
    parts = list(zip(commands, re.split(r"=== \d+\n", output)[1:]))
    assert "command not found" not in output and "No such file" not in output, output

    curls = [part for command, part in parts if command.startswith("curl")]
    assert "problems/" not in curls[0] and curls[0].strip(), "the tool's own words"
    assert "token-replayed" in output and "invalid-token" in output and "isError" in output, output
    released = next(part for command, part in parts if "review approve" in command)
    assert "problems/" not in released and "250" in released, released
    assert "self-consistent" in next(part for command, part in parts if "ledger verify" in command)
    assert demo.process.poll() is None
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(30) == 0, "\n".join(demo.lines)


def test_two_demos_do_not_disturb_each_other(demo, tmp_path_factory):
    other = Demo(tmp_path_factory.mktemp("other"))
    try:
        other.wait_until_quiet()
        assert demo.process.poll() is None and other.process.poll() is None
    finally:
        other.process.terminate()
        assert other.process.wait(30) == 0


def test_the_demo_leaves_nothing_secret_readable_by_others(demo, tmp_path):
    for root, _, files in os.walk(tmp_path):
        for name in files:
            path = os.path.join(root, name)
            try:
                text = open(path, "rb").read(200_000)
            except OSError:
                continue
            if b"PRIVATE KEY" in text:
                assert os.stat(path).st_mode & 0o077 == 0 or os.stat(root).st_mode & 0o077 == 0, path
