"""Agents and clients that do not behave: they reset, read nothing, send half a head. The proxy lives and stays small."""

import socket
import ssl
import struct
import time

from support.settings import AGENT, EVERYTHING


def reset(connection):
    """Ends a connection with a reset instead of a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def head(method, path, port, *fields):
    lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{port}", *fields, "", ""]
    return "\r\n".join(lines).encode()


def test_callers_that_reset_at_any_moment_do_not_end_the_proxy(make_proxy):
    proxy = make_proxy(rules=EVERYTHING)
    for turn in range(120):
        connection = proxy.caller().connect()
        connection.sendall(head("GET", f"/reset/{turn}", proxy.port))
        # From before the pool has a connection to after the tool has answered.
        time.sleep(turn % 6 * 0.001)
        reset(connection)
    assert proxy.call("GET", "/after").status == 200
    assert proxy.process.poll() is None
    # Each call that was let through has exactly one effect, also those whose caller was gone before it was sent.
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        records = proxy.ledger.records()
        decided = {record["call"] for record in records if record["event"] == "decision"}
        ended = [record["call"] for record in records if record["event"] == "effect"]
        if decided == set(ended):
            break
        time.sleep(0.1)
    assert decided == set(ended)
    assert len(ended) == len(set(ended))


def test_a_client_that_reads_nothing_does_not_fill_memory(make_proxy):
    proxy = make_proxy()
    before = proxy.memory_kib()
    agent = proxy.caller().connect()
    plain = socket.create_connection(("127.0.0.1", proxy.health_port))
    for sock, request in [(agent, head("GET", "/none", proxy.port)), (plain, head("GET", "/metrics", proxy.health_port))]:
        sock.settimeout(2)
        sent = 0
        try:
            # 401 answers on one, some kilobytes of metrics each on the other, and none of them read.
            while sent < 32 << 20:
                sent += sock.send(request * 200)
        except (TimeoutError, OSError, ssl.SSLError):
            pass
        assert sent < 32 << 20, "the proxy took requests whose answers nobody reads"
    assert proxy.memory_kib() - before < 48 * 1024
    agent.close()
    plain.close()
    assert proxy.call("GET", "/public/x").status == 200


def test_half_a_head_is_not_waited_for_longer_than_the_limit(make_proxy):
    def change(proxy):
        proxy.tool_settings["limits"] = {"headTimeout": "1s"}

    proxy = make_proxy(change=change)
    with proxy.caller().connect() as connection:
        connection.sendall(b"GET /public/half HTTP/1.1\r\nHost: loc")
        connection.settimeout(15)
        assert connection.recv(1) == b""


def test_an_idle_connection_ends_with_the_callers_svid(make_proxy, realm):
    proxy = make_proxy()
    brief = realm.authority.svid(AGENT, stem="brief-idle", ends=4)
    with proxy.caller(brief).connect() as connection:
        connection.settimeout(20)
        try:
            assert connection.recv(1) == b""
        except ssl.SSLError:
            pass


def test_a_spent_token_stays_spent_between_its_end_and_the_end_of_the_skew_also_after_a_restart(make_proxy):
    skew, lifetime = 4, 1

    def change(proxy):
        proxy.tool_settings["tokens"].update(clockSkew=f"{skew}s", maxLifetime=f"{lifetime}s")

    proxy = make_proxy(change=change)
    # A run that outlasts the claims proves continuity: then nothing but the claim itself stands in the way.
    began = time.time()
    while time.time() < began + lifetime + 2 * skew + 1:
        time.sleep(0.1)
    issued = int(time.time())
    token = proxy.token("GET", "/open/skewed", issued=issued, lifetime=lifetime)
    assert proxy.call("GET", "/open/skewed", token=token).status == 200
    proxy.stop()
    while time.time() < issued + lifetime + 0.5:
        time.sleep(0.05)
    proxy.start(known=True)
    again = proxy.call("GET", "/open/skewed", token=token)
    assert (again.status, again.slug) == (401, "token-replayed")
