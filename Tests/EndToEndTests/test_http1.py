"""HTTP/1.1 is read with one meaning or not at all. Nothing here needs a token: every byte gets its chance."""

import json
import re
import subprocess
import sys

import pytest

from support.client import read_all, read_answers, read_to_end, statuses
from support.proxy import Proxy
from support.settings import EVERYTHING
from support.tool import Tool


@pytest.fixture(scope="module")
def open_door(realm, tmp_path_factory):
    """A proxy that lets everything pass that it can read."""
    tool = Tool()
    proxy = Proxy(
        realm,
        tmp_path_factory.mktemp("http1"),
        tool,
        rules=EVERYTHING,
        change=lambda proxy: proxy.tool_settings.update(
            externalHosts=["localhost", "example.com", "www.example.com", "lab.test"],
            limits={"headTimeout": "3s"},
        ),
    )
    yield proxy.start()
    assert proxy.process.poll() is None, "the proxy died:\n" + "\n".join(proxy.log[-40:])
    proxy.close()
    tool.close()


def request(head, host="localhost", body=b""):
    """`head`: the request line and further lines, without `Host`."""
    first, *rest = head.split("\r\n")
    return "\r\n".join([first, f"Host: {host}", *rest]).encode("latin-1") + b"\r\n\r\n" + body


def raw(proxy, data):
    with proxy.caller().connect() as sock:
        sock.sendall(data)
        return read_all(sock, 6, quiet=0.5)


