"""What the tool sees, what comes back, and what happens when the tool misbehaves."""

import hashlib
import os
import re

import pytest

from support.client import read_all, read_answers
from support.settings import TOOL_HOST
from support.tool import Tool, raw_answer, respond

MEBI = 1 << 20


def test_the_token_and_hop_by_hop_fields_stay_here(proxy, name):
    path = f"/open/{name}"
    answer = proxy.call(
        "GET",
        path,
        fields={
            "Connection": "keep-alive, TE",
            "Keep-Alive": "timeout=5",
            "TE": "trailers",
            "Proxy-Authorization": "Basic eA==",
            "Proxy-Connection": "keep-alive",
            "X-Kept": "yes",
            "Accept": "application/json",
        },
    )
    assert answer.status == 200
    names = [field.lower() for field, _ in proxy.seen(path).fields]
    for gone in (
        "authorization",
        "sallyport-capability",
        "te",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "dpop",
    ):
        assert gone not in names, names
    assert "x-kept" in names and "accept" in names


def test_what_an_agent_claims_about_itself_is_removed(proxy, name):
    path = f"/open/{name}"
    forged = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Client-Cert": "Hash=1",
        "X-Forwarded-Anything": "x",
        "Forwarded": "for=10.0.0.1",
        "Client-Cert": ":AA==:",
        "Client-Cert-Chain": ":AA==:",
        "Sallyport-Agent": "spiffe://example.org/admin",
        "Sallyport-Subject": "root",
        "Sallyport-Request-Id": "mine",
        "X-Real-IP": "10.0.0.1",
        "Via": "1.1 elsewhere",
    }
    assert proxy.call("GET", path, fields=forged).status == 200
    request = proxy.seen(path)
    text = "\n".join(f"{key}: {value}" for key, value in request.fields)
    for value in ("10.0.0.1", "Hash=1", "AA==", "admin", "root", "mine", "elsewhere"):
        assert value not in text, text


def test_where_the_call_comes_from_is_added(proxy, name):
    path = f"/open/{name}"
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert proxy.call("GET", path, fields={"Traceparent": parent}).status == 200
    request = proxy.seen(path)
    assert request.values("host") == [TOOL_HOST]
    assert re.search(
        r'for="127\.0\.0\.1:\d+"', request.value("forwarded")
    ) and "proto=https" in request.value("forwarded")
    trace = request.values("traceparent")
    assert len(trace) == 1 and trace[0].split("-")[1] == parent.split("-")[1]
    assert trace[0].split("-")[2] != parent.split("-")[2], "our call is a child"
    assert len(request.values("sallyport-request-id")) == 1


def test_a_broken_traceparent_starts_a_new_trace(proxy, name):
    path = f"/open/{name}"
    assert proxy.call("GET", path, fields={"Traceparent": "00-zz-zz-zz"}).status == 200
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", proxy.seen(path).value("traceparent"))


def test_the_request_id_leads_to_the_decision(proxy, name):
    path = f"/open/{name}"
    assert proxy.call("GET", path).status == 200
    request_id = proxy.seen(path).value("sallyport-request-id")
    assert len(proxy.ledger.wait_for("decision", request_id=request_id)) == 1


def test_a_static_credential_is_injected_and_agents_cannot_replace_it(make_proxy):
    def change(proxy):
        (proxy.directory / "tool.key").write_text("Bearer tool-secret\n")
        proxy.tool_settings["upstream"]["credential"] = {"header": "authorization", "file": "tool.key"}

    proxy = make_proxy(change=change)
    assert proxy.call("GET", "/open/injected").status == 200
    assert (
        proxy.call(
            "GET", "/open/forged", carrier="Sallyport-Capability", fields={"Authorization": "Bearer mine"}
        ).status
        == 200
    )
    for path in ("/open/injected", "/open/forged"):
        assert proxy.seen(path).values("authorization") == ["Bearer tool-secret"]
    proxy.stop()
    everything = "\n".join(proxy.log) + proxy.ledger.segments[0].read_bytes().decode(errors="replace")
    assert "tool-secret" not in everything


