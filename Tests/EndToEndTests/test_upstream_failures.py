"""A tool that is away, slow, dies or answers with two meanings: nothing is hidden, nothing is sent twice."""

import socket
import threading

import pytest

from support.tool import hang_up, raw_answer, slow


def test_a_tool_that_is_not_there_is_502_and_known_not_to_have_acted(make_proxy):
    proxy = make_proxy(start=False)
    proxy.tool.close()
    proxy.start()
    answer = proxy.call("POST", "/open/nobody", body=b"{}")
    assert (
        answer.status == 502
        and answer.slug.startswith("upstream-")
        and answer.slug != "upstream-outcome-unknown"
    )
    assert proxy.ledger.wait_for("effect")[-1]["outcome"] == "failed"


def test_a_tool_that_does_not_answer_in_time_is_504(make_proxy):
    def change(proxy):
        proxy.tool_settings["upstream"]["responseTimeout"] = "500ms"

    proxy, release = make_proxy(change=change), threading.Event()
    proxy.tool.behaviour["/open/slow"] = slow(release)
    answer = proxy.call("GET", "/open/slow")
    release.set()
    assert answer.status == 504 and answer.slug.startswith("upstream-")
    assert proxy.ledger.wait_for("effect")[-1]["outcome"] == "unknown"
    assert len(proxy.tool.seen("/open/slow")) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_tool_that_dies_after_the_request_leaves_the_outcome_unknown(proxy, name, method):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = hang_up
    answer = proxy.call(method, path)
    assert (answer.status, answer.slug) == (502, "upstream-outcome-unknown")
    assert proxy.effect_of(path)["outcome"] == "unknown"
    assert len(proxy.tool.seen(path)) == 1, "it is never sent again"


def test_a_tool_that_dies_on_a_reused_connection_is_not_asked_twice(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = hang_up
    for i in range(3):
        assert proxy.call("GET", f"/open/{name}-warm-{i}").status == 200
        assert proxy.call("POST", path).status == 502
    assert len(proxy.tool.seen(path + "-warm")) == 3 and len(proxy.tool.seen(path)) == 6


def test_an_answer_that_breaks_off_is_cut_off_here_too(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    data = proxy.caller().raw(proxy.get_bytes(path))
    assert data.endswith(b"only this"), "and no byte that the tool did not send"
    assert proxy.effect_of(path)["outcome"] == "unknown"


SMUGGLING = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a bare CR in a field": b"HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: c=d\r\nContent-Length: 2\r\n\r\nok",
    "a folded field": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a NUL": b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok",
    "an upgrade nobody asked for": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_an_answer_with_two_meanings_is_502(proxy, name, shape):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = raw_answer(SMUGGLING[shape])
    connection = proxy.caller().connection()
    answer = proxy.call("GET", path, on=connection)
    assert answer.status == 502 and answer.slug.startswith("upstream-"), answer
    assert proxy.effect_of(path)["outcome"] == "unknown"
    assert proxy.call("GET", f"/open/{name}-after").status == 200


def test_what_follows_an_answer_is_not_taken_for_the_next_one(proxy, name):
    """Response splitting: the second answer on the connection must not reach another caller."""
    path = f"/open/{name}"
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"
    proxy.tool.behaviour[path] = raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison, False)
    for _ in range(5):
        assert proxy.call("GET", path).body == b"ok"
        assert b"poisoned" not in proxy.call("GET", f"/open/{name}-next").body


def test_a_broken_chunk_cuts_the_answer_off(proxy, name):
    path = f"/open/{name}"
    proxy.tool.behaviour[path] = raw_answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n"
    )
    data = proxy.caller().raw(proxy.get_bytes(path))
    assert data.startswith(b"HTTP/1.1 502") or not data.endswith(b"0\r\n\r\n"), data


def test_a_caller_that_leaves_while_the_tool_works_is_recorded(proxy, name):
    path, release = f"/open/{name}", threading.Event()
    proxy.tool.behaviour[path] = slow(release)
    with proxy.caller().connect() as sock:
        sock.sendall(
            (
                f"POST {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nContent-Length: 0\r\n"
                f"Authorization: Bearer {proxy.token('POST', path)}\r\n\r\n"
            ).encode()
        )
        proxy.tool.wait_for(path)
        sock.shutdown(socket.SHUT_RDWR)
    assert proxy.effect_of(path)["outcome"] == "unknown"
    release.set()
