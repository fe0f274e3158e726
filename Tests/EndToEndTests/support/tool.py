"""The tool: a plain HTTP/1.1 server that keeps every request as it came and does what a test tells it."""

import hashlib
import json
import os
import socket
import threading
import time

from support import framing

BODY_KEPT_MAX = 4 << 20


class Gone(Exception):
    """The proxy closed the connection."""


class Stream:
    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def fill(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise Gone
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self.fill()
        part, _, self.buffer = self.buffer.partition(mark)
        return part

    def read_line(self):
        return self.read_until(b"\r\n")

    def read_exactly(self, count, keep):
        while count:
            if not self.buffer:
                self.fill()
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            keep(piece)
            count -= len(piece)


class Tool:
    """`behaviour[path] = function(connection, request)`; without one it says what it saw."""

    def __init__(self, unix_path=None):
        self.unix_path = unix_path
        if unix_path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(unix_path))
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = None if unix_path else self.listener.getsockname()[1]
        self.behaviour, self.requests, self.ambiguous, self.partial = {}, [], [], []
        self.connections = 0
        self._changed = threading.Condition()
        self._sockets = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"unix://{self.unix_path}" if self.unix_path else f"http://127.0.0.1:{self.port}"

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for sock in list(self._sockets):
            sock.close()
        if self.unix_path:
            os.unlink(self.unix_path)

    def seen(self, path):
        """Requests whose target begins with this."""
        with self._changed:
            return [request for request in self.requests if request.target.startswith(path)]

    def wait_for(self, path, count=1, seconds=20):
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = [request for request in self.requests if request.target.startswith(path)]
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                assert left > 0, f"the tool saw {len(found)} requests for {path}, {count} were wanted"
                self._changed.wait(left)

    def _note(self, bucket, value):
        with self._changed:
            bucket.append(value)
            self._changed.notify_all()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.add(sock)
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock, number):
        stream = Stream(sock)
        try:
            while True:
                request = self._read(stream)
                request.connection = number
                act = self.behaviour.get(request.target.partition("?")[0], echo)
                if act(sock, request) is False:
                    return
        except framing.Ambiguous as error:
            self._note(self.ambiguous, f"{error}: {stream.buffer[:300]!r}")
        except (Gone, OSError):
            if stream.buffer:
                self._note(self.partial, stream.buffer)
        finally:
            self._sockets.discard(sock)
            sock.close()

    def _read(self, stream):
        raw = stream.read_until(b"\r\n\r\n")
        request = framing.parse_head(raw)
        path = request.target.partition("?")[0]
        if early := getattr(self.behaviour.get(path), "before_body", None):
            early(stream.sock, request)
        body, sha = [], hashlib.sha256()

        def keep(piece):
            request.body_bytes += len(piece)
            sha.update(piece)
            if request.body_bytes <= BODY_KEPT_MAX:
                body.append(piece)

        framing.read_body(request, stream.read_line, stream.read_exactly, keep)
        request.body, request.body_sha256 = b"".join(body), sha.hexdigest()
        self._note(self.requests, request)
        return request


# Behaviours


def respond(sock, body, status="200 OK", fields=()):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in fields),
    ]
    sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def echo(sock, request):
    fields = [("Content-Type", "application/json")]
    body = {
        "method": request.method,
        "target": request.target,
        "bodyBytes": request.body_bytes,
        "sha256": request.body_sha256,
    }
    encoded = json.dumps(body).encode()
    if request.method == "HEAD":
        sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(encoded)}\r\n\r\n".encode())
    else:
        respond(sock, encoded, fields=fields)


def raw_answer(data, then_close=True):
    """Sends exactly these bytes."""

    def act(sock, _):
        sock.sendall(data)
        return not then_close

    return act


def hang_up(sock, _):
    """Dies after the request, before any answer."""
    return False


def slow(release):
    """Answers when the event is set."""

    def act(sock, request):
        release.wait(60)
        echo(sock, request)

    return act
