"""Calls that wait for people: held, reviewed, released once, or refused."""

import base64
import hashlib
import hmac
import json
import socket
import time

from support import settings, tokens
from support.client import Caller, read_all
from support.tool import Tool


def test_a_held_call_runs_once_when_it_is_approved(proxy, name):
    path = f"/held/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    assert not call.done() and not proxy.tool.seen(path)
    outcome = alice.approve(path)
    assert outcome["status"] in ("approved", "consumed")
    answer = call.result(30)
    assert answer.status == 200 and json.loads(answer.body)["target"] == path
    assert proxy.tool.wait_for(path)[0].body == b'{"rows": 5000}' and len(proxy.tool.seen(path)) == 1
    records = [
        r["event"] for r in proxy.ledger.records() if approval["id"] in (r.get("approval"), r.get("id"))
    ]
    assert records.index("approval.requested") < records.index("approval.reviewed") < records.index("release")


def test_the_approver_is_shown_exactly_what_is_bound(proxy, name):
    path = f"/held/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    request = approval["request"]
    assert (request["agent"], request["subject"]) == (settings.AGENT, "sam@example.org")
    assert request["iss"] == settings.BROKER
    assert request["audience"] == settings.AUDIENCE and request["protocol"] == "http"
    assert (request["action"], request["resource"], request["arguments"]) == ("POST", path, {"rows": 5000})
    assert approval["digest"] == tokens.digest(request), "anybody can compute the digest"
    assert approval["holds"][0]["rule"] == "held" and approval["holds"][0]["required"] == 1
    assert approval["expiresAt"] > approval["createdAt"]
    alice.approve(path)
    assert call.result(30).status == 200


def test_a_denial_is_final(proxy, name):
    path = f"/held/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    assert alice.review(approval, "deny").status_code == 201
    answer = call.result(30)
    assert (answer.status, answer.slug) == (403, "approval-denied")
    assert proxy.approver("bob-1").review(approval).status_code == 409
    assert not proxy.tool.seen(path)


def test_an_approval_that_nobody_decides_expires(make_proxy):
    rules = settings.RULES.replace("expiresAfter: 60s", "expiresAfter: 2s")
    proxy = make_proxy(rules=rules)
    answer = proxy.hold("/held/expiry").result(30)
    assert (answer.status, answer.slug) == (403, "approval-expired")
    assert not proxy.tool.seen("/held")
    proxy.ledger.wait_for("approval.decided")


def test_a_caller_that_has_gone_ends_its_call_and_not_the_approval(proxy, name):
    path, alice = f"/held/{name}", proxy.approver("alice-1")
    with proxy.caller().connect() as sock:
        sock.sendall(proxy.post_bytes(path))
        approval = alice.wait_for(path)
    deadline = time.monotonic() + 20
    while alice.get("/" + approval["id"]).json()["attached"]:
        assert time.monotonic() < deadline, "the call never ended"
        time.sleep(0.02)
    assert alice.get("/" + approval["id"]).json()["status"] == "pending"
    assert alice.review(approval).status_code == 201
    time.sleep(0.5)
    assert not proxy.tool.seen(path), "nothing runs for a caller that is not there"
    # The same agent repeats the same request with a new token: it runs at once, once.
    again = proxy.caller().raw(proxy.post_bytes(path), timeout=3)
    assert again.startswith(b"HTTP/1.1 200") and len(proxy.tool.seen(path)) == 1
    # A second execution needs a second approval.
    third = proxy.later(proxy.caller().raw, proxy.post_bytes(path), timeout=20)
    fresh = alice.wait_for(path)
    assert fresh["id"] != approval["id"]
    alice.review(fresh, "deny")
    assert third.result(30).startswith(b"HTTP/1.1 403") and len(proxy.tool.seen(path)) == 1


