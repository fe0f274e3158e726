"""Allow, Deny and Hold over HTTP and MCP; what the rules read of arguments, query and headers."""

import pytest


def denied(answer):
    return (answer.status, answer.slug) == (403, "policy-denied")


def test_what_no_rule_allows_is_denied(proxy):
    answer = proxy.call("GET", "/nowhere/else")
    assert denied(answer) and not proxy.tool.seen("/nowhere")


def test_a_deny_wins_and_says_its_message(proxy):
    answer = proxy.call("GET", "/open/forbidden")
    assert (
        denied(answer)
        and "Nobody may do this." in answer.json["detail"]
        and answer.json["rule"] == "forbidden"
    )


@pytest.mark.parametrize("path", ["/open", "/open/a/b", "/opened/a", "/Open/a"])
def test_a_path_segment_pattern_matches_one_segment(proxy, path):
    assert denied(proxy.call("GET", path))


def test_a_method_that_is_not_named_is_denied(proxy):
    assert denied(proxy.call("PATCH", "/open/method"))


AMOUNTS = {
    "small": ({"amount": 99.99, "currency": "EUR"}, 200),
    "exactly the bound": ({"amount": 100, "currency": "EUR"}, 403),
    "exactly below it": ({"amount": "RAW:99.99999999999999999999", "currency": "EUR"}, 200),
    "exactly above it": ({"amount": "RAW:100.00000000000000000001", "currency": "USD"}, 403),
    "as text": ({"amount": "5", "currency": "EUR"}, 403),
    "absent": ({"currency": "EUR"}, 403),
    "another currency": ({"amount": 5, "currency": "eur"}, 403),
    "an array": ({"amount": [1, 2], "currency": "EUR"}, 200),
    "an array with one too large": ({"amount": [1, 200], "currency": "EUR"}, 403),
}


@pytest.mark.parametrize("kind", AMOUNTS)
def test_arguments_of_a_json_body_decide(proxy, kind):
    import json
    import re

    body, status = AMOUNTS[kind]
    text = re.sub(r'"RAW:([^"]*)"', r"\1", json.dumps(body)).encode()
    answer = proxy.call("POST", "/amount/x", body=text, fields={"Content-Type": "application/json"})
    assert answer.status == status, answer


