"""Bodies larger than memory should hold: streamed both ways, with back-pressure, event by event."""

import hashlib
import json
import os
import re
import threading
import time

from support.client import read_answers
from support.tool import echo, raw_answer

MEBI = 1 << 20


def test_64_mib_stream_through_in_flat_memory(proxy, name):
    path, size, sha = f"/open/{name}", 64 * MEBI, hashlib.sha256()
    piece = os.urandom(MEBI)
    before = proxy.memory_kib()

    def pieces():
        for _ in range(size // MEBI):
            sha.update(piece)
            yield piece

    connection = proxy.caller().connection()
    connection.request(
        "POST",
        path,
        body=pieces(),
        headers={"Authorization": f"Bearer {proxy.token('POST', path)}", "Content-Length": str(size)},
    )
    answer = json.loads(connection.getresponse().read())
    assert answer["bodyBytes"] == size and answer["sha256"] == sha.hexdigest()
    assert proxy.memory_kib() - before < 24 * 1024, "KiB more than before"


def test_a_chunked_body_streams_too(proxy, name):
    path = f"/open/{name}"
    connection = proxy.caller().connection()
    connection.request(
        "POST",
        path,
        body=(b"x" * 1000 for _ in range(100)),
        encode_chunked=True,
        headers={"Authorization": f"Bearer {proxy.token('POST', path)}", "Transfer-Encoding": "chunked"},
    )
    assert connection.getresponse().status == 200
    assert proxy.seen(path).body == b"x" * 100_000


def test_a_slow_reader_holds_the_tool_back(proxy, name):
    path, size, sent = f"/open/{name}", 64 * MEBI, [0]

    def pour(sock, _):
        sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        piece = b"x" * 65536
        while sent[0] < size:
            sock.sendall(piece)
            sent[0] += len(piece)

    proxy.tool.behaviour[path] = pour
    before = proxy.memory_kib()
    with proxy.caller().connect() as sock:
        sock.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nConnection: close\r\n"
                f"Authorization: Bearer {proxy.token('GET', path)}\r\n\r\n"
            ).encode()
        )
        settled = wait_until_still(lambda: sent[0])
        assert settled < 32 * MEBI, "the tool was not held back"
        assert proxy.memory_kib() - before < 24 * 1024
        head, body = read_message(sock)
    assert head.startswith(b"HTTP/1.1 200") and body == size


def wait_until_still(value, seconds=1.0):
    """Until a number is more than zero and has not changed for a while."""
    last, since = value(), time.monotonic()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if value() != last or last == 0:
            last, since = value(), time.monotonic()
        elif time.monotonic() - since > seconds:
            return last
    raise AssertionError("it never came to rest")


def read_message(sock):
    sock.settimeout(60)
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, rest = data.partition(b"\r\n\r\n")
    count = len(rest)
    length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    while count < length:
        piece = sock.recv(1 << 20)
        assert piece, f"ended after {count} of {length}"
        count += len(piece)
    return head, count


def test_a_tool_that_does_not_read_holds_the_agent_back(proxy, name):
    path, release = f"/open/{name}", threading.Event()

    def act(sock, request):
        echo(sock, request)

    act.before_body = lambda sock, request: release.wait(60)
    proxy.tool.behaviour[path] = act
    before, size, sent = proxy.memory_kib(), 32 * MEBI, [0]
    with proxy.caller(timeout=60).connect() as sock:
        sock.sendall(
            (
                f"POST {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nContent-Length: {size}\r\n"
                f"Authorization: Bearer {proxy.token('POST', path)}\r\n\r\n"
            ).encode()
        )

        def push():
            piece = b"x" * 65536
            while sent[0] < size:
                sock.sendall(piece)
                sent[0] += len(piece)

        pushing = proxy.later(push)
        settled = wait_until_still(lambda: sent[0])
        assert settled < 24 * MEBI and proxy.memory_kib() - before < 24 * 1024
        release.set()
        pushing.result(60)
        assert read_answers(sock, 1)[0].status == 200
    assert proxy.seen(path).body_bytes == size


def test_server_sent_events_pass_as_they_come(proxy, name):
    path, go = f"/open/{name}", threading.Event()

    def stream(sock, _):
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for i in range(3):
            event = f"data: {i}\n\n".encode()
            sock.sendall(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            go.wait(30)
            go.clear()
        sock.sendall(b"0\r\n\r\n")

    proxy.tool.behaviour[path] = stream
    connection = proxy.caller().connection()
    connection.request("GET", path, headers={"Authorization": f"Bearer {proxy.token('GET', path)}"})
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    for i in range(3):
        # Each event is here before the tool is allowed to send the next.
        assert response.readline() == f"data: {i}\n".encode() and response.readline() == b"\n"
        go.set()
    assert response.read() == b""


def test_an_answer_that_ends_with_the_connection_is_forwarded_whole(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = raw_answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100_000)
    assert proxy.call("GET", path).body == b"x" * 100_000