def test_a_caller_that_closes_its_side_without_a_word_is_gone_too(proxy, name):
    path, alice = f"/held/{name}", proxy.approver("alice-1")
    sock = proxy.caller().connect()
    sock.sendall(proxy.post_bytes(path))
    approval = alice.wait_for(path)
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()
    deadline = time.monotonic() + 20
    while alice.get("/" + approval["id"]).json()["attached"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert alice.review(approval, "deny").status_code == 201


def test_other_arguments_are_another_approval(proxy, name):
    path, alice = f"/held/{name}", proxy.approver("alice-1")
    one = proxy.later(proxy.caller().raw, proxy.post_bytes(path, b'{"rows":1}'), timeout=30)
    first = alice.wait_for(path)
    assert alice.review(first).status_code == 201
    assert one.result(40).startswith(b"HTTP/1.1 200")
    two = proxy.later(proxy.caller().raw, proxy.post_bytes(path, b'{"rows":2}'), timeout=30)
    second = alice.wait_for(path)
    assert second["digest"] != first["digest"]
    alice.review(second, "deny")
    assert two.result(40).startswith(b"HTTP/1.1 403")


def test_a_later_equal_call_takes_the_place_of_an_earlier_one(proxy, name):
    path, alice = f"/held/{name}", proxy.approver("alice-1")
    earlier = proxy.hold(path)
    first = alice.wait_for(path)
    later = proxy.hold(path)
    answer = earlier.result(30)
    assert (answer.status, answer.slug) == (409, "superseded")
    assert alice.wait_for(path)["id"] == first["id"]
    alice.approve(path)
    assert later.result(30).status == 200 and len(proxy.tool.seen(path)) == 1


def test_a_held_call_spends_its_token(proxy, name):
    path, alice = f"/held/{name}", proxy.approver("alice-1")
    token = proxy.token("POST", path)
    call = proxy.later(proxy.call, "POST", path, token=token, body={"rows": 5000})
    approval = alice.wait_for(path)
    answer = proxy.call("POST", path, token=token, body={"rows": 5000})
    assert (answer.status, answer.slug) == (401, "token-replayed")
    alice.review(approval, "deny")
    assert call.result(30).status == 403


def test_a_hold_never_outlives_its_peers_svid(make_proxy, realm):
    proxy = make_proxy()
    short = realm.authority.svid(settings.AGENT, ends=6)
    answer = proxy.call("POST", "/held/short", body={}, credential=short)
    assert answer.status == 503 and answer.field("retry-after"), answer
    # The approval stays; a renewed SVID joins it again.
    alice = proxy.approver("alice-1")
    approval = alice.wait_for("/held/short")
    call = proxy.later(proxy.call, "POST", "/held/short", body={})
    assert alice.review(approval).status_code == 201
    assert call.result(30).status == 200 and len(proxy.tool.seen("/held/short")) == 1


def test_the_time_a_connection_is_held_has_a_limit_and_prefer_lowers_it(make_proxy):
    def change(proxy):
        proxy.configuration["approvals"]["hold"] = "2s"

    proxy = make_proxy(change=change)
    answer = proxy.call("POST", "/held/limit", body={})
    assert answer.status == 503 and answer.field("retry-after")
    answer = proxy.call("POST", "/held/prefer", body={}, fields={"Prefer": "wait=0"})
    assert answer.status == 503
    assert {each["resource"] for each in proxy.approver("alice-1").pending()} == {
        "/held/limit",
        "/held/prefer",
    }


def test_an_approval_whose_caller_does_not_come_back_ends(make_proxy):
    """Pending: after `abandonAfter`; approved: after `approvedFor`. Neither runs anything."""

    def change(proxy):
        proxy.configuration["approvals"].update(abandonAfter="1s", approvedFor="1s")

    proxy = make_proxy(change=change)
    alice = proxy.approver("alice-1")
    for path, review in (("/held/abandoned", False), ("/held/unused", True)):
        with proxy.caller().connect() as sock:
            sock.sendall(proxy.post_bytes(path))
            approval = alice.wait_for(path)
        if review:
            assert alice.review(approval).status_code == 201
        deadline = time.monotonic() + 20
        while (status := alice.get("/" + approval["id"]).json()["status"]) in ("pending", "approved"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert status in ("expired", "cancelled") and not proxy.tool.seen(path)
        assert alice.review(approval).status_code == 409


def test_too_many_held_calls_are_refused(make_proxy):
    def change(proxy):
        proxy.tool_settings["limits"] = {"heldCalls": 3, "heldCallsPerAgent": 2}

    proxy, alice = make_proxy(change=change), None
    calls = [proxy.hold(f"/held/{i}") for i in range(2)]
    alice = proxy.approver("alice-1")
    for i in range(2):
        alice.wait_for(f"/held/{i}")
    answer = proxy.call("POST", "/held/third", body={})
    assert answer.status in (429, 503) and answer.slug == "overloaded" and answer.field("retry-after")
    other = proxy.later(proxy.call, "POST", "/held/other", body={}, credential=proxy.realm.second)
    alice.wait_for("/held/other")
    for each in alice.pending():
        alice.review(each, "deny")
    assert {call.result(30).status for call in [*calls, other]} == {403}
    assert proxy.call("GET", "/open/after").status == 200


def test_an_mcp_call_is_held_and_its_denial_is_readable(proxy, name):
    call = proxy.later(proxy.tool_call, "export_orders", {"case": name})
    alice = proxy.approver("alice-1")
    approval = alice.wait_for("export_orders")
    assert approval["request"]["arguments"] == {"case": name} and approval["protocol"] == "mcp"
    alice.review(approval, "deny")
    answer = call.result(30)
    assert answer.status == 200 and answer.json["result"]["isError"] is True
    call = proxy.later(proxy.tool_call, "export_orders", {"case": name, "again": True})
    alice.approve("export_orders")
    assert call.result(30).status == 200


def test_after_a_restart_an_approval_is_pending_and_waits_for_its_caller(make_proxy):
    import signal

    proxy = make_proxy()
    for end in (signal.SIGKILL, signal.SIGTERM):
        path = f"/held/restart-{int(end)}"
        call = proxy.hold(path)
        approval = proxy.approver("alice-1").wait_for(path)
        proxy.ledger.wait_for("approval.requested", approval=approval["id"])
        proxy.stop(end)
        try:
            assert call.result(30).status == 503
        except (ConnectionError, OSError):
            assert end == signal.SIGKILL
        proxy.start()
        alice = proxy.approver("alice-1")
        restored = alice.get("/" + approval["id"]).json()
        assert restored["status"] == "pending" and not restored["attached"] and restored["request"] is None
        assert alice.review(approval).status_code == 409, "its arguments are not at hand"
        call = proxy.hold(path)
        deadline = time.monotonic() + 20
        while not alice.get("/" + approval["id"]).json()["attached"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert alice.review(approval).status_code == 201
        assert call.result(30).status == 200 and len(proxy.tool.seen(path)) == 1


def test_a_hold_is_announced_by_a_log_line_and_a_signed_webhook(make_proxy):
    secret, hook = b"0123456789abcdef0123456789abcdef", Tool()

    def change(proxy):
        (proxy.directory / "hook.secret").write_text("whsec_" + base64.b64encode(secret).decode() + "\n")
        proxy.configuration["approvals"]["webhook"] = {"url": hook.url + "/hook", "secretFile": "hook.secret"}

    proxy = make_proxy(change=change)
    call = proxy.hold("/held/webhook?secret=in-the-query")
    event = hook.wait_for("/hook")[0]
    approval = proxy.approver("alice-1").wait_for("/held/webhook?secret=in-the-query")

    # Standard Webhooks: HMAC-SHA-256 over `id.timestamp.payload`.
    identifier, stamp = event.value("webhook-id"), event.value("webhook-timestamp")
    signed = f"{identifier}.{stamp}.".encode() + event.body
    wanted = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert wanted in event.value("webhook-signature").split() and abs(int(stamp) - time.time()) < 60

    body = json.loads(event.body)
    assert body["specversion"] == "1.0" and body["source"] and body["data"]["approval"] == approval["id"]
    for secret_text in (b"5000", b"in-the-query", b"Bearer", b"eyJ"):
        assert secret_text not in event.body, "arguments and tokens never travel in an announcement"

    line = proxy.wait_for_log("call-held")[0]
    assert approval["id"] in json.dumps(line)
    assert "5000" not in "\n".join(proxy.log) and "eyJ" not in "\n".join(proxy.log)
    proxy.approver("alice-1").review(approval, "deny")
    assert call.result(30).status == 403
    hook.close()


def test_a_webhook_that_fails_is_tried_again_and_delays_nobody(make_proxy):
    from support.tool import respond

    secret, hook, tries = b"0123456789abcdef0123456789abcdef", Tool(), []

    def flaky(sock, request):
        tries.append(request)
        respond(sock, b"", status="500 Oops" if len(tries) == 1 else "204 No Content")

    def change(proxy):
        (proxy.directory / "hook.secret").write_text("whsec_" + base64.b64encode(secret).decode())
        proxy.configuration["approvals"]["webhook"] = {"url": hook.url + "/hook", "secretFile": "hook.secret"}

    hook.behaviour["/hook"] = flaky
    proxy = make_proxy(change=change)
    call = proxy.hold("/held/flaky")
    proxy.approver("alice-1").approve("/held/flaky")
    assert call.result(30).status == 200
    events = hook.wait_for("/hook", 2, seconds=30)
    assert events[0].value("webhook-id") == events[1].value("webhook-id"), (
        "the receiver can tell a repetition"
    )
    hook.close()


def test_a_connection_that_waits_reads_no_further_request(proxy, name):
    path, alice = f"/held/{name}", proxy.approver("alice-1")
    follow = (f"GET /public/{name} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n\r\n").encode()
    with Caller(proxy.port, proxy.realm.authority.bundle_file, proxy.realm.agent).connect() as sock:
        sock.sendall(proxy.post_bytes(path) + follow)
        approval = alice.wait_for(path)
        assert not proxy.tool.seen(f"/public/{name}")
        alice.review(approval, "deny")
        data = read_all(sock, 10, quiet=1)
    assert data.count(b"HTTP/1.1 403") == 1 and data.count(b"HTTP/1.1 200") == 1, data
