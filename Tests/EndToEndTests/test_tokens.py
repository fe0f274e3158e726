"""What a capability token must be: contract §2, with the statuses of §3."""

import json
import time
import uuid

import pytest

from support.client import Caller
from support.settings import AUDIENCE, BROKER
from support.tokens import DROP, base64url, hs256

PATH = "/open/tokens"


def challenge(answer):
    return answer.field("www-authenticate")


def refused(proxy, token, slug="invalid-token", status=401, path=PATH, **options):
    """Presents the token; nothing may reach the tool."""
    before = len(proxy.tool.requests)
    answer = proxy.caller().call("GET", path, token=token, **options)
    assert (answer.status, answer.slug) == (status, slug), answer
    assert len(proxy.tool.requests) == before
    if slug in ("invalid-token", "token-replayed"):
        assert 'error="invalid_token"' in challenge(answer)
    if slug == "token-mismatch":
        assert 'error="insufficient_scope"' in challenge(answer)
    return answer


def test_without_a_token_the_answer_names_the_scheme_and_no_error(proxy):
    answer = proxy.caller().call("GET", PATH)
    assert (answer.status, answer.slug) == (401, "token-required")
    assert challenge(answer).startswith("Bearer") and "error" not in challenge(answer)


def test_every_answer_of_the_proxy_is_a_problem_document(proxy):
    answer = proxy.caller().call("GET", PATH)
    assert answer.field("content-type") == "application/problem+json"
    assert answer.field("cache-control") == "no-store" and "sallyport" in answer.field("proxy-status")
    assert answer.json["status"] == 401 and answer.json["decision_id"] and answer.json["request_id"]


@pytest.fixture(scope="module")
def all_algorithms(realm, tmp_path_factory):
    from support.proxy import Proxy
    from support.tool import Tool

    tool = Tool()
    proxy = Proxy(
        realm, tmp_path_factory.mktemp("algorithms"), tool, algorithms=["ES256", "Ed25519", "PS256", "RS256"]
    )
    yield proxy.start()
    proxy.close()
    tool.close()


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "PS256", "RS256"])
def test_each_algorithm_works_where_it_is_configured(all_algorithms, algorithm):
    answer = all_algorithms.call("GET", PATH, algorithm=algorithm)
    assert answer.status == 200, answer


def test_eddsa_is_the_older_name_of_ed25519(all_algorithms):
    proxy = all_algorithms
    header = json.dumps({"alg": "EdDSA", "kid": "ed25519", "typ": "capability+jwt"})
    token = proxy.realm.broker.by_hand(header, json.dumps(proxy.claims("GET", PATH)), "Ed25519")
    assert proxy.caller().call("GET", PATH, token=token).status == 200


@pytest.mark.parametrize("algorithm", ["Ed25519", "PS256", "RS256"])
def test_an_algorithm_that_is_not_configured_is_refused(proxy, algorithm):
    refused(proxy, proxy.token("GET", PATH, algorithm=algorithm))


def header(**changes):
    return json.dumps(
        {
            name: value
            for name, value in ({"alg": "ES256", "kid": "es256", "typ": "capability+jwt"} | changes).items()
            if value is not DROP
        }
    )


def by_hand(proxy, *, head=None, payload=None, **options):
    payload = payload or json.dumps(proxy.claims("GET", PATH))
    return proxy.realm.broker.by_hand(head or header(), payload, **options)


def forged_with_public_key(proxy):
    secret = proxy.realm.broker.public_pem()
    return by_hand(proxy, head=header(alg="HS256"), signer=hs256(secret))


def ed25519_under_es256(proxy):
    return by_hand(proxy, head=header(kid="ed25519"), algorithm="Ed25519")


def rs256_key_under_ps256(proxy):
    return by_hand(proxy, head=header(alg="PS256", kid="rs256"), algorithm="RS256")


def padded(proxy):
    head, payload, signature = by_hand(proxy, payload=json.dumps(proxy.claims("GET", PATH)) + " " * 2).split(
        "."
    )
    return f"{head}.{payload}.{signature}="