@pytest.mark.parametrize("size", [0, 1, 1000, MEBI - 1])
def test_an_inspected_body_is_forwarded_byte_for_byte(proxy, name, size):
    path = f"/held/{name}"
    body = os.urandom(size)
    call = proxy.later(
        proxy.call, "POST", path, body=body, fields={"Content-Type": "application/octet-stream"}
    )
    proxy.approver("alice-1").approve(path)
    answer = call.result(30)
    assert answer.status == 200 and answer.json["sha256"] == hashlib.sha256(body).hexdigest()


def test_an_inspected_body_over_the_limit_is_refused_before_it_is_sent(proxy, name):
    path = f"/held/{name}"
    token = proxy.token("POST", path)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {MEBI + 1}\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = proxy.caller().raw(head.encode(), timeout=5)
    assert answer.startswith(b"HTTP/1.1 413") and b"body-too-large" in answer
    assert proxy.call("POST", path, token=token, body=b"", fields={"Prefer": "wait=0"}).status == 503, (
        "not spent"
    )
    chunked = (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nAuthorization: Bearer "
        f"{proxy.token('POST', path)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with proxy.caller().connect() as sock:
        try:
            sock.sendall(chunked + chunk * 17)
        except OSError:
            pass
        assert read_all(sock, 10, quiet=1).startswith(b"HTTP/1.1 413")
    assert not proxy.tool.seen(path)
    for approval in proxy.approver("alice-1").pending():
        if approval["resource"] == path:
            proxy.approver("alice-1").review(approval, "deny")


def test_expect_100_continue_is_answered(proxy, name):
    path = f"/open/{name}"
    token = proxy.token("POST", path)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    )
    with proxy.caller().connect() as sock:
        sock.sendall(head.encode())
        sock.settimeout(10)
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(b"hello")
        assert read_answers(sock, 1)[0].status == 200
    assert proxy.seen(path).body == b"hello" and not proxy.seen(path).values("expect")


def test_connections_are_kept_on_both_sides(proxy, name):
    connection = proxy.caller().connection()
    for i in range(20):
        assert proxy.call("GET", f"/open/{name}-{i}", on=connection).status == 200
    used = {request.connection for request in proxy.tool.seen(f"/open/{name}")}
    assert len(used) == 1, "the tool saw one connection"


def test_head_has_no_body_and_204_and_304_neither(proxy, name):
    for status in ("204 No Content", "304 Not Modified"):
        path = f"/open/{name}-{status[:3]}"
        proxy.tool.behaviour[path] = lambda sock, _, s=status: sock.sendall(
            f"HTTP/1.1 {s}\r\nX-A: 1\r\n\r\n".encode()
        )
        connection = proxy.caller().connection()
        answer = proxy.call("GET", path, on=connection)
        assert answer.status == int(status[:3]) and answer.body == b"" and answer.field("x-a") == "1"
        assert proxy.call("GET", f"/open/{name}", on=connection).status == 200
    assert proxy.call("HEAD", f"/open/{name}").body == b""


def test_informational_answers_do_not_confuse(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = raw_answer(
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", False
    )
    assert proxy.call("GET", path).body == b"ok"


def test_the_tools_own_errors_pass(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = lambda sock, _: respond(sock, b"broken", status="500 Internal Server Error")
    answer = proxy.call("GET", path)
    assert (answer.status, answer.body) == (500, b"broken")


def test_hop_by_hop_fields_of_the_tool_stay_there(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = lambda sock, _: respond(
        sock, b"{}", fields=[("Connection", "keep-alive"), ("Keep-Alive", "timeout=99"), ("X-Kept", "1")]
    )
    answer = proxy.call("GET", path)
    assert answer.status == 200 and answer.field("keep-alive") is None and answer.field("x-kept") == "1"


def test_a_unix_socket_upstream(make_proxy, tmp_path):
    tool = Tool(unix_path=tmp_path / "tool.sock")
    proxy = make_proxy(tool=tool)
    assert proxy.call("GET", "/open/unix").status == 200
    assert proxy.seen("/open/unix").values("host") == [TOOL_HOST]


def test_many_calls_at_once_each_get_their_own_answer(proxy, name):
    def one(i):
        answer = proxy.call("POST", f"/open/{name}-{i}", body=f"{i}".encode())
        return answer.status, answer.json["target"], answer.json["sha256"]

    for i, future in enumerate([proxy.later(one, i) for i in range(64)]):
        sha = hashlib.sha256(f"{i}".encode()).hexdigest()
        assert future.result(60) == (200, f"/open/{name}-{i}", sha)
