"""A strict reader of HTTP/1.1 requests: what a tool sees must have exactly one meaning (RFC 9112)."""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!-~\x80-\xff]+) HTTP/1\.1")
FIELD = re.compile(
    rb"(" + TOKEN + rb"):[ \t]*((?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*"
)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})")
FRAMING = (b"transfer-encoding", b"content-length", b"host")


class Ambiguous(Exception):
    """What arrived may be read in more than one way."""


class Request:
    def __init__(self, raw_head, method, target, fields):
        self.raw_head, self.method, self.target, self.fields = raw_head, method, target, fields
        self.body, self.body_bytes = b"", 0

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def value(self, name):
        values = self.values(name)
        return values[0] if values else None


def parse_head(raw):
    """`raw` ends before the empty line."""
    lines = raw.split(b"\r\n")
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b"") or b"\0" in raw:
        raise Ambiguous("bare CR, LF or NUL in the head")
    first = REQUEST_LINE.fullmatch(lines[0])
    if not first:
        raise Ambiguous(f"request line {lines[0][:80]!r}")
    fields = []
    for line in lines[1:]:
        match = FIELD.fullmatch(line)
        if not match:
            raise Ambiguous(f"field line {line[:80]!r}")
        fields.append((match[1].decode("latin-1"), match[2].decode("latin-1")))
    request = Request(raw, first[1].decode("latin-1"), first[2].decode("latin-1"), fields)
    check_framing(request)
    return request


def check_framing(request):
    for name, _ in request.fields:
        folded = name.lower().replace("_", "-").encode("latin-1")
        if folded in FRAMING and "_" in name:
            raise Ambiguous(f"`{name}` may be read as a framing field")
    coding, length = request.values("transfer-encoding"), request.values("content-length")
    if len(request.values("host")) != 1:
        raise Ambiguous("not exactly one Host")
    if coding and length:
        raise Ambiguous("Transfer-Encoding and Content-Length")
    if len(length) > 1 or length and not re.fullmatch(r"\d{1,15}", length[0]):
        raise Ambiguous(f"Content-Length {length}")
    if coding and coding != ["chunked"]:
        raise Ambiguous(f"Transfer-Encoding {coding}")


def read_body(request, read_line, read_exactly, keep):
    """Reads the body with the stream's two verbs; `keep` gets each piece."""
    if request.values("transfer-encoding"):
        while True:
            match = CHUNK.fullmatch(read_line())
            if not match:
                raise Ambiguous("chunk size line")
            size = int(match[1], 16)
            if size == 0:
                break
            read_exactly(size, keep)
            if read_line() != b"":
                raise Ambiguous("chunk end")
        while read_line() != b"":
            raise Ambiguous("trailers are not forwarded")
    elif length := request.value("content-length"):
        read_exactly(int(length), keep)
