"""A request as it will go out, and what is the same in all of them: the address, the headers, the compression.

    POST https://collector.example.org/v1/traces
    User-Agent: mytool/1.4.0                        the tool and its version, and no other detail of the client
    Content-Type: application/json
    Content-Encoding: gzip                          where the body is over 1 KiB
    Authorization: Basic dXNlcjpzZWNyZXQ=           from `https://user:secret@...`, unless a header says otherwise
    ...                                             the destination's own headers

The rule that keeps it honest: a header of the destination replaces none of the first three. The first one fixes what is
said of the user's machine, the others say what the body is. The URL never carries user information.
"""

from json import JSONEncoder

from ... import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...destination import Destination
    from ..records import Record

COMPRESSED_BYTES = 1024  # a body over this is worth compressing: below it a packet or two are saved at the most
_COMPACT = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# RFC 1952, section 2.3: deflate, no flags, no time, no statement on the effort, an unknown system. The header that
# zlib itself would write names the system it runs on.
_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


class Request:
    """A request: `method`, `url` (without user information), `headers`, and `body` before its content encoding.

    `shown` is the URL as it may be printed: the query of the destination's own address may be a token, and is `...`.
    """

    __slots__ = ("_sent", "body", "headers", "method", "shown", "url")

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes = b"", *, query: str = "") -> None:
        self.method = method
        self.url = url
        self.shown = url.replace(f"?{query}", "?...", 1) if query else url
        self.headers = headers
        self.body = body
        self._sent: bytes | None = None

    @property
    def sent(self) -> bytes:
        """The body as it goes over the wire, after its content encoding; made at the first look."""
        if self._sent is None:
            self._sent = gzip(self.body) if "Content-Encoding" in self.headers else self.body
        return self._sent

    @property
    def target(self) -> str:
        """The request target: path and query."""
        return _target(self.url)

    @property
    def content(self) -> bytes:
        """What preview shows, and what a receipt's bytes and sha256 are of: the body, or the request target of a GET as
        it may be shown.
        """
        return _target(self.shown).encode("ascii") if self.method == "GET" else self.body


def get(url: str, records: "list[Record]", destination: "Destination") -> Request:
    """A GET of `url`, with the headers that carry `records` to `destination`."""
    return Request("GET", url, _headers(destination, {"User-Agent": agent(records[-1])}), query=_query(destination))


def post(content: object, records: "list[Record]", destination: "Destination", *, compress: bool = True) -> Request:
    """A POST of `content` as compact JSON in UTF-8, with the headers that carry `records` to `destination`.

    Raises `ValueError` and `TypeError` for what JSON cannot hold.
    """
    body = _COMPACT.encode(content).encode()
    ours = {"User-Agent": agent(records[-1]), "Content-Type": "application/json"}
    if compress and len(body) > COMPRESSED_BYTES:
        ours["Content-Encoding"] = "gzip"
    return Request("POST", address(destination), _headers(destination, ours), body, query=_query(destination))


def _target(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]


def _query(destination: "Destination") -> str:
    return destination.target.partition("?")[2]


def size(content: object) -> int:
    """Characters of `content` as compact JSON: an estimate of what it will take in a body."""
    return len(_COMPACT.encode(content))


def address(destination: "Destination") -> str:
    """The URL of a destination, its query included, without its user information."""
    return f"{destination.origin}{destination.target}"


def agent(record: "Record") -> str:
    """`<tool>/<version>`, or `<tool>` without a version; each character that is legal in no version becomes `_`."""
    # All legal ones are token characters (RFC 9110, section 5.6.2), so a legal version stays as it is.
    legal = names.VERSION_CHARACTERS
    version = "".join(character if character in legal else "_" for character in record["version"])
    return f"{record['tool']}/{version}" if version else str(record["tool"])


def gzip(body: bytes) -> bytes:
    """`body` as a gzip file of one member (RFC 1952), which depends on nothing but `body` and the zlib at hand."""
    import zlib  # here, since most requests are short; the module `gzip` costs 2 ms more, and writes the time

    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    tail = zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFFFFFF).to_bytes(4, "little")
    return _GZIP_HEAD + deflate.compress(body) + deflate.flush() + tail


def _headers(destination: "Destination", ours: dict[str, str]) -> dict[str, str]:
    """All headers; of two whose names differ only in case, the later one."""
    basic = {"Authorization": credentials(destination.user)} if destination.user else {}
    chosen = {name.lower(): (name, value) for name, value in {**basic, **destination.headers, **ours}.items()}
    return dict(chosen.values())


def credentials(user: str) -> str:
    """The credentials of a URL's user information (RFC 7617); a name alone has an empty password."""
    from binascii import b2a_base64

    from ..headers import percent_decoded

    plain = percent_decoded(user if ":" in user else f"{user}:")
    return f"Basic {b2a_base64(plain, newline=False).decode('ascii')}"