GOOD = {
    "a GET": request("GET /a HTTP/1.1"),
    "with a query": request("GET /a?b=c&d=%2F HTTP/1.1"),
    "encoded": request("GET /a%20b%C3%A9 HTTP/1.1"),
    "absolute form": request("GET http://localhost/a HTTP/1.1"),
    "a body": request("POST /a HTTP/1.1\r\nContent-Length: 5", body=b"hello"),
    "chunks": request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "chunks with extensions and a trailer": request(
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    ),
    "HTTP/1.0": request("GET /a HTTP/1.0"),
    "an empty value": request("GET /a HTTP/1.1\r\nX-A:"),
    "spaces around a value": request("GET /a HTTP/1.1\r\nX-A: \t b \t"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_plain_request_is_served(open_door, case):
    answer = raw(open_door, GOOD[case])
    assert answer[8:13] == b" 200 ", answer
    assert not open_door.tool.ambiguous


# What smuggling and confusion are made of, with the status that refuses it.
BAD = {
    "both lengths": (
        400,
        request("POST /a HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    "both lengths in the other order": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", body=b"0\r\n\r\n"),
    ),
    "two equal lengths": (
        400,
        request("POST /a HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5", body=b"hello"),
    ),
    "two lengths": (
        400,
        request("POST /a HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6", body=b"hello"),
    ),
    "a list of lengths": (400, request("POST /a HTTP/1.1\r\nContent-Length: 5, 5", body=b"hello")),
    "a signed length": (400, request("POST /a HTTP/1.1\r\nContent-Length: +5", body=b"hello")),
    "a hexadecimal length": (400, request("POST /a HTTP/1.1\r\nContent-Length: 0x5", body=b"hello")),
    "an empty length": (400, request("POST /a HTTP/1.1\r\nContent-Length:", body=b"hello")),
    "a giant length": (400, request("POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999")),
    "an alias of Content-Length": (400, request("POST /a HTTP/1.1\r\nContent_Length: 5", body=b"hello")),
    "an alias of Transfer-Encoding": (400, request("POST /a HTTP/1.1\r\nTransfer_Encoding: chunked")),
    "another coding": (400, request("POST /a HTTP/1.1\r\nTransfer-Encoding: gzip", body=b"0\r\n\r\n")),
    "chunked not last": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    ),
    "chunked twice": (
        400,
        request(
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"
        ),
    ),
    "a tab in the coding": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    ),
    "a coding in HTTP/1.0": (
        400,
        request("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    "a bare LF after the request line": (400, b"GET /a HTTP/1.1\nHost: localhost\r\n\r\n"),
    "a bare LF after a field": (400, b"GET /a HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n"),
    "bare LFs only": (400, b"GET /a HTTP/1.1\nHost: localhost\n\n"),
    "a bare CR in a field": (400, request("GET /a HTTP/1.1\r\nX-A: b\rc")),
    "a NUL in a field": (400, request("GET /a HTTP/1.1\r\nX-A: b\0c")),
    "a control byte in a field": (400, request("GET /a HTTP/1.1\r\nX-A: b\x01c")),
    "a folded field": (400, request("GET /a HTTP/1.1\r\nX-A: b\r\n c")),
    "a folded first field": (400, b"GET /a HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    "a space before the colon": (400, request("GET /a HTTP/1.1\r\nX-A : b")),
    "a field without a name": (400, request("GET /a HTTP/1.1\r\n: b")),
    "a field without a colon": (400, request("GET /a HTTP/1.1\r\nX-A")),
    "two spaces in the request line": (400, request("GET  /a HTTP/1.1")),
    "a tab in the request line": (400, request("GET\t/a HTTP/1.1")),
    "no version": (400, b"GET /a\r\n\r\n"),
    "another version": (505, request("GET /a HTTP/2.0")),
    "a version of two digits": (400, request("GET /a HTTP/1.10")),
    "no Host": (400, b"GET /a HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET /a HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
    "a Host with a path": (400, request("GET /a HTTP/1.1", host="localhost/evil")),
    "a Host with a user": (400, request("GET /a HTTP/1.1", host="user@localhost")),
    "an absolute form of another host": (400, request("GET http://example.com/a HTTP/1.1")),
    "Connection that names a judged field": (
        400,
        request("GET /a HTTP/1.1\r\nConnection: x-tenant\r\nX-Tenant: a"),
    ),
    "Connection that names Authorization": (
        400,
        request("GET /a HTTP/1.1\r\nConnection: close, authorization"),
    ),
    "Connection that names Host": (400, request("GET /a HTTP/1.1\r\nConnection: host")),
    "a method override": (
        400,
        request("POST /a HTTP/1.1\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 0"),
    ),
    "another URL": (400, request("GET /a HTTP/1.1\r\nX-Original-URL: /admin")),
    "a rewritten URL": (400, request("GET /a HTTP/1.1\r\nX-Rewrite-URL: /admin")),
    "an alias of one of ours": (400, request("GET /a HTTP/1.1\r\nSallyport_Agent: admin")),
    "an alias of X-Forwarded-For": (400, request("GET /a HTTP/1.1\r\nX_Forwarded_For: 1.2.3.4")),
    "a websocket upgrade": (
        501,
        request(
            "GET /a HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
        ),
    ),
    "an h2c upgrade": (
        400,
        request(
            "GET /a HTTP/1.1\r\nConnection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM"
        ),
    ),
    "an h2c upgrade without settings": (
        501,
        request("GET /a HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c"),
    ),
    "the HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "CONNECT": (501, b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"),
    "TRACE": (501, request("TRACE /a HTTP/1.1")),
    "the asterisk": (400, request("OPTIONS * HTTP/1.1")),
    "an unknown expectation": (417, request("POST /a HTTP/1.1\r\nExpect: 200-ok\r\nContent-Length: 0")),
    "a chunk size that is none": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"0x5\r\nhello"),
    ),
    "a chunk size with a space": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b" 5\r\nhello\r\n0\r\n\r\n"),
    ),
    "a chunk that is longer than it says": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"5\r\nhello!\r\n0\r\n\r\n"),
    ),
    "a chunk line that ends in LF": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"5\nhello\r\n0\r\n\r\n"),
    ),
    "a giant chunk": (
        400,
        request("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n"),
    ),
    "a trailing NUL": (400, request("GET /a HTTP/1.1\0")),
}


@pytest.mark.parametrize("case", BAD)
def test_an_ambiguous_request_is_refused(open_door, case):
    status, data = BAD[case]
    before = len(open_door.tool.requests)
    answer = raw(open_door, data)
    if "chunk" in case and answer == b"":
        return  # the head was good, and the body broke on its way to the tool: the connection is cut
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert len(open_door.tool.requests) == before and not open_door.tool.ambiguous