def last_bits_changed(proxy):
    """Two base64url texts of one signature: the last character has unused bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = by_hand(proxy)
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def duplicate_claim(proxy):
    claims = json.dumps(proxy.claims("GET", PATH))
    return by_hand(proxy, payload=claims[:-1] + ', "sub": "root@example.org"}')


def duplicate_deep_inside(proxy):
    claims = json.dumps(proxy.claims("GET", PATH)).replace(
        '"type": "tool_action"', '"type": "tool_action", "type": "tool_action"'
    )
    return by_hand(proxy, payload=claims)


def unsigned(proxy):
    return by_hand(proxy, head=header(alg="none"), signer=lambda _: b"")


def altered(proxy):
    head, payload, signature = by_hand(proxy).split(".")
    claims = proxy.claims("GET", PATH, subject="root@example.org")
    return f"{head}.{base64url(json.dumps(claims).encode())}.{signature}"


SHAPES = {
    "alg none": unsigned,
    "alg NONE": lambda proxy: by_hand(proxy, head=header(alg="NONE"), signer=lambda _: b"x" * 64),
    "HS256 signed with the public key": forged_with_public_key,
    "an Ed25519 key under ES256": ed25519_under_es256,
    "an RSA key under another scheme": rs256_key_under_ps256,
    "padding in base64url": padded,
    "unused bits in base64url": last_bits_changed,
    "a duplicate claim": duplicate_claim,
    "a duplicate member deep inside": duplicate_deep_inside,
    "a duplicate header member": lambda proxy: by_hand(proxy, head=header()[:-1] + ', "alg": "ES256"}'),
    "an altered payload": altered,
    "an unknown crit": lambda proxy: by_hand(proxy, head=header(crit=["exp"], exp=1)),
    "an empty crit": lambda proxy: by_hand(proxy, head=header(crit=[])),
    "a key in its own header": lambda proxy: by_hand(
        proxy, head=header(jwk=proxy.realm.broker.keys["ES256"].as_dict(private=False))
    ),
    "jku": lambda proxy: by_hand(proxy, head=header(jku="https://evil.example/jwks.json")),
    "x5u": lambda proxy: by_hand(proxy, head=header(x5u="https://evil.example/cert.pem")),
    "zip": lambda proxy: by_hand(proxy, head=header(zip="DEF")),
    "b64 false": lambda proxy: by_hand(proxy, head=header(b64=False, crit=["b64"])),
    "no kid": lambda proxy: by_hand(proxy, head=header(kid=DROP)),
    "an unknown kid": lambda proxy: by_hand(proxy, head=header(kid="nobody")),
    "no typ": lambda proxy: by_hand(proxy, head=header(typ=DROP)),
    "an ordinary JWT": lambda proxy: by_hand(proxy, head=header(typ="JWT")),
    "two parts": lambda proxy: by_hand(proxy).rpartition(".")[0],
    "four parts": lambda proxy: by_hand(proxy) + ".AAAA",
    "JSON instead of compact": lambda proxy: json.dumps({"payload": "e30", "signatures": []}),
    "a signature in DER": lambda proxy: by_hand(proxy, signer=der_signer(proxy)),
    "a payload that is not JSON": lambda proxy: by_hand(proxy, payload="sub=sam"),
    "a payload that is not UTF-8": lambda proxy: by_hand(proxy, payload=b'{"sub":"\xff"}'),
    "more than 8 KiB": lambda proxy: by_hand(
        proxy, payload=json.dumps(proxy.claims("GET", PATH) | {"filler": "x" * 8192})
    ),
}


def der_signer(proxy):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = proxy.realm.broker.keys["ES256"].private_key
    return lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_malformed_or_forged_token_is_refused(proxy, shape):
    refused(proxy, SHAPES[shape](proxy))


def test_a_newline_in_the_token_is_refused(proxy):
    token = proxy.token("GET", PATH)
    data = (
        f"GET {PATH} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n"
        f"Authorization: Bearer {token[:40]}\n {token[40:]}\r\n\r\n"
    )
    assert proxy.caller().raw(data.encode()).startswith(b"HTTP/1.1 400")


def claims_with(**changes):
    return lambda proxy: proxy.realm.broker.mint(proxy.claims("GET", PATH) | changes)


def timed(issued=0, lifetime=30, **changes):
    return lambda proxy: proxy.token(
        "GET", PATH, issued=int(time.time()) + issued, lifetime=lifetime, **changes
    )


def details(**changes):
    good = {"type": "tool_action", "actions": ["GET"], "identifier": PATH}
    return claims_with(
        authorization_details=[{name: value for name, value in (good | changes).items() if value is not DROP}]
    )


CLAIMS = {
    "an unknown issuer": claims_with(iss="https://evil.example"),
    "an issuer with a slash more": claims_with(iss=BROKER + "/"),
    "no issuer": claims_with(iss=DROP),
    "another audience": claims_with(aud="spiffe://example.org/tool/other"),
    "two audiences": claims_with(aud=[AUDIENCE, "spiffe://example.org/tool/other"]),
    "no audience": claims_with(aud=DROP),
    "another client": claims_with(client_id="spiffe://example.org/agent/second-bot"),
    "no client": claims_with(client_id=DROP),
    "an actor that is not the client": claims_with(act={"sub": "spiffe://example.org/agent/second-bot"}),
    "another certificate": claims_with(cnf={"x5t#S256": base64url(b"\0" * 32)}),
    "a proof key": claims_with(cnf={"jkt": base64url(b"\0" * 32)}),
    "no binding": claims_with(cnf=DROP),
    "an empty binding": claims_with(cnf={}),
    "two bindings": lambda proxy: proxy.realm.broker.mint(
        proxy.claims("GET", PATH)
        | {"cnf": {"x5t#S256": proxy.realm.agent.thumbprint, "jkt": base64url(b"\0" * 32)}}
    ),
    "no subject": claims_with(sub=DROP),
    "an empty jti": claims_with(jti=""),
    "a short jti": claims_with(jti="x" * 15),
    "a giant jti": claims_with(jti="x" * 257),
    "a jti that is a number": claims_with(jti=1234567890123456),
    "no jti": claims_with(jti=DROP),
    "expired": timed(issued=-60, lifetime=30),
    "exp too far": timed(lifetime=61),
    "exp before iat": timed(lifetime=-1),
    "iat in the future": timed(issued=30),
    "no iat": claims_with(iat=DROP),
    "no exp": claims_with(exp=DROP),
    "exp as text": claims_with(exp="4102444800"),
    "not valid yet": lambda proxy: proxy.token("GET", PATH, nbf=int(time.time()) + 20),
    "no details": claims_with(authorization_details=DROP),
    "empty details": claims_with(authorization_details=[]),
    "two details": lambda proxy: proxy.realm.broker.mint(
        proxy.claims("GET", PATH)
        | {"authorization_details": proxy.claims("GET", PATH)["authorization_details"] * 2}
    ),
    "another type of details": details(type="payment"),
    "two actions": details(actions=["GET", "POST"]),
    "no action": details(actions=[]),
    "an action that is not a list": details(actions="GET"),
    "no resource": details(identifier=DROP),
    "an unknown member": details(locations=["https://example.org"]),
    "empty constraints": details(constraints={}),
    "an unknown constraint": details(constraints={"limit": {"constraint_type": "magic"}}),
    "a broken digest": details(args_digest="sha-256:short"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_token_with_a_wrong_claim_is_refused(proxy, claim):
    refused(proxy, CLAIMS[claim](proxy))


def test_a_token_of_another_agent_is_refused_with_its_own_certificate_too(proxy):
    token = proxy.token("GET", PATH, credential=proxy.realm.second)
    refused(proxy, token)
    answer = proxy.caller(proxy.realm.second).call("GET", PATH, token=token)
    assert answer.status == 200, "a refused presentation must not spend the token"


def test_the_same_agent_with_a_new_certificate_needs_a_new_token(proxy):
    renewed = proxy.realm.authority.svid(proxy.realm.agent.spiffe_id)
    token = proxy.token("GET", PATH)
    answer = proxy.caller(renewed).call("GET", PATH, token=token)
    assert (answer.status, answer.slug) == (401, "invalid-token")


def test_the_dpop_scheme_is_refused_until_it_is_built(proxy):
    before = len(proxy.tool.requests)
    answer = proxy.caller().call("GET", PATH, fields={"Authorization": "DPoP " + proxy.token("GET", PATH)})
    assert answer.status == 401 and challenge(answer)
    assert len(proxy.tool.requests) == before


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(proxy, scheme):
    answer = proxy.caller().call(
        "GET", PATH, fields={"Authorization": f"{scheme} {proxy.token('GET', PATH)}"}
    )
    assert answer.status == 200


def test_a_token_in_two_places_is_refused(proxy):
    one, two = proxy.token("GET", PATH), proxy.token("GET", PATH)
    answer = proxy.caller().call("GET", PATH, token=one, fields={"Sallyport-Capability": two})
    assert (answer.status, answer.slug) == (400, "ambiguous-request")
    for fields in (
        [f"Authorization: Bearer {one}", f"Authorization: Bearer {two}"],
        [f"Sallyport-Capability: {one}", f"Sallyport-Capability: {two}"],
    ):
        head = "\r\n".join([f"GET {PATH} HTTP/1.1", f"Host: localhost:{proxy.port}", *fields])
        assert proxy.caller().raw(head.encode() + b"\r\n\r\n", timeout=3).startswith(b"HTTP/1.1 400")
    assert proxy.caller().call("GET", PATH, token=one).status == 200, "nothing was spent"


def test_the_tools_own_authorization_passes_beside_sallyport_capability(proxy, name):
    path = f"/open/{name}"
    answer = proxy.call(
        "GET", path, carrier="Sallyport-Capability", fields={"Authorization": "Basic dG9vbDprZXk="}
    )
    assert answer.status == 200
    seen = proxy.tool.wait_for(path)[0]
    assert seen.values("authorization") == ["Basic dG9vbDprZXk="] and not seen.values("sallyport-capability")


@pytest.mark.parametrize("kind", ["none", "forged", "spent", "for another tool"])
def test_token_problems_on_an_mcp_route_are_json_rpc_errors_with_their_status(proxy, kind):
    message = {
        "jsonrpc": "2.0",
        "id": 9,
        "method": "tools/call",
        "params": {"name": "query_orders", "arguments": {}},
    }
    token = {
        "none": lambda: None,
        "forged": lambda: unsigned(proxy),
        "spent": lambda: proxy.token("tools/call", "query_orders"),
        "for another tool": lambda: proxy.token("tools/call", "export_orders"),
    }[kind]()
    if kind == "spent":
        assert proxy.caller().call("POST", "/mcp", token=token, body=message).status == 200
    answer = proxy.caller().call("POST", "/mcp", token=token, body=message)
    assert answer.status == (403 if kind == "for another tool" else 401) and challenge(answer)
    assert answer.json["jsonrpc"] == "2.0" and answer.json["error"]["message"], answer


def test_tokens_of_a_clock_that_is_a_little_ahead_are_accepted(proxy):
    assert proxy.call("GET", PATH, issued=int(time.time()) + 1).status == 200


def test_a_txn_of_any_text_is_recorded(proxy):
    txn = str(uuid.uuid4())
    assert proxy.call("GET", PATH, txn=txn).status == 200
    assert len(proxy.ledger.wait_for("decision", txn=txn)) == 1


def test_a_token_bound_to_a_certificate_is_not_good_without_mutual_tls_of_that_certificate(proxy):
    caller = Caller(proxy.port, proxy.realm.authority.bundle_file, proxy.realm.second)
    answer = caller.call("GET", PATH, token=proxy.token("GET", PATH))
    assert (answer.status, answer.slug) == (401, "invalid-token")
