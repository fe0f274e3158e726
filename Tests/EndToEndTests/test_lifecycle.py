"""Health, metrics, draining, and a crowd of idle connections."""

import http.client
import json
import os
import resource
import signal
import socket
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.client import read_to_end
from support.proxy import run
from support.tool import slow


def test_health_endpoints(proxy):
    assert proxy.health("/livez").status_code == 200
    ready = proxy.health("/readyz?verbose")
    assert ready.status_code == 200
    for check in ("identity", "rules", "ledger"):
        assert f"[+]{check} ok" in ready.text
    version = proxy.health("/version").json()
    assert version["version"] in run("version").stdout
    assert proxy.health("/nothing").status_code == 404


def test_the_health_listener_changes_nothing(proxy):
    import requests

    for method in ("POST", "PUT", "DELETE"):
        answer = requests.request(method, f"http://127.0.0.1:{proxy.health_port}/readyz", timeout=10)
        assert answer.status_code == 405


def samples(proxy):
    answer = proxy.health("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.text))
    assert families and all(family.documentation for family in families)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def total(found, name, **labels):
    return sum(
        value for (each, its), value in found.items() if each == name and labels.items() <= dict(its).items()
    )


def test_metrics_are_prometheus_text_and_count(proxy, name):
    before = samples(proxy)
    assert proxy.call("GET", f"/open/{name}").status == 200
    assert proxy.call("GET", "/open/forbidden").status == 403
    assert proxy.caller().call("GET", f"/open/{name}", token="x").status == 401
    after = samples(proxy)
    requests_total = "sallyport_requests_total"
    assert total(after, requests_total, code="200") > total(before, requests_total, code="200")
    assert total(after, requests_total, code="403") > total(before, requests_total, code="403")
    assert total(after, "sallyport_ledger_records_total") > total(before, "sallyport_ledger_records_total")
    for wanted in (
        "sallyport_request_duration_seconds_count",
        "sallyport_decision_duration_seconds_count",
        "sallyport_claims_live",
        "sallyport_held_requests",
        "sallyport_svid_expiry_timestamp_seconds",
        "sallyport_policy_info",
        "sallyport_build_info",
        "sallyport_ledger_append_duration_seconds_count",
        "sallyport_tls_handshakes_total",
        "sallyport_token_verifications_total",
    ):
        assert any(name == wanted for name, _ in after), wanted
    assert not any("spiffe://" in value for _, labels in after for _, value in labels), "labels are bounded"


def test_ready_soon(make_proxy):
    began = time.monotonic()
    make_proxy()
    assert time.monotonic() - began < 10


def test_sigterm_drains(make_proxy):
    proxy, release = make_proxy(), threading.Event()
    proxy.tool.behaviour["/open/working"] = slow(release)
    working = proxy.later(proxy.call, "GET", "/open/working")
    held = proxy.later(proxy.call, "POST", "/held/waiting", body={})
    idle = proxy.caller().connect()
    proxy.tool.wait_for("/open/working")
    proxy.approver("alice-1").wait_for("/held/waiting")
    proxy.process.send_signal(signal.SIGTERM)

    answer = held.result(20)
    assert answer.status == 503 and answer.field("retry-after"), answer
    assert read_to_end(idle, 20) == b"", "an idle connection is closed"
    assert proxy.process.poll() is None, "the call in flight is waited for"
    assert proxy.health("/readyz").status_code == 503 and proxy.health("/livez").status_code == 200
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", proxy.port), 2).close()
    release.set()
    assert working.result(20).status == 200
    assert proxy.process.wait(30) == 0
    proxy.ledger.follow()
    assert proxy.ledger.records()[-1]["event"] == "stop"
    assert run("ledger", "verify", proxy.ledger.directory).returncode == 0


def test_a_drain_has_an_end(make_proxy):
    def change(proxy):
        proxy.configuration["drain"] = "1s"

    proxy, release = make_proxy(change=change), threading.Event()
    proxy.tool.behaviour["/open/stuck"] = slow(release)
    stuck = proxy.later(proxy.call, "GET", "/open/stuck")
    proxy.tool.wait_for("/open/stuck")
    assert proxy.stop() == 0
    release.set()
    try:
        assert stuck.result(20).status in (502, 503)
    except (OSError, http.client.HTTPException):
        pass  # cut off without an answer, which is as honest
    assert run("ledger", "verify", proxy.ledger.directory).returncode == 0


def test_sigint_ends_it_as_well(make_proxy):
    proxy = make_proxy()
    assert proxy.stop(signal.SIGINT) == 0


def test_a_port_that_is_taken_is_a_clear_error(make_proxy, tmp_path):
    first = make_proxy()
    second = make_proxy(start=False)
    second.tool_settings["listen"] = f"127.0.0.1:{first.port}"
    second.write()
    done = run("proxy", "--config", second.directory / "sallyport.yaml")
    assert done.returncode == 2 and str(first.port) in done.stderr, done.stderr


def test_an_idle_connection_is_closed_after_its_time(make_proxy):
    def change(proxy):
        proxy.tool_settings["limits"] = {"idleTimeout": "1s"}

    proxy = make_proxy(change=change)
    with proxy.caller().connect() as sock:
        assert read_to_end(sock, 20) == b""


def test_a_handshake_that_never_ends_is_cut_off(make_proxy):
    def change(proxy):
        proxy.tool_settings["limits"] = {"headTimeout": "1s"}

    proxy = make_proxy(change=change)
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as sock:
        sock.sendall(b"\x16\x03\x01")
        read_to_end(sock, 20)
    assert proxy.call("GET", "/open/after").status == 200


IDLE_WANTED = int(os.environ.get("SALLYPORT_IDLE_CONNECTIONS", "10000"))
# Descriptors of the test itself, and of the proxy beside its connections.
SPARE = 500


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_thousand_idle_connections_and_calls_still_work(make_proxy):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE_WANTED, hard - SPARE)
    if count < 1000:
        pytest.skip(
            f"the limit of open files ({hard}) forbids a crowd; raise `ulimit -Hn` to {IDLE_WANTED + SPARE}"
        )
    proxy = make_proxy()
    empty = proxy.memory_kib()
    caller, crowd, lock = proxy.caller(), [], threading.Lock()

    def join(share):
        for _ in range(share):
            sock = caller.connect()
            with lock:
                crowd.append(sock)

    try:
        for future in [proxy.later(join, count // 4) for _ in range(4)]:
            future.result(200)
        for i in range(20):
            assert proxy.call("GET", f"/open/crowd-{i}").status == 200
        for sock in crowd[:: max(1, len(crowd) // 20)]:
            sock.sendall(f"GET /public/crowd HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n\r\n".encode())
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
        grown = proxy.memory_kib() - empty
        print(f"{len(crowd)} idle connections, {grown / len(crowd):.1f} KiB each")
        assert grown / len(crowd) < 64, "KiB a connection"
    finally:
        for sock in crowd:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if count < IDLE_WANTED:
        print(f"only {count} of {IDLE_WANTED} connections: the limit of open files is {hard}")
    assert proxy.call("GET", "/open/after-the-crowd").status == 200


def test_the_log_is_json_lines(proxy):
    assert proxy.call("GET", "/open/logged").status == 200
    assert proxy.log
    for line in proxy.log:
        record = json.loads(line)
        assert record["@timestamp"] and record["log.level"] and record["message"]