TARGETS = {
    "/a%2Fb": 400,
    "/a%2fb": 400,
    "/a%00": 400,
    "/a%252e": 400,
    "/%61": 400,
    "/a/../b": 400,
    "/a/%2e%2e/b": 400,
    "/a/.": 400,
    "/..": 400,
    "//a": 400,
    "/a//b": 400,
    "/a;b=c": 400,
    "/a#b": 400,
    "/a\\b": 400,
    "/a%5Cb": 400,
    "/a?": 400,
    "/a%": 400,
    "/a%zz": 400,
    "/a%ff": 400,
    "a": 400,
    "/a b": 400,
    "/é": 400,
    "/a%c3%a9": 400,
    "ftp://localhost/a": 400,
    "/a%C3%A9": 200,
    "/a?b=%2F..%2F": 200,
    "/a/b/": 200,
    "/" + "a" * 9000: 414,
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:30])
def test_only_a_canonical_target_is_read(open_door, target):
    before = len(open_door.tool.requests)
    answer = raw(open_door, request(f"GET {target} HTTP/1.1"))
    assert answer.startswith(f"HTTP/1.1 {TARGETS[target]} ".encode()), answer
    if TARGETS[target] == 200:
        assert open_door.tool.requests[-1].target == target
    else:
        assert len(open_door.tool.requests) == before


@pytest.mark.parametrize(
    "host, status",
    [
        ("localhost", 200),
        ("LOCALHOST", 200),
        ("localhost:{port}", 200),
        ("example.com", 200),
        ("localhost:1", 421),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1", 421),
        ("", 400),
        ("localhost:", 400),
    ],
)
def test_host_must_be_ours(open_door, host, status):
    answer = raw(open_door, request("GET /host HTTP/1.1", host=host.format(port=open_door.port)))
    assert answer[9:12] == str(status).encode() or (status == 400 and answer[9:12] == b"421"), answer


def test_limits_of_the_head(open_door):
    many = "\r\n".join(f"X-{i}: a" for i in range(120))
    assert raw(open_door, request(f"GET /a HTTP/1.1\r\n{many}")).startswith(b"HTTP/1.1 431 ")
    long = request("GET /a HTTP/1.1\r\nX-A: " + "a" * 70000)
    assert raw(open_door, long).startswith(b"HTTP/1.1 431 ")
    assert raw(open_door, request("GET /a HTTP/1.1\r\nX-A: " + "a" * 30000)).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(open_door):
    data = b"".join(request(f"GET /pipe/{i} HTTP/1.1") for i in range(10))
    with open_door.caller().connect() as sock:
        sock.sendall(data)
        answers = read_answers(sock, 10)
    assert [json.loads(answer.body)["target"] for answer in answers] == [f"/pipe/{i}" for i in range(10)]


def test_what_follows_a_refused_request_is_not_read(open_door):
    bad = request("POST /a HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", body=b"0\r\n\r\n")
    answer = raw(open_door, bad + request("GET /smuggled HTTP/1.1"))
    assert statuses(answer) == [400] and not open_door.tool.seen("/smuggled")


def test_a_refused_body_is_never_taken_for_a_request(open_door):
    inner = request("GET /hidden HTTP/1.1")
    outer = request(
        f"POST /elsewhere HTTP/1.1\r\nContent-Length: {len(inner)}", host="evil.example", body=inner
    )
    answer = raw(open_door, outer)
    assert statuses(answer) == [421] and not open_door.tool.seen("/hidden")


