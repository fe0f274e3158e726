"""Who is let in: mutual TLS 1.3 with an X.509-SVID of a trusted domain, nothing else."""

import shutil
import socket
import ssl

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from support.client import Caller, read_all, read_to_end, tls_context

AGENT = "spiffe://example.org/agent/sales-bot"


def knock(proxy, context, path="/public/knock"):
    """What a client gets back for a request that needs no token; nothing when it is not let in."""
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as sock:
                sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n\r\n".encode())
                return read_all(sock, 10, quiet=0.5)
    except (ssl.SSLError, OSError):
        return b""


def context(proxy, credential=None, **options):
    return tls_context(proxy.realm.authority.bundle_file, credential, **options)


FORBIDDEN = {
    "two URI names": lambda realm: realm.authority.svid(AGENT, AGENT + "/two"),
    "no URI name": lambda realm: realm.authority.svid(dns=["agent.example.org"]),
    "a URI that is no SPIFFE ID": lambda realm: realm.authority.svid("https://example.org/agent/sales-bot"),
    "a SPIFFE ID with a query": lambda realm: realm.authority.svid(AGENT + "?admin=1"),
    "a SPIFFE ID without a path": lambda realm: realm.authority.svid("spiffe://example.org"),
    "a CA leaf": lambda realm: realm.authority.svid(AGENT, ca=True),
    "keyCertSign": lambda realm: realm.authority.svid(AGENT, usage=("digital_signature", "key_cert_sign")),
    "cRLSign": lambda realm: realm.authority.svid(AGENT, usage=("digital_signature", "crl_sign")),
    "no digitalSignature": lambda realm: realm.authority.svid(AGENT, usage=("key_agreement",)),
    "only server authentication": lambda realm: realm.authority.svid(AGENT, eku="server"),
    "an expired leaf": lambda realm: realm.authority.svid(AGENT, starts=-7200, ends=-60),
    "a leaf of tomorrow": lambda realm: realm.authority.svid(AGENT, starts=3600, ends=7200),
    "another trust domain": lambda realm: realm.foreign.svid("spiffe://other.org/agent/sales-bot"),
    "our name from another trust domain's authority": lambda realm: realm.foreign.svid(AGENT),
    "another domain's name from our authority": lambda realm: realm.authority.svid(
        "spiffe://other.org/agent/x"
    ),
    "a weak RSA key": lambda realm: realm.authority.svid(AGENT, key=rsa.generate_private_key(65537, 1024)),
}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_a_forbidden_certificate_is_not_served(proxy, kind):
    before = len(proxy.tool.requests)
    untrusted = context(proxy, FORBIDDEN[kind](proxy.realm))
    assert b"HTTP/" not in knock(proxy, untrusted)
    assert len(proxy.tool.requests) == before
    assert b"200" in knock(proxy, context(proxy, proxy.realm.agent))[:20]


def test_a_client_without_a_certificate_is_not_served(proxy):
    before = len(proxy.tool.requests)
    assert b"HTTP/" not in knock(proxy, context(proxy))
    assert len(proxy.tool.requests) == before


KEYS = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "RSA 2048": rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_every_permitted_kind_of_key_is_served(proxy, kind):
    credential = proxy.realm.authority.svid(AGENT, key=KEYS[kind])
    answer = proxy.call("GET", "/open/keys", credential=credential)
    assert answer.status == 200, answer


def test_tls_1_2_is_refused_and_1_3_is_spoken(proxy):
    old = context(proxy, proxy.realm.agent, maximum=ssl.TLSVersion.TLSv1_2)
    assert knock(proxy, old) == b""
    with proxy.caller().connect() as sock:
        assert sock.version() == "TLSv1.3"


def test_a_session_is_never_resumed(proxy):
    """A resumed session would skip the check of the certificate; so there is none."""
    caller = proxy.caller()
    request = f"GET /public/session HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n\r\n".encode()
    with caller.connect() as first:
        first.sendall(request)
        read_all(first, 10, quiet=0.3)
        session = first.session
    plain = socket.create_connection(("127.0.0.1", proxy.port), 10)
    with caller.context.wrap_socket(plain, server_hostname="localhost", session=session) as second:
        second.sendall(request)
        assert read_all(second, 10, quiet=0.3).startswith(b"HTTP/1.1 200")
        assert not second.session_reused and second.compression() is None
        assert second.selected_alpn_protocol() == "http/1.1"


def test_plain_http_is_not_spoken_on_the_data_listener(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as sock:
        sock.sendall(f"GET /public/plain HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n\r\n".encode())
        assert b"HTTP/1.1 200" not in read_all(sock, 10)
    assert not proxy.tool.seen("/public/plain")


def test_a_federated_bundle_admits_that_domain_and_only_with_its_own_authority(make_proxy, realm):
    def federate(proxy):
        shutil.copy(realm.foreign.bundle_file, proxy.directory / "other.pem")
        proxy.configuration["identity"]["federatedBundles"] = [
            {"trustDomain": "other.org", "bundle": "other.pem"}
        ]

    rules = """
- name: both-domains
  effect: Allow
  agents: ["spiffe://other.org/agent/*", "spiffe://example.org/agent/*"]
  http: { methods: [GET] }
  token: NotRequired
"""
    proxy = make_proxy(change=federate, rules=rules)
    friend = realm.foreign.svid("spiffe://other.org/agent/friend")
    assert b" 200 " in knock(proxy, context(proxy, friend))[:20]
    assert b"HTTP/" not in knock(proxy, context(proxy, realm.foreign.svid(AGENT)))
    assert b"HTTP/" not in knock(
        proxy, context(proxy, realm.authority.svid("spiffe://other.org/agent/friend"))
    )


def test_the_proxy_shows_its_own_svid_and_curl_verifies_it(proxy):
    token = proxy.token("GET", "/open/curl")
    status, body = proxy.caller().curl(
        "-H", f"Authorization: Bearer {token}", f"https://localhost:{proxy.port}/open/curl"
    )
    assert (status, '"target": "/open/curl"' in body) == (200, True)


def test_python_requests_keeps_a_connection_and_is_served(proxy):
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(proxy.realm.authority.bundle_file)
        session.cert = (str(proxy.realm.agent.cert_file), str(proxy.realm.agent.key_file))
        for i in range(3):
            path = f"/open/requests-{i}"
            answer = session.post(
                f"https://localhost:{proxy.port}{path}",
                json={"i": i},
                timeout=30,
                headers={"Authorization": f"Bearer {proxy.token('POST', path)}"},
            )
            assert answer.status_code == 200 and answer.json()["target"] == path


def test_a_connection_ends_when_its_peers_svid_does(proxy):
    short = proxy.realm.authority.svid(AGENT, ends=4)
    caller = Caller(proxy.port, proxy.realm.authority.bundle_file, short)
    with caller.connect() as sock:
        sock.sendall(f"GET /public/short HTTP/1.1\r\nHost: localhost:{proxy.port}\r\n\r\n".encode())
        data = read_to_end(sock, 20)
    assert data.startswith(b"HTTP/1.1 200")
