"""HTTP/1.1 as far as clients of a collector speak it: bytes in, requests out; answers in, bytes out. Pure: no socket,
no clock.

The rule that keeps it honest: what two programs could read differently is refused, not repaired: a bare newline, a
length given twice or beside chunks, a folded header, a name with a space before its colon, a proxy's target.

Source: RFC 9112 (messages, chunks), RFC 9110 (fields); sections 6.3 and 11.2 on smuggling.
"""

import re
from http import HTTPStatus
from typing import NamedTuple

JSON, TEXT = "application/json", "text/plain; charset=utf-8"
HEAD_BYTES = 64 * 1024  # of a request line and all headers, as `http.server` bounds each line
HEADERS = 100  # as `http.client` bounds them
BODY_BYTES = 4 * 1024 * 1024  # of a body, before and after its content encoding: eight times what our client sends
_CHUNKS = 16 * 1024  # of one body: a megabyte in pieces of 64 bytes
_CHUNK_LINE = 256  # bytes of a size and its extensions, which are ignored

_LINE = re.compile(rb"([A-Z]{1,20}) (/[!\"$-~]*) HTTP/1\.([01])")  # printable ASCII, no fragment
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
_BARE = re.compile(rb"(?<!\r)\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t -~]*)?")


class Refusal(Exception):
    """A request that is not taken: a status, a sentence for people, and headers of the answer."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class Request:
    """A request; `body` is as it came, maybe compressed, empty until complete. Header names are lower case."""

    __slots__ = ("body", "chunked", "headers", "keep", "length", "method", "path", "query")

    def __init__(self, method: str, target: str, version: str, headers: dict[str, str]) -> None:
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = b""
        options = headers.get("connection", "").lower().replace(" ", "").split(",")
        self.keep = version == "1" and "close" not in options
        self.chunked = _is_chunked(headers, version)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            raise Refusal(400, "a length is a number")
        self.length = int(length)
        if self.length > BODY_BYTES:
            raise Refusal(413, f"a body has at most {BODY_BYTES:,} bytes")


class Answer(NamedTuple):
    """A status, a body, its type, and further headers; `bare` if the body is not sent, as for `HEAD`."""

    status: int
    body: bytes = b""
    kind: str = JSON
    headers: dict[str, str] = {}  # noqa: RUF012  # never written to
    bare: bool = False

    def written(self, date: str, *, keep: bool) -> bytes:
        """Its bytes; `keep` is whether the connection takes another request."""
        head = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\nDate: {date}\r\n"]
        head += [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        if self.body:
            head.append(f"Content-Type: {self.kind}\r\n")
        if self.status != 204:
            head.append(f"Content-Length: {len(self.body)}\r\n")
        head.append("\r\n" if keep else "Connection: close\r\n\r\n")
        return "".join(head).encode("latin-1") + (b"" if self.bare else self.body)


class Reader:
    """The requests of one connection: `feed` bytes, then ask for `head` and, of that request, for `body`."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._looked = 0  # bytes searched, in which no head ends
        self._left = -1  # bytes of the current chunk, -1 before its size
        self._chunks = 0
        self._pieces: list[bytes] = []

    @property
    def begun(self) -> bool:
        """Whether a part of a request is held."""
        return bool(self._held)

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._held += data

    def head(self) -> Request | None:
        """The next request without its body; None if bytes are missing. Raises `Refusal`."""
        end = self._held.find(b"\r\n\r\n", max(0, self._looked - 3))
        if end < 0:
            if _BARE.search(self._held, max(0, self._looked - 1)):
                raise Refusal(400, "a line ends with a carriage return and a newline")
            self._looked = len(self._held)
            self._check_size(self._looked)
            return None
        self._check_size(end)
        first, *lines = bytes(self._held[:end]).split(b"\r\n")
        del self._held[: end + 4]
        self._looked = 0
        line = _LINE.fullmatch(first)
        if line is None:
            raise Refusal(*_why(first))
        method, target, version = (part.decode("ascii") for part in line.groups())
        return Request(method, target, version, _headers(lines))

    def body(self, request: Request) -> bool:
        """Whether the body of `request` is complete; if so, it is set. Raises `Refusal`."""
        if request.chunked:
            return self._chunked(request)
        if len(self._held) < request.length:
            return False
        request.body = bytes(self._held[: request.length])
        del self._held[: request.length]
        return True

    def _chunked(self, request: Request) -> bool:
        """The same by section 7.1 of RFC 9112. Trailers, which no client of ours sends, are refused."""
        while True:
            if self._left < 0:
                line = self._chunk_line()
                if line is None:
                    return False
                self._left = int(line, 16)
                self._chunks += 1
                request.length += self._left
                if request.length > BODY_BYTES or self._chunks > _CHUNKS:
                    raise Refusal(413, f"a body has at most {BODY_BYTES:,} bytes in {_CHUNKS:,} chunks")
            if len(self._held) < self._left + 2:
                return False
            if self._held[self._left : self._left + 2] != b"\r\n":
                raise Refusal(400, "a chunk, or all of them, ended where they should not")
            last = not self._left
            self._pieces.append(bytes(self._held[: self._left]))
            del self._held[: self._left + 2]
            self._left = -1
            if last:
                request.body = b"".join(self._pieces)
                self._pieces, self._chunks = [], 0
                return True

    def _chunk_line(self) -> bytes | None:
        end = self._held.find(b"\r\n", 0, _CHUNK_LINE)
        if end < 0:
            if len(self._held) >= _CHUNK_LINE or b"\n" in self._held:
                raise Refusal(400, "a chunk has no size")
            return None
        size = _SIZE.fullmatch(bytes(self._held[:end]))
        if size is None:
            raise Refusal(400, "a chunk has no size")
        del self._held[: end + 2]
        return size[1]

    def _check_size(self, size: int) -> None:
        if size > HEAD_BYTES:
            raise Refusal(
                431 if b"\r\n" in self._held[:HEAD_BYTES] else 414, f"a head has at most {HEAD_BYTES:,} bytes"
            )


def _why(first: bytes) -> tuple[int, str]:
    if re.fullmatch(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]", first) is None:
        return 400, "no request line"
    if b" /" not in first:
        return 400, "a target is a path; this is no proxy"
    return (400, "the target holds what no path does") if b" HTTP/1." in first else (505, "HTTP/1.1 is spoken here")


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > HEADERS:
        raise Refusal(431, f"a request has at most {HEADERS} headers")
    found: dict[str, str] = {}
    for line in lines:
        raw, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(raw) is None or _VALUE.fullmatch(value) is None:
            raise Refusal(400, "a header is a name, a colon and a value")
        name = raw.decode("ascii").lower()
        if name in found and name in _ONCE:
            raise Refusal(400, f"{name} comes once")
        found[name] = value.decode("latin-1").strip(" \t")
    return found


_ONCE = ("host", "content-length", "transfer-encoding", "content-encoding", "content-type", "authorization", "expect")


def _is_chunked(headers: dict[str, str], version: str) -> bool:
    coding = headers.get("transfer-encoding")
    if coding is None:
        return False
    if "content-length" in headers or version == "0":
        raise Refusal(400, "a body has a length or comes in chunks, not both")
    if coding.lower() != "chunked":
        raise Refusal(501, "the only transfer coding is chunked")
    return True
