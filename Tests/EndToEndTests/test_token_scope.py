"""What a good token is good for: one action on one resource, with the arguments it says."""

import base64
import hashlib

import pytest

from support.tokens import digest


def challenge(answer):
    return answer.field("www-authenticate")


MISMATCHES = {
    "another method": ("POST", "/open/mismatch", "GET", "/open/mismatch"),
    "another path": ("GET", "/open/mismatch", "GET", "/open/other"),
    "a path below": ("GET", "/open", "GET", "/open/mismatch"),
    "another case": ("GET", "/open/Mismatch", "GET", "/open/mismatch"),
    "a query the token does not have": ("GET", "/open/mismatch", "GET", "/open/mismatch?all=1"),
    "another query": ("GET", "/open/mismatch?a=1", "GET", "/open/mismatch?a=2"),
    "the same query in another order": ("GET", "/open/mismatch?a=1&b=2", "GET", "/open/mismatch?b=2&a=1"),
    "the query left out": ("GET", "/open/mismatch?a=1", "GET", "/open/mismatch"),
}


@pytest.mark.parametrize("kind", MISMATCHES)
def test_a_good_token_for_another_call_is_insufficient_and_stays_unspent(proxy, kind):
    action, resource, method, target = MISMATCHES[kind]
    token = proxy.token(action, resource)
    before = len(proxy.tool.requests)
    answer = proxy.caller().call(method, target, token=token)
    assert (answer.status, answer.slug) == (403, "token-mismatch"), answer
    assert 'error="insufficient_scope"' in challenge(answer)
    assert len(proxy.tool.requests) == before
    if resource != "/open":
        assert proxy.caller().call(action, resource, token=token).status == 200


def test_a_query_that_the_token_names_passes_byte_for_byte(proxy, name):
    target = f"/open/{name}?a=1&b=%C3%A9+x"
    assert proxy.call("GET", target).status == 200
    assert proxy.tool.wait_for(f"/open/{name}")[0].target == target


HTTP_BODY = {"customer": "c-17", "limit": 10}


def http_digest(target, body):
    return digest({"method": "POST", "target": target, "body": body})


def test_args_digest_binds_the_exact_arguments(proxy, name):
    target = f"/open/{name}"
    token = proxy.token("POST", target, args_digest=http_digest(target, HTTP_BODY))
    for other in ({"customer": "c-17", "limit": 11}, {"customer": "c-17"}, HTTP_BODY | {"more": 1}, {}):
        answer = proxy.caller().call("POST", target, token=token, body=other)
        assert (answer.status, answer.slug) == (403, "token-mismatch"), other
    assert proxy.caller().call("POST", target, token=token, body=HTTP_BODY).status == 200
    assert len(proxy.tool.seen(target)) == 1


def test_args_digest_is_over_the_canonical_form(proxy, name):
    target = f"/open/{name}"
    token = proxy.token("POST", target, args_digest=http_digest(target, HTTP_BODY))
    text = b'{ "limit":10.0e0 ,\n "customer":"c\\u002d17" }'
    assert (
        proxy.caller()
        .call("POST", target, token=token, body=text, fields={"Content-Type": "application/json"})
        .status
        == 200
    )
    assert proxy.tool.wait_for(target)[0].body == text, "the body goes on byte for byte"


@pytest.mark.parametrize(
    "number", ["12345678901234567890", "1e400", "-0", "0.1000000000000000055511151231257827"]
)
def test_numbers_without_one_canonical_text_are_ambiguous(proxy, name, number):
    target = f"/open/{name}"
    token = proxy.token("POST", target, args_digest=http_digest(target, {"n": 0}))
    answer = proxy.caller().call(
        "POST",
        target,
        token=token,
        body=f'{{"n":{number}}}'.encode(),
        fields={"Content-Type": "application/json"},
    )
    assert (answer.status, answer.slug) == (400, "ambiguous-request"), answer


def test_args_digest_of_a_body_that_is_not_json_is_over_its_bytes(proxy, name):
    target, body = f"/open/{name}", b"\x00\x01 not JSON"
    content = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
    bound = digest({"method": "POST", "target": target, "content_digest": content})
    token = proxy.token("POST", target, args_digest=bound)
    fields = {"Content-Type": "application/octet-stream"}
    assert proxy.caller().call("POST", target, token=token, body=body + b"!", fields=fields).status == 403
    assert proxy.caller().call("POST", target, token=token, body=body, fields=fields).status == 200


CONSTRAINTS = {
    "exact": ({"constraint_type": "exact", "value": "eu"}, "eu", ["us", "EU", 1, None, ["eu"]]),
    "one_of": ({"constraint_type": "one_of", "values": ["a", "b"]}, "b", ["c", "", ["a"]]),
    "not_one_of": ({"constraint_type": "not_one_of", "excluded": ["a"]}, "b", ["a"]),
    "range": ({"constraint_type": "range", "min": 1, "max": 1000}, 1000, [1001, 0, 1000.0001, "10", None]),
    "contains": ({"constraint_type": "contains", "required": ["x"]}, ["x", "y"], [["y"], "x"]),
    "subset": ({"constraint_type": "subset", "allowed": ["x", "y"]}, ["y"], [["z"], ["x", "z"], "x"]),
    "wildcard": ({"constraint_type": "wildcard"}, {"any": "thing"}, []),
    "all": (
        {
            "constraint_type": "all",
            "constraints": [{"constraint_type": "range", "min": 1}, {"constraint_type": "range", "max": 5}],
        },
        3,
        [0, 6],
    ),
    "any": (
        {
            "constraint_type": "any",
            "constraints": [
                {"constraint_type": "exact", "value": 1},
                {"constraint_type": "exact", "value": 2},
            ],
        },
        2,
        [3],
    ),
}


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_a_constraint_admits_what_it_says_and_nothing_else(proxy, kind):
    constraint, good, bad = CONSTRAINTS[kind]
    token = proxy.token("tools/call", "query_orders", constraints={"value": constraint})
    for value in [*bad, "missing"]:
        arguments = {} if value == "missing" else {"value": value}
        answer = proxy.tool_call("query_orders", arguments, token=token)
        assert answer.status == 403, (value, answer)
    answer = proxy.tool_call("query_orders", {"value": good, "more": 1}, token=token)
    assert answer.status == 403, "an argument that is not named"
    answer = proxy.tool_call("query_orders", {"value": good}, token=token)
    assert answer.status == 200 and "result" not in answer.json, answer


def test_constraints_may_name_the_query_of_a_path_without_one(proxy, name):
    target = f"/open/{name}"
    constraints = {"query.limit": {"constraint_type": "range", "max": 10}}
    token = proxy.token("GET", target, constraints=constraints)
    for query in ("", "?limit=11", "?limit=5&more=1", "?limit=ten"):
        assert proxy.caller().call("GET", target + query, token=token).status == 403, query
    assert proxy.caller().call("GET", target + "?limit=5&limit=50", token=token).status == 400
    assert proxy.caller().call("GET", target + "?limit=5", token=token).status == 200


def test_a_token_for_one_mcp_tool_is_for_no_other(proxy):
    token = proxy.token("tools/call", "query_orders")
    answer = proxy.tool_call("export_orders", {}, token=token)
    assert answer.status == 403 and answer.json["error"], answer
    assert proxy.caller().call("POST", "/open/mcp", token=token).status == 403
    assert proxy.tool_call("query_orders", {}, token=token).status == 200
