"""Capability tokens and login tokens, minted with joserfc, and tokens that no library would mint."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import rfc8785
from cryptography.hazmat.primitives import serialization
from joserfc import jwk, jws

DROP = object()
KINDS = {
    "ES256": ("EC", "P-256"),
    "Ed25519": ("OKP", "Ed25519"),
    "PS256": ("RSA", 2048),
    "RS256": ("RSA", 2048),
}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def digest(value):
    """`sha-256:` and base64url of SHA-256 over RFC 8785."""
    return "sha-256:" + base64url(hashlib.sha256(rfc8785.dumps(value)).digest())


def generate(kind, size, kid):
    return {"EC": jwk.ECKey, "OKP": jwk.OKPKey, "RSA": jwk.RSAKey}[kind].generate_key(
        size, {"kid": kid, "use": "sig"}
    )


class Issuer:
    """Keys under a name; one key an algorithm, `kid` is the algorithm's name in lower case."""

    def __init__(self, name, algorithms=("ES256",)):
        self.name, self.algorithms = name, list(algorithms)
        self.keys = {each: generate(*KINDS[each], each.lower()) for each in algorithms}

    def jwks(self):
        return {"keys": [key.as_dict(private=False) for key in self.keys.values()]}

    def sign(self, header, claims, algorithm):
        payload = claims if isinstance(claims, (bytes, str)) else json.dumps(claims)
        return jws.serialize_compact(header, payload, self.keys[algorithm], algorithms=[header["alg"]])

    def mint(self, claims, algorithm="ES256", **header):
        header = {"alg": algorithm, "kid": algorithm.lower(), "typ": "capability+jwt"} | header
        return self.sign(without_dropped(header), without_dropped(claims), algorithm)

    def by_hand(self, header, payload, algorithm="ES256", signer=None):
        """Signs exactly these texts or bytes, however wrong. `signer`: signing input → signature."""
        parts = [base64url(each.encode() if isinstance(each, str) else each) for each in (header, payload)]
        signed = ".".join(parts).encode()
        if signer is None:
            whole = jws.serialize_compact(
                {"alg": algorithm}, b"", self.keys[algorithm], algorithms=[algorithm]
            )
            assert whole, "joserfc can sign with this key"
            signer = self.raw_signer(algorithm)
        return f"{signed.decode()}.{base64url(signer(signed))}"

    def raw_signer(self, algorithm):
        model = jws.JWSRegistry(algorithms=[algorithm]).get_alg(algorithm)
        return lambda message: model.sign(message, self.keys[algorithm])

    def public_pem(self, algorithm="ES256"):
        return self.keys[algorithm].public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def without_dropped(claims):
    return {name: value for name, value in claims.items() if value is not DROP}


def hs256(secret):
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def capability(
    issuer,
    audience,
    credential,
    action,
    resource,
    *,
    subject="sam@example.org",
    issued=None,
    lifetime=30,
    constraints=None,
    args_digest=None,
    **overrides,
):
    """The claims of contract §2; an override of `DROP` leaves a claim out."""
    issued = int(time.time()) if issued is None else issued
    details = {"type": "tool_action", "actions": [action], "identifier": resource}
    if constraints is not None:
        details["constraints"] = constraints
    if args_digest is not None:
        details["args_digest"] = args_digest
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "client_id": credential.spiffe_id,
        "iat": issued,
        "exp": issued + lifetime,
        "jti": str(uuid.uuid4()),
        "txn": str(uuid.uuid4()),
        "cnf": {"x5t#S256": credential.thumbprint},
        "authorization_details": [details],
    }
    return without_dropped(claims | overrides)


def login(
    issuer,
    subject,
    *,
    audience="sallyport",
    party="sallyport-page",
    groups=None,
    algorithm="ES256",
    typ="JWT",
    issued=None,
    lifetime=600,
    **overrides,
):
    """An OIDC ID token of a person."""
    issued = int(time.time()) if issued is None else issued
    claims = {
        "iss": issuer.name,
        "sub": subject,
        "aud": audience,
        "azp": party,
        "iat": issued,
        "exp": issued + lifetime,
        "auth_time": issued,
    }
    if groups is not None:
        claims["groups"] = groups
    return issuer.mint(claims | overrides, algorithm, typ=typ)
