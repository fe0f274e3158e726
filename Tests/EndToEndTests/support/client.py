"""Callers: Python's `ssl` with raw bytes or `http.client`, and the `curl` binary."""

import http.client
import json
import re
import socket
import ssl
import subprocess


def tls_context(bundle_file=None, credential=None, maximum=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if bundle_file:
        context.load_verify_locations(str(bundle_file))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # A client may be as careless as it likes; it is the proxy that has to be strict.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if credential:
        context.load_cert_chain(str(credential.cert_file), str(credential.key_file))
    if maximum:
        context.maximum_version = maximum
    context.set_alpn_protocols(["http/1.1"])
    return context


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def slug(self):
        """The last segment of an RFC 9457 problem type."""
        return self.json["type"].rpartition("/")[2]

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:400]!r}>"


class Caller:
    """An agent with its SVID."""

    def __init__(self, port, bundle_file, credential, timeout=60):
        self.port, self.bundle_file, self.credential, self.timeout = port, bundle_file, credential, timeout
        self.context = tls_context(bundle_file, credential)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        return self.context.wrap_socket(sock, server_hostname="localhost")

    def connection(self):
        return http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=self.timeout)

    def call(self, method, target, *, token=None, body=None, fields=None, on=None, carrier="Authorization"):
        """One request on its own connection, or `on` a given one."""
        connection = on or self.connection()
        fields = dict(fields or {})
        if token:
            fields[carrier] = f"Bearer {token}" if carrier == "Authorization" else token
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, target, body=body, headers=fields)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            if on is None:
                connection.close()

    def raw(self, data, *, timeout=10, quiet=0.5):
        """Sends bytes and returns everything that comes back until the proxy closes or is silent."""
        with self.connect() as sock:
            sock.sendall(data)
            return read_all(sock, timeout, quiet)

    def curl(self, *arguments):
        command = [
            "curl",
            "-q",
            "-sS",
            "--noproxy",
            "*",
            "--max-time",
            "30",
            "--cacert",
            str(self.bundle_file),
            "--cert",
            str(self.credential.cert_file),
            "--key",
            str(self.credential.key_file),
            "-w",
            "\n%{http_code}",
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


def read_to_end(sock, timeout):
    """Everything until the other side closes; that it does not is an error."""
    sock.settimeout(timeout)
    data = b""
    try:
        while piece := sock.recv(1 << 16):
            data += piece
    except TimeoutError:
        raise AssertionError(f"still open after {timeout} s: {data[:300]!r}") from None
    except (OSError, ssl.SSLError):
        pass
    return data


def read_all(sock, timeout, quiet=None):
    """Until the end, an error, or `quiet` seconds without a byte after the first."""
    sock.settimeout(timeout)
    data = b""
    try:
        while piece := sock.recv(1 << 16):
            data += piece
            if quiet:
                sock.settimeout(quiet)
    except (OSError, ssl.SSLError):
        pass
    return data


def read_answers(sock, count, timeout=30):
    """Exactly `count` answers with Content-Length from a raw connection."""
    sock.settimeout(timeout)
    answers, data = [], b""
    while len(answers) < count:
        head, mark, rest = data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I) if mark else None
        if mark and len(rest) >= (int(length[1]) if length else 0):
            size = int(length[1]) if length else 0
            lines = head.decode("latin-1").split("\r\n")
            fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
            answers.append(Answer(int(lines[0].split()[1]), fields, rest[:size]))
            data = rest[size:]
            continue
        piece = sock.recv(1 << 16)
        if not piece:
            break
        data += piece
    return answers


def statuses(data):
    """The status codes in a raw byte stream of answers."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