UNREADABLE = {
    "a duplicate key": (b'{"amount":1,"amount":1000,"currency":"EUR"}', "application/json", 400),
    "two values": (b'{"amount":1,"currency":"EUR"} {}', "application/json", 400),
    "no value": (b"", "application/json", 403),
    "not UTF-8": (b'{"amount":1,"currency":"\xff"}', "application/json", 400),
    "a lone surrogate": (b'{"amount":1,"currency":"\\ud800"}', "application/json", 400),
    "too deep": (b"[" * 5000 + b"]" * 5000, "application/json", 400),
    "a form": (b"amount=1&currency=EUR", "application/x-www-form-urlencoded", 403),
    "another charset": (b'{"amount":1,"currency":"EUR"}', "application/json; charset=utf-16", 415),
    "two types": (b'{"amount":1,"currency":"EUR"}', "application/json, text/plain", 400),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_body_that_may_be_read_in_two_ways_is_not_judged(proxy, kind):
    body, content_type, status = UNREADABLE[kind]
    before = len(proxy.tool.seen("/amount"))
    answer = proxy.call("POST", "/amount/y", body=body, fields={"Content-Type": content_type})
    assert answer.status == status, answer
    assert len(proxy.tool.seen("/amount")) == before


def test_a_compressed_body_is_not_judged(proxy):
    import gzip

    answer = proxy.call(
        "POST",
        "/amount/z",
        body=gzip.compress(b'{"amount":1,"currency":"EUR"}'),
        fields={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert answer.status == 415


@pytest.mark.parametrize(
    "query, status",
    [
        ("file=report.pdf", 200),
        ("file=secret.pdf", 403),
        ("file=..%2Fsecret.pdf", 403),
        ("file=REPORT.pdf", 403),
        ("file=report.pdf%0A", 403),
        ("file=a.pdf&file=secret.pdf", 400),
        ("file%5B%5D=a.pdf", 400),
        ("file=%zz", 400),
        ("fil%65=report.pdf", 200),
        ("other=1", 403),
    ],
)
def test_the_query_decides_decoded_once(proxy, query, status):
    answer = proxy.call("GET", f"/reports?{query}")
    assert answer.status == status, answer


@pytest.mark.parametrize(
    "fields, status",
    [
        ({"X-Tenant": "good"}, 200),
        ({"x-TENANT": "good"}, 200),
        ({"X-Tenant": "evil"}, 403),
        ({}, 403),
        ({"X-Tenants": "good"}, 403),
    ],
)
def test_headers_decide(proxy, fields, status):
    assert proxy.call("GET", "/tenant", fields=fields).status == status


def test_any_value_of_a_repeated_header_denies(proxy):
    token = proxy.token("GET", "/tenant")
    head = (
        f"GET /tenant HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nAuthorization: Bearer {token}\r\n"
        "X-Tenant: good\r\nX-Tenant: evil\r\nConnection: close\r\n\r\n"
    )
    answer = proxy.caller().raw(head.encode())
    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), answer


def test_a_rule_may_let_named_agents_read_without_a_token(proxy):
    assert proxy.caller().call("GET", "/public/status").status == 200
    answer = proxy.caller(proxy.realm.second).call("GET", "/public/status")
    assert (answer.status, answer.slug) == (401, "token-required")
    assert proxy.caller().call("POST", "/public/status").status == 401


def test_a_token_that_is_presented_without_need_is_checked_all_the_same(proxy):
    answer = proxy.caller().call("GET", "/public/status", token="not.a.token")
    assert (answer.status, answer.slug) == (401, "invalid-token")


def result(answer):
    assert answer.status == 200, answer
    return answer.json.get("result")


def test_an_mcp_tool_call_reaches_the_tool_unchanged(proxy):
    before = len(proxy.tool.seen("/mcp"))
    answer = proxy.tool_call("query_orders", {"limit": 10, "note": "é"})
    assert answer.status == 200 and result(answer) is None, "the tool's own answer"
    seen = proxy.tool.seen("/mcp")
    assert len(seen) == before + 1 and b'"query_orders"' in seen[-1].body


def test_an_mcp_denial_is_a_result_that_a_model_can_read(proxy):
    before = len(proxy.tool.seen("/mcp"))
    answer = proxy.tool_call("query_orders", {"limit": 5000}, identifier="call-1")
    assert result(answer)["isError"] is True and answer.json["id"] == "call-1"
    assert "at most 1000" in result(answer)["content"][0]["text"]
    assert result(proxy.tool_call("drop_orders", {}))["isError"] is True
    assert len(proxy.tool.seen("/mcp")) == before


def test_http_rules_never_match_on_an_mcp_route_and_tools_never_on_http(proxy):
    assert proxy.call("GET", "/mcp").status == 400
    assert denied(proxy.call("POST", "/query_orders"))


MESSAGES = {
    "a batch": b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_orders"}}]',
    "a duplicate name": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    b'{"name":"query_orders","name":"drop_orders"}}',
    "a case-varied key": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    b'{"name":"query_orders","Name":"drop_orders"}}',
    "no id": b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"query_orders"}}',
    "a null id": b'{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"query_orders"}}',
    "an unknown member": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","x":1,"params":{}}',
    "an unknown parameter": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    b'{"name":"query_orders","task":{}}}',
    "arguments that are a list": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    b'{"name":"query_orders","arguments":[]}}',
    "JSON-RPC 1.0": b'{"id":1,"method":"tools/call","params":{"name":"query_orders"}}',
    "not JSON": b"tools/call query_orders",
    "two messages": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_orders"}}\n{}',
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_anything_but_one_recognised_message_is_ambiguous_on_an_mcp_route(proxy, kind):
    before = len(proxy.tool.seen("/mcp"))
    answer = proxy.caller().call(
        "POST",
        "/mcp",
        token=proxy.token("tools/call", "query_orders"),
        body=MESSAGES[kind],
        fields={"Content-Type": "application/json"},
    )
    assert answer.status == 400, answer
    assert len(proxy.tool.seen("/mcp")) == before


def test_an_mcp_header_that_differs_from_the_body_is_ambiguous(proxy):
    assert proxy.tool_call("query_orders", {}, fields={"Mcp-Name": "drop_orders"}).status == 400
    assert proxy.tool_call("query_orders", {}, fields={"Mcp-Method": "tools/list"}).status == 400
    assert proxy.tool_call("query_orders", {}, fields={"Mcp-Name": "query_orders"}).status == 200


def test_an_mcp_message_that_is_not_marked_as_json_is_ambiguous(proxy):
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_orders"}}'
    answer = proxy.caller().call(
        "POST",
        "/mcp",
        token=proxy.token("tools/call", "query_orders"),
        body=body,
        fields={"Content-Type": "text/plain"},
    )
    assert answer.status == 400


def test_a_shadow_policy_is_not_applied(make_proxy):
    def add_shadow(proxy):
        (proxy.directory / "policies" / "shadow.yaml").write_text(
            "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: shadow }\n"
            "spec:\n  mode: Shadow\n"
            '  rules:\n  - name: would-deny\n    effect: Deny\n    http: { paths: ["/open/{name}"] }\n'
        )

    proxy = make_proxy(change=add_shadow)
    assert proxy.call("GET", "/open/shadow").status == 200
