"""One HTTP/1.1 exchange of a delivering process: send a request, read the status, throw the rest away.

The rule that keeps it honest: nothing raises, nothing outlives its deadline, no redirect is followed, and no
certificate goes unverified. Of what a server says only status and Retry-After are kept, and a body if it was asked for.

It uses sockets, not `http.client`, which bounds each read but not their sum, and loads `email`: 42 ms of the 100 ms of
CPU that a child has. Little of HTTP is needed, since a connection serves one request, and few bodies are looked at.
"""

import datetime as dt
import time

from ..destination import authority, split
from .connection import Connection, Failure, Trust, named, through, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .wire import Request

# What follows from a status: the first row that has it decides.
VERDICTS = (
    ("delivered", range(200, 300)),
    ("retry", (408, 429, 500, 502, 503, 504)),
    ("halve", (413,)),
    ("skip", (400, 422)),
    ("hold", range(600)),  # 401, 403, 404, 405, 410, every 3xx, and whatever else a server may say
)

# Of a body that is thrown away. It is read because to the server a connection closed with bytes unread looks broken.
BODY_BYTES = 64 * 1024
BODY_SECONDS = 1.0
RETRY_AFTER_SECONDS = 86_400.0  # no server may silence a destination for longer than a day
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FRAMING = ("host", "content-length", "transfer-encoding", "connection")


class Outcome:
    """How an exchange ended.

    `status` is the server's, 0 for none. `retry_after` is in seconds, from 0 to `RETRY_AFTER_SECONDS`, or None. `error`
    is "" or one word: "timeout", "refused", "closed" (before an answer), "dns", "network" (no route, no permission),
    "tls", "protocol" (no HTTP, or too much of it), "request" (refused here, before a byte was sent), "receipts" (none
    can be written, so `delivery` sent nothing) or "proxy" (no way through it; with status 407 it wants a user and a
    password, or others). `seconds` is how long it took. `verdict` is what follows: "delivered", "retry", "halve",
    "skip" or "hold". None of it is text from the server, an address or the value of a header, except `body`: what was
    asked to be kept.
    """

    __slots__ = ("body", "error", "retry_after", "seconds", "status", "verdict")

    def __init__(self, status: int, retry_after: float | None, error: str, seconds: float, body: bytes = b"") -> None:
        self.status = status
        self.retry_after = retry_after
        self.error = error
        self.seconds = seconds
        self.body = body
        if status:
            self.verdict = verdict(status)
        else:  # a request that cannot be sent now cannot be sent later either; all else is worth another try
            self.verdict = "hold" if error == "request" else "retry"

    @property
    def said(self) -> str:
        """The status, or what went wrong, for people."""
        return str(self.status) if self.status else f"failed ({self.error})"

    def __repr__(self) -> str:
        return f"Outcome({self.status}, {self.retry_after}, {self.error!r}, {self.seconds:.3f})"


def exchange(
    request: "Request", *, timeout: float, deadline: float, trust: Trust | None = None, keep: int = 0
) -> Outcome:
    """Send `request` and say how that ended. Never raises.

    Connecting (with proxy and TLS if needed), sending and waiting for the answer take at most `timeout` seconds each,
    and all together end at `deadline`, an instant of `time.monotonic()`. Hand in one `trust` for all exchanges of a
    process, so that certificates are read once. Of the answer's body the first `keep` bytes are kept, without the
    framing of chunks (RFC 9112, section 7.1); reading them may take `timeout` seconds more.

    One step escapes both bounds: the system's resolver looks up a name in its own time (half a minute if no server
    answers). In the child its alarm of 30 s ends that too; in the daemon thread it holds up no one's exit.
    """
    began = time.monotonic()
    connection = Connection(timeout, deadline)
    status, retry_after, error, body = 0, None, "", b""
    try:
        status, fields, body = _converse(request, connection, trust or Trust(), keep)
        retry_after = retry_seconds(fields.get("retry-after", ""), time.time())
        error = "proxy" if status == 407 else ""
    except Failure as failure:
        status, error = failure.status, failure.error
    except OSError as failure:
        error = named(failure)
    except ValueError:
        error = "request"
    finally:
        connection.close()
    return Outcome(status, retry_after, error, time.monotonic() - began, body)


def verdict(status: int) -> str:
    """What follows from a status of 100 to 599, by the table `VERDICTS`."""
    return next(name for name, statuses in VERDICTS if status in statuses)


