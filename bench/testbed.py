"""What a run stands on: a throw-away PKI and tokens' keys, configurations, processes on loopback, their memory.

Everything lives in one temporary directory and in child processes that this module started; `close()` ends both.
"""
import base64
import getpass
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
AGENT = "spiffe://example.org/agent/sales-bot"
TOOL = "spiffe://example.org/tool/orders-db"
ISSUER = "https://broker.example.org"
READY_SECONDS_MAX = 10
STOP_SECONDS_MAX = 5
# Tokens issued before start + skew are refused when the ledger is new (their `iat` is in whole seconds).
FENCE_SECONDS = 1 + 1.1


class BenchError(Exception):
    """The run cannot go on; the message says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port, path=None):
    """Whether something listens on the port or, with a path, answers it with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
            if path is None:
                return True
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in s.recv(64)
    except OSError:
        return False


def children(pid):
    found = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def status_kib(pid, file, key):
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    raise BenchError(f"no `{key}` in /proc/{pid}/{file}")


class Server:
    """A proxy under test: its process, its children, where it listens."""

    def __init__(self, process, port, ready_ms):
        self.process, self.port, self.ready_ms = process, port, ready_ms

    def pids(self):
        return [self.process.pid, *children(self.process.pid)]

    def pss_kib(self):
        return sum(status_kib(pid, "smaps_rollup", "Pss:") for pid in self.pids())

    def peak_rss_kib(self):
        return sum(status_kib(pid, "status", "VmHWM:") for pid in self.pids())


