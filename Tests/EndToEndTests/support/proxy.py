"""One proxy: its files, its process, and the shortest way to talk to it."""

import json
import math
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests
import yaml

from support import settings, tokens
from support.client import Caller
from support.ledger import Ledger
from support.people import Approver
from support.pki import Authority, self_signed

READY_SECONDS_MAX = 20
SKEW = 1


def binary():
    path = os.environ.get("SALLYPORT")
    assert path, "SALLYPORT names the binary to test; Tests/run sets it"
    return path


def run(*arguments, **options):
    """The command line, to its end."""
    return subprocess.run(
        [binary(), *map(str, arguments)], capture_output=True, text=True, timeout=60, **options
    )


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Realm:
    """What outlives a proxy: trust domains, issuers, and the people's and agents' credentials."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.authority = Authority("example.org", directory)
        self.foreign = Authority("other.org", directory)
        self.proxy = self.authority.svid(settings.AUDIENCE, dns=["localhost", "127.0.0.1"], stem="proxy")
        self.agent = self.authority.svid(settings.AGENT, stem="agent")
        self.second = self.authority.svid(settings.SECOND_AGENT, stem="second")
        self.broker = tokens.Issuer(settings.BROKER, ["ES256", "Ed25519", "PS256", "RS256"])
        self.login = tokens.Issuer(settings.LOGIN, ["ES256"])
        self.alice = self_signed(directory, "alice")
        # What approvers' browsers trust has nothing to do with SPIFFE.
        self.web_authority = Authority("web.example", directory)
        self.web = self.web_authority.svid(dns=["localhost", "127.0.0.1"], stem="approvals")


class Proxy:
    def __init__(self, realm, directory, tool, *, rules=settings.RULES, algorithms=("ES256",), change=None):
        self.realm, self.directory, self.tool = realm, pathlib.Path(directory), tool
        ports = dict(zip(("data", "approvals", "health"), free_ports(3)))
        self.port, self.approvals_port, self.health_port = ports.values()
        self.configuration = settings.configuration(ports, tool.url, algorithms)
        self.persons = settings.persons(realm.alice.sha256.hexdigest())
        self._write_files(rules)
        if change:
            change(self)
        self.write()
        self.process, self.issued_from, self.log = None, 0, []
        # What runs the binary (`nsenter …`), and where the test sees the directory that the proxy writes.
        self.wrapper, self.ledger_directory = [], self.directory / "ledger"
        self._log_changed = threading.Condition()
        self._pool = ThreadPoolExecutor(64)

    # Files

    def _write_files(self, rules):
        here, realm = self.directory, self.realm
        (here / "policies").mkdir(parents=True)
        for source, name in [
            (realm.proxy.cert_file, "proxy.pem"),
            (realm.proxy.key_file, "proxy.key"),
            (realm.authority.bundle_file, "bundle.pem"),
        ]:
            shutil.copy(source, here / name)
        (here / "jwks.json").write_text(json.dumps(realm.broker.jwks()))
        (here / "login-jwks.json").write_text(json.dumps(realm.login.jwks()))
        (here / "policies" / "rules.yaml").write_text(settings.policy(rules))

    def write(self):
        (self.directory / "sallyport.yaml").write_text(yaml.safe_dump(self.configuration, sort_keys=False))
        (self.directory / "persons.yaml").write_text(yaml.safe_dump(self.persons, sort_keys=False))

    @property
    def tool_settings(self):
        return self.configuration["tools"][0]

    @property
    def ledger(self):
        return Ledger(self.ledger_directory)

    # The process

    def start(self, *, known=False, ready=True, **options):
        """`known`: the ledger proves continuity, so tokens from before this start still count."""
        command = [*self.wrapper, binary(), "proxy", "--config", str(self.directory / "sallyport.yaml")]
        self.log = []
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options
        )
        threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True).start()
        if ready:
            self.wait_ready()
        if not known:
            self.issued_from = math.ceil(time.time()) + SKEW
        return self

    def _read_log(self, pipe):
        for line in pipe:
            with self._log_changed:
                self.log.append(line.decode(errors="replace").rstrip())
                self._log_changed.notify_all()

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"exit {self.process.returncode}:\n" + "\n".join(self.log)
            try:
                if self.health("/readyz").status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.02)
        raise AssertionError("not ready in time:\n" + "\n".join(self.log))

    def wait_for_log(self, event, count=1, seconds=20):
        """The log lines of one event, as JSON."""
        deadline = time.monotonic() + seconds
        with self._log_changed:
            while True:
                lines = [json.loads(line) for line in self.log if line.startswith("{")]
                found = [line for line in lines if line.get("event.action") == event]
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                assert left > 0, f"no `{event}` in the log:\n" + "\n".join(self.log)
                self._log_changed.wait(left)

    def stop(self, number=signal.SIGTERM, seconds=40):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds) if self.process else None

    def kill(self):
        """As `kill -9` does; nothing when it is not running."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def close(self):
        self.kill()
        self._pool.shutdown(wait=False)

    def memory_kib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    # Talking to it

    def health(self, path):
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{self.health_port}{path}", timeout=10)

    def caller(self, credential=None, **options):
        return Caller(self.port, self.realm.authority.bundle_file, credential or self.realm.agent, **options)

    def issued_now(self):
        """An `iat` that the continuity fence accepts, once the clock allows it."""
        issued = max(int(time.time()), self.issued_from)
        while time.time() < issued - SKEW:
            time.sleep(0.02)
        return issued

    def claims(self, action, resource, *, credential=None, **options):
        options.setdefault("issued", self.issued_now())
        return tokens.capability(
            settings.BROKER, settings.AUDIENCE, credential or self.realm.agent, action, resource, **options
        )

    def token(self, action, resource, *, algorithm="ES256", **options):
        return self.realm.broker.mint(self.claims(action, resource, **options), algorithm)

    def call(self, method, target, *, credential=None, token=None, token_for=None, on=None, **options):
        """A call with a fresh token for it (or for `token_for`)."""
        names = {"body", "fields", "carrier"}
        rest = {name: options.pop(name) for name in list(options) if name in names}
        token = token or self.token(method, token_for or target, credential=credential, **options)
        return self.caller(credential).call(method, target, token=token, on=on, **rest)

    def tool_call(self, name, arguments, *, identifier=7, token=None, fields=None, **options):
        """MCP `tools/call` with a fresh token."""
        message = {
            "jsonrpc": "2.0",
            "id": identifier,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments},
        }
        token = token or self.token("tools/call", name, **options)
        return self.caller(options.get("credential")).call(
            "POST", "/mcp", token=token, body=message, fields=fields
        )

    def hold(self, path, **options):
        """A call that waits for people; the future of its answer."""
        return self.later(self.call, "POST", path, body={"rows": 5000}, **options)

    def post_bytes(self, path, body=b'{"rows":1}', **options):
        """The same as raw bytes, with a fresh token."""
        token = self.token("POST", path, **options)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def get_bytes(self, path):
        """A GET as raw bytes, with a fresh token."""
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\n"
            f"Authorization: Bearer {self.token('GET', path)}\r\n\r\n"
        ).encode()

    def seen(self, path):
        """The first request of this path that the tool got."""
        return self.tool.wait_for(path)[0]

    def effect_of(self, path):
        """What the ledger says became of it."""
        request_id = self.seen(path).value("sallyport-request-id")
        return self.ledger.wait_for("effect", call=request_id)[0]

    def later(self, function, *arguments, **options):
        return self._pool.submit(function, *arguments, **options)

    def approver(self, subject="alice-1", **options):
        return Approver(
            f"http://127.0.0.1:{self.approvals_port}",
            bearer=tokens.login(self.realm.login, subject, **options),
        )