def retry_seconds(text: str, now: float) -> float | None:
    """Seconds after `now` (epoch) that a Retry-After asks for, at most a day; None for garbage and for the past.

    A number of seconds, or a date in any of the three forms of RFC 9110, section 5.6.7.
    """
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_SECONDS)  # a float, since `int` refuses more than 4,300 digits
    words = text.removesuffix(" GMT").replace("-", " ").split()
    if len(words) != 5:
        return None
    _, day, month, year, clock = words
    if ":" in year:  # `Sun Nov  6 08:49:37 1994`, as C's asctime writes it
        month, day, clock, year = words[1:]
    try:
        number = int(year) if len(year) > 2 else int(year) + (1900 if int(year) >= 70 else 2000)
        hour, minute, second = map(int, clock.split(":"))
        second -= second == 60  # a leap second, which `datetime` does not know
        when = dt.datetime(number, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
    seconds = when.timestamp() - now
    return min(seconds, RETRY_AFTER_SECONDS) if seconds >= 0 else None


def _converse(
    request: "Request", connection: Connection, trust: Trust, keep: int
) -> tuple[int, "dict[str, str]", bytes]:
    """Connect, send, and read status, fields and what is to be kept of the body.

    Raises `OSError`, `ValueError` and `Failure`.
    """
    scheme, user, host, port, target = split(request.url)
    proxy = through(scheme, host, port)
    place = authority(scheme, host, port)
    if user:
        raise ValueError("user information belongs into a header")
    lines = [f"Host: {place}", *_given(request.headers)]
    if proxy is not None and scheme == "http":  # for https a proxy is asked for a tunnel instead
        target = f"http://{place}{target}"
        lines += [f"Proxy-Authorization: {proxy[2]}"] if proxy[2] else []
    head = _head(request, target, lines)
    connection.reach(scheme, host, port, proxy, trust)
    status, fields, rest = _answer(connection, head + request.sent)
    connection.allow(None if keep else BODY_SECONDS)
    body = _body(connection, status, fields, rest, keep or BODY_BYTES)
    return status, fields, body if keep else b""


def _given(headers: "Mapping[str, str]") -> "Iterator[str]":
    """The header lines of a request. Raises `ValueError` for a name that is none, or that frames a request."""
    for name, value in headers.items():
        if not name or " " in name or ":" in name or name.lower() in _FRAMING:
            raise ValueError("a header's name")
        yield f"{name}: {value}"


def _head(request: "Request", target: str, lines: "list[str]") -> bytes:
    """The head of a request. Raises `ValueError` if anything in it could pass for something else."""
    if not request.method.isalpha():
        raise ValueError("a method")
    if request.sent or request.method != "GET":
        lines.append(f"Content-Length: {len(request.sent)}")
    return written(f"{request.method} {target} HTTP/1.1", *lines, "Connection: close")


def _answer(connection: Connection, content: bytes) -> tuple[int, "dict[str, str]", bytes]:
    """Send a request; read the head of the answer, and what came with it. Raises `OSError` and `Failure`."""
    cut: OSError | None = None
    connection.allow()
    try:
        connection.send(content)
    except (ConnectionError, TimeoutError) as error:
        cut = error  # the server may have answered before it had read all, by 413 say
    connection.allow()
    try:
        status, fields, rest = connection.head()
    except (ConnectionError, Failure):
        if cut:
            raise cut from None
        raise
    if cut and verdict(status) in ("delivered", "skip"):
        raise cut  # what it did not receive whole it can neither have taken nor judged
    return status, fields, rest


def _body(connection: Connection, status: int, fields: "dict[str, str]", rest: bytes, most: int) -> bytes:
    """Read a body, or its first `most` bytes, or what comes in time. Never raises."""
    length = fields.get("content-length", "")
    wanted = float(length) if length.isascii() and length.isdigit() else most
    wanted = 0 if status in (204, 304) else min(wanted, most)
    try:
        while len(rest) < wanted and not rest.endswith(b"0\r\n\r\n"):  # which ends a body in chunks
            more = connection.receive()
            if not more:
                break
            rest += more
    except OSError:
        pass  # the status is known, and half a body shows that it is half
    chunked = "chunked" in fields.get("transfer-encoding", "").lower()
    return _joined(rest)[:most] if chunked else rest[: int(wanted)]


def _joined(chunks: bytes) -> bytes:
    """A body without the framing of its chunks, as far as that is legal."""
    parts, at = [], 0
    while (end := chunks.find(b"\r\n", at)) >= 0:
        digits = chunks[at:end].partition(b";")[0].strip()
        if not 0 < len(digits) <= 8 or digits.strip(b"0123456789abcdefABCDEF"):
            break
        at = end + 2 + int(digits, 16)
        parts.append(chunks[end + 2 : at])
        at += 2
    return b"".join(parts)