class Testbed:
    def __init__(self, sallyport, workers, files_max):
        # Not /tmp, which may be memory: `sync` has to reach a disk.
        parent = os.environ.get("TMPDIR", "/var/tmp")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-bench-", dir=parent))
        self.sallyport, self.workers, self.files_max = sallyport, workers, files_max
        self.started = []
        self.upstream_port = free_port()

    def prepare(self):
        self._build_tools()
        self._make_identities()
        self._make_token_keys()
        for name in ("persons.yaml", "policies"):
            source = HERE / "proxy" / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, self.directory / name)
        self.start("upstream", [self.directory / "upstream", str(self.upstream_port)])
        self.wait_until(lambda: answers(self.upstream_port), "the upstream does not listen")

    def _build_tools(self):
        compiler = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra"]
        generator = ["load.c", "client.c", "requests.c", "tokens.c", "options.c"]
        for name, sources in {"load": generator, "verify": ["verify.c"], "upstream": ["upstream.c"]}.items():
            paths = [HERE / "load" / source for source in sources]
            self.command(*compiler, "-o", name, *paths, "-lssl", "-lcrypto", "-pthread")

    def _make_identities(self):
        (self.directory / "ca.cnf").write_text(
            "[req]\nprompt = no\ndistinguished_name = dn\nx509_extensions = ca\n[dn]\nO = Sallyport bench\n[ca]\n"
            "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n"
            "subjectKeyIdentifier = hash\nsubjectAltName = URI:spiffe://example.org\n")
        p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "ca.cnf"]
        self.command("openssl", "req", "-x509", *p256, "-days", "2", "-keyout", "ca.key", "-out", "bundle.pem")
        for name, spiffe_id in {"proxy": TOOL, "agent": AGENT}.items():
            (self.directory / f"{name}.ext").write_text(
                "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n"
                f"extendedKeyUsage = serverAuth, clientAuth\nsubjectAltName = URI:{spiffe_id}\n")
            self.command("openssl", "req", "-new", *p256, "-keyout", f"{name}.key", "-out", f"{name}.csr")
            self.command("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "bundle.pem", "-CAkey", "ca.key",
                         "-CAcreateserial", "-days", "1", "-sha256", "-extfile", f"{name}.ext",
                         "-out", f"{name}.pem")

    def _make_token_keys(self):
        ec, rsa = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        for name, kind in {"es256": ec, "rs256": rsa, "login": ec}.items():
            self.command("openssl", "genpkey", "-algorithm", *kind, "-out", f"{name}.key")
        self._write_jwks("jwks.json", self._ec_jwk("es256"), self._rsa_jwk("rs256"))
        self._write_jwks("login-jwks.json", self._ec_jwk("login"))

    def _write_jwks(self, name, *keys):
        (self.directory / name).write_text(json.dumps({"keys": keys}))

    def _ec_jwk(self, name):
        point = self.command("openssl", "pkey", "-in", f"{name}.key", "-pubout", "-outform", "DER")[-64:]
        return {"kty": "EC", "crv": "P-256", "kid": name, "use": "sig", "alg": "ES256",
                "x": base64url(point[:32]), "y": base64url(point[32:])}

    def _rsa_jwk(self, name):
        text = self.command("openssl", "rsa", "-in", f"{name}.key", "-noout", "-modulus").decode()
        modulus = bytes.fromhex(text.strip().partition("=")[2])
        return {"kty": "RSA", "kid": name, "use": "sig", "alg": "RS256", "n": base64url(modulus), "e": "AQAB"}

    # Processes

    def command(self, *arguments):
        """Runs one program to its end in the temporary directory; its output."""
        done = subprocess.run([str(a) for a in arguments], cwd=self.directory, capture_output=True)
        if done.returncode != 0:
            raise BenchError(f"`{' '.join(map(str, arguments))}` failed:\n{done.stderr.decode()}")
        return done.stdout

    def start(self, name, arguments):
        log = open(self.directory / f"{name}.log", "ab")
        process = subprocess.Popen([str(a) for a in arguments], cwd=self.directory, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
        log.close()
        process.name = name
        self.started.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.started.remove(process)

    def wait_until(self, condition, otherwise, process=None):
        """Polls about once a millisecond."""
        start = time.monotonic()
        while not condition():
            if process is not None and process.poll() is not None:
                raise BenchError(f"`{process.name}` ended with status {process.returncode}:\n{self.log(process)}")
            if time.monotonic() - start > READY_SECONDS_MAX:
                raise BenchError(otherwise + (":\n" + self.log(process) if process else ""))
            time.sleep(0.001)

    def log(self, process):
        return (self.directory / f"{process.name}.log").read_text(errors="replace")[-2000:]

    def _fill(self, source, target, **values):
        text = (HERE / source).read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        (self.directory / target).write_text(text)

    def _serve(self, name, arguments, port, condition):
        start = time.monotonic()
        process = self.start(name, arguments)
        self.wait_until(condition, f"`{name}` is not ready after {READY_SECONDS_MAX} s", process)
        return Server(process, port, (time.monotonic() - start) * 1000)

    def start_nginx(self):
        port = free_port()
        self._fill("peers/nginx.conf", "nginx.conf", PORT=port, UPSTREAM=self.upstream_port, WORKERS=self.workers,
                   FILES=self.files_max, USER=getpass.getuser())
        arguments = ["nginx", "-p", self.directory, "-c", self.directory / "nginx.conf", "-e", "stderr"]
        return self._serve("nginx", arguments, port, lambda: answers(port))

    def start_sallyport(self, name, durability):
        """Keeps the ledger of an earlier start with the same name."""
        port, health = free_port(), free_port()
        self._fill("proxy/sallyport.yaml", f"{name}.yaml", PORT=port, UPSTREAM=self.upstream_port, HEALTH=health,
                   APPROVALS=free_port(), LEDGER=f"ledger-{name}", DURABILITY=durability)
        (self.directory / f"ledger-{name}").mkdir(mode=0o700, exist_ok=True)
        arguments = [self.sallyport, "proxy", "--config", f"{name}.yaml"]
        return self._serve(name, arguments, port, lambda: answers(health, "/readyz"))

    def load_arguments(self, server, token, *extra):
        arguments = [self.directory / "load", "--port", server.port, "--host", f"localhost:{server.port}",
                     "--certificate", "agent.pem", "--key", "agent.key", "--roots", "bundle.pem",
                     "--token", token, *extra]
        if token != "none":
            arguments += ["--token-key", f"{token}.key", "--key-id", token, "--issuer", ISSUER, "--audience", TOOL,
                          "--subject", "alice@example.org"]
        return [str(a) for a in arguments]

    def load(self, server, token, *extra):
        """One run of the load generator to its end: what it printed."""
        return json.loads(self.command(*self.load_arguments(server, token, *extra)))

    def hold(self, server, token, count):
        """Opens idle connections and returns the generator that holds them, once all are open."""
        process = subprocess.Popen(self.load_arguments(server, token, "--connections", count, "--idle"),
                                   cwd=self.directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.name = "load"
        self.started.append(process)
        line = process.stdout.readline()
        if not line or json.loads(line)["unexpected"]:
            raise BenchError(f"{count} idle connections could not be opened on port {server.port}")
        return process

    def release(self, holder):
        holder.stdin.close()
        if holder.wait() != 0:
            raise BenchError("the server closed idle connections")
        self.started.remove(holder)

    def close(self):
        for process in reversed(list(self.started)):
            self.stop(process)
        shutil.rmtree(self.directory, ignore_errors=True)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
