"""Signed notes and tree heads, told from the standards alone: C2SP signed-note and tlog-checkpoint, RFC 6962."""

import base64
import dataclasses
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    @property
    def text(self):
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


ED25519 = b"\x01"


def key_id(name, raw):
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + raw).digest()[:4]


def verifier_key(name, private_key):
    """The text that a key's owner publishes."""
    raw = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{name}+{key_id(name, raw).hex()}+{base64.b64encode(ED25519 + raw).decode()}"


def signed(checkpoint, private_key):
    """The note, as a ledger's owner makes it."""
    raw = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key_id(checkpoint.origin, raw) + private_key.sign(checkpoint.text.encode())
    line = f"— {checkpoint.origin} {base64.b64encode(signature).decode()}\n"
    return (checkpoint.text + "\n" + line).encode()


def opened(note, vkey):
    """The checkpoint in a note; fails unless the owner of the verifier key signed it."""
    name, hex_id, encoded = vkey.strip().split("+", 2)
    kind, raw = (key := base64.b64decode(encoded, validate=True))[:1], key[1:]
    assert kind == ED25519 and len(raw) == 32 and hex_id == key_id(name, raw).hex(), vkey
    text, _, lines = note.decode().rpartition("\n\n")
    text += "\n"
    found = 0
    for line in lines.splitlines():
        dash, signer, value = line.split(" ")
        signature = base64.b64decode(value, validate=True)
        if (dash, signer, signature[:4]) == ("—", name, bytes.fromhex(hex_id)):
            try:
                Ed25519PublicKey.from_public_bytes(raw).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise AssertionError(f"the signature of {name} does not fit") from None
            found += 1
    assert found, f"not signed by {name}"
    origin, size, root, *_ = text.split("\n")
    checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    assert origin == name and text == checkpoint.text and len(checkpoint.root) == 32, text
    return checkpoint


def root(leaves):
    """RFC 6962 §2.1, the Merkle Tree Hash of a list of byte strings."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:half]) + root(leaves[half:])).digest()