@pytest.mark.parametrize("body", [b"", b"hel"])
def test_a_truncated_body_is_never_completed(open_door, body, name):
    path = f"/truncated/{name}"
    before = len(open_door.tool.seen(path))
    with open_door.caller().connect() as sock:
        sock.sendall(request(f"POST {path} HTTP/1.1\r\nContent-Length: 5", body=body))
        sock.unwrap()
    with open_door.caller().connect() as sock:
        sock.sendall(request(f"POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"5\r\n" + body))
    assert raw(open_door, request("GET /after HTTP/1.1")).startswith(b"HTTP/1.1 200 ")
    assert len(open_door.tool.seen(path)) == before, "the tool never got a whole request"


def test_a_head_that_never_ends_is_cut_off(open_door):
    with open_door.caller().connect() as sock:
        sock.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n")
        data = read_to_end(sock, 10)
        assert data == b"" or data.startswith(b"HTTP/1.1 408"), data
    assert not open_door.tool.seen("/slow")


def test_a_request_one_byte_at_a_time_is_the_same_request(open_door):
    data = request("POST /slowly HTTP/1.1\r\nTransfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n")
    with open_door.caller().connect() as sock:
        for i in range(len(data)):
            sock.sendall(data[i : i + 1])
        assert read_answers(sock, 1)[0].status == 200
    assert open_door.tool.seen("/slowly")[0].body == b"abc"


def test_http_1_0_closes_unless_asked(open_door):
    with open_door.caller().connect() as sock:
        sock.sendall(request("GET /old HTTP/1.0"))
        data = read_to_end(sock, 10)
    assert b" 200 " in data[:20] and b"chunked" not in data


def test_random_bytes_never_kill_the_proxy(open_door):
    import random

    seed = 20260101
    source = random.Random(seed)
    good = [*GOOD.values(), *(data for _, data in BAD.values())]
    for turn in range(150):
        data = bytearray(source.choice(good))
        for _ in range(source.randint(1, 8)):
            place = source.randrange(len(data) + 1)
            edit = source.random()
            if edit < 0.4 and data:
                data[place % len(data)] = source.randrange(256)
            elif edit < 0.7:
                data[place:place] = bytes(source.randrange(256) for _ in range(source.randint(1, 6)))
            else:
                del data[place : place + source.randint(1, 6)]
        try:
            with open_door.caller().connect() as sock:
                sock.sendall(bytes(data))
                read_all(sock, 0.1, quiet=0.05)
        except OSError:
            pass
        assert open_door.process.poll() is None, f"seed {seed} turn {turn}: {bytes(data)!r}"
    assert not open_door.tool.ambiguous, f"seed {seed}: {open_door.tool.ambiguous}"
    assert raw(open_door, request("GET /alive HTTP/1.1")).startswith(b"HTTP/1.1 200 ")


def requests_in(data):
    """An upper bound of how many requests a correct reader may find."""
    return max(1, len(re.findall(rb"(?:^|\n)[A-Z]{3,10} \S+ HTTP/1", data)))


def test_nothing_of_a_foreign_corpus_reaches_the_tool_ambiguous_or_split(open_door, vectors):
    cases = json.loads((vectors / "h1corpus.json").read_text())
    open_door.tool.ambiguous.clear()
    # Ports come round again: requests of earlier tests must not count for a case of this one.
    open_door.tool.requests.clear()
    judged = []

    def one(case):
        data = case["raw"].encode("latin-1")
        try:
            with open_door.caller().connect() as sock:
                own = sock.getsockname()[1]
                sock.sendall(data)
                answer = read_all(sock, 1.5, quiet=0.3)
        except OSError:
            own, answer = None, b""
        return case, own, data, answer

    for future in [open_door.later(one, case) for case in cases]:
        judged.append(future.result(60))
    assert not open_door.tool.ambiguous, open_door.tool.ambiguous
    # `Forwarded` tells which connection a request came from.
    by_port = {}
    for seen in open_door.tool.requests:
        if match := re.search(r'for="127\.0\.0\.1:(\d+)"', seen.value("forwarded") or ""):
            by_port.setdefault(int(match[1]), []).append(seen)
    split = [case["id"] for case, own, data, _ in judged if len(by_port.get(own, [])) > requests_in(data)]
    assert not split, split
    assert open_door.process.poll() is None
    let_through = [case["id"] for case, own, _, _ in judged if case["want"] == "reject" and by_port.get(own)]
    assert len(let_through) <= 12, f"wanted refused, forwarded in a clean form: {let_through}"


def test_the_published_judge_finds_nothing_dirty_and_nothing_split(make_proxy, vectors):
    judge = vectors.parent / "tools" / "h1_corpus.py"
    if not judge.exists():
        pytest.skip("h1_corpus.py is not beside SALLYPORT_VECTORS")
    from support.proxy import free_ports

    upstream = free_ports(1)[0]

    def change(proxy):
        proxy.tool_settings["externalHosts"] = ["localhost", "example.com", "www.example.com", "lab.test"]
        proxy.tool_settings["upstream"]["url"] = f"http://127.0.0.1:{upstream}"

    proxy = make_proxy(rules=EVERYTHING, change=change)
    realm = proxy.realm
    done = subprocess.run(
        [
            sys.executable,
            str(judge),
            str(vectors / "h1corpus.json"),
            "--target",
            f"127.0.0.1:{proxy.port}",
            "--upstream",
            str(upstream),
            "--cert",
            str(realm.agent.cert_file),
            "--key",
            str(realm.agent.key_file),
            "--ca",
            str(realm.authority.bundle_file),
            "--wait",
            "0.3",
        ],
        capture_output=True,
        text=True,
        timeout=110,
    )
    print(done.stdout)
    assert done.returncode == 0 and " 0 failed" in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]
