"""The desk: which request gets which answer.

    GET  /t?t=...         a beacon                               204
    POST /t, /            {"records": [...]}, or one beacon      200 {"stored":n,"repeated":n,"refused":n}
                          {"forget": [...]} and nothing else     200 {"forgotten":n}
    POST /v1/traces       OTLP                                   200 {"partialSuccess":{...}}
    POST /batch/          PostHog                                200 {"status":"Ok"}
    each at another path, which an author or a proxy may choose  the same
    POST /flags/          PostHog's question for flags           200 {"flags":{...}}
    GET  /                the page of what was received
    GET  /healthz         is it taking records?                  200 or 503

The rule that keeps it honest: 2xx means that legal records are in a file and the others are counted, in the answer if
its format has a place for that. 422 means that no record was legal, and says why the first was not. 503 means: send it
again. No web page may write here. A request is refused if it has an `Origin`, if its browser says that it came from
another site, or if its `Host` is not ours: a page may point its own name at this machine (DNS rebinding).
"""

import hmac
import json
import time
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from .. import names
from ..sending.distrust import is_id
from ..sending.records import strictly
from . import decode, page
from .check import Check
from .http import BODY_BYTES, JSON, TEXT, Answer, Refusal, Request
from .store import Store
from .values import Malformed, identity

RECORDS = 10_000  # of a request: our client sends 500, a Collector of OpenTelemetry batches of 8,192
# Of a body, more than twice what our client can put into one: while they are read, nothing else is answered.
VALUES = 200_000
_VALUE_BYTES = 8  # or one in so many bytes, if that is more: an attribute of OTLP is four, in some forty bytes
_FULL_SECONDS = "300"  # until a client may try again, if there is no room


Work = Callable[[], Answer]  # for another thread: it reads whole files


class Desk:
    """`hosts` are the names that a `Host` may have; any, if there are none. `token` is required unless it is empty."""

    def __init__(
        self, store: Store, check: Check, *, hosts: frozenset[str] = frozenset(), token: str = "", tool: str = "",
        flags: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.store = store
        self.check = check
        self.stored = self.repeated = self.refused = self.erased = 0
        self.address = ""
        self._hosts = hosts
        self._token = token.encode()
        self._tool = tool
        self._flags = flags or {}
        self._pages: dict[str, tuple[float, Answer]] = {}  # by tool: until when, and the page
        self._routes: dict[str, dict[str, Callable[[Request], Answer | Work]]] = {
            "/": {"GET": self._page, "POST": self._own},
            "/t": {"GET": self._beacon, "POST": self._own},
            "/v1/traces": {"POST": lambda request: self._own(request, self._otlp)},
            "/batch/": {"POST": lambda request: self._own(request, self._posthog)},
            "/flags/": {"POST": self._answer_flags},
            "/healthz": {"GET": self._health, "HEAD": self._health},
        }
        for path in ("/batch", "/flags"):
            self._routes[path] = self._routes[f"{path}/"]

    def admit(self, request: Request) -> None:
        """Check a request before its body is read. Raises `Refusal`."""
        headers = request.headers
        if "host" not in headers:
            raise Refusal(400, "a request names its host")
        if self._hosts and _hostname(headers["host"]) not in self._hosts:
            raise Refusal(403, "this host is not known here; collect --accept-host NAME makes a name known")
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refusal(403, "a web page has no access")
        routes = self._at(request)
        if self._token and request.path != "/healthz" and not self._knows(request):
            raise Refusal(401, "the token is missing or wrong", **{"WWW-Authenticate": 'Basic realm="discreet"'})
        if not routes:
            raise Refusal(404, "there is nothing at this path")
        if request.method not in routes:
            raise Refusal(405, "not by this method", Allow=", ".join(sorted(routes)))
        if request.method in ("GET", "HEAD"):
            if request.length or request.chunked:
                raise Refusal(400, f"a {request.method} has no body")
            return
        if not request.chunked and "content-length" not in headers:
            raise Refusal(411, "a body has a length, or comes in chunks")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Refusal(415, f"a body is JSON, and a header says so: Content-Type: {JSON}")
        if headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
            raise Refusal(415, "a body is gzip or plain")
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise Refusal(417, "the only expectation is 100-continue")

    def answer(self, request: Request) -> Answer | Work:
        """The answer to an admitted request with its body. Raises `Refusal`, and `OSError` where nothing was taken."""
        try:
            return self._at(request)[request.method](request)
        except Malformed as error:
            raise Refusal(400, str(error)) from None

    def _at(self, request: Request) -> "dict[str, Callable[[Request], Answer | Work]]":
        """What there is at a path, by method. At any other path, what looks like a form of ours is taken as at `/t`."""
        if request.path in self._routes:
            return self._routes[request.path]
        own = request.method != "GET" or any(pair.startswith("e=") for pair in request.query.split("&"))
        # Other signals of OpenTelemetry are not taken, and their senders are to know.
        return self._routes["/t"] if own and not request.path.startswith("/v1/") else {}

    def cannot(self, error: OSError) -> Refusal:
        """The answer where nothing was taken: send it again later."""
        return Refusal(503, f"nothing was taken: {error.strerror}", **{"Retry-After": _FULL_SECONDS})

    def _knows(self, request: Request) -> bool:
        """Whether a request has the token, in constant time; for the page, also as the password of any user.

        A browser sends a password that it was given with every request, whichever page made it: it lets nobody write.
        """
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        found = value.strip().encode("latin-1")
        if scheme.lower() == "basic" and _is_for_the_page(request):
            try:
                found = b64decode(found, validate=True).partition(b":")[2]
            except ValueError:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(found, self._token)

    def _beacon(self, request: Request) -> Answer:
        _, _, refused, why = self._take(decode.query(request.query))
        return Answer(422, f"{why}\n".encode(), TEXT) if refused else Answer(204)

    def _own(self, request: Request, otherwise: Callable[[object], Answer] | None = None) -> Answer | Work:
        content = _content(request)
        if isinstance(content, dict):
            if content.keys() == {"forget"}:
                return self._forget(content["forget"])
            for key, take in (("records", self._records), ("resourceSpans", self._otlp), ("batch", self._posthog)):
                if isinstance(content.get(key), list):
                    return take(content)
        return (otherwise or self._records)(content)

    def _records(self, content: object) -> Answer:
        stored, repeated, refused, why = self._take(decode.own(content))
        told = {"stored": stored, "repeated": repeated, "refused": refused}
        none = refused and not (stored or repeated)
        return Answer(422, _json({**told, "why": why})) if none else Answer(200, _json(told))

    def _otlp(self, content: object) -> Answer:
        _, _, refused, _ = self._take(decode.spans(content))
        told = {"rejectedSpans": str(refused), "errorMessage": "records refused by this collector"} if refused else {}
        return Answer(200, _json({"partialSuccess": told}))

    def _posthog(self, content: object) -> Answer:
        self._take(decode.batch(content))
        return Answer(200, b'{"status":"Ok"}')

    def _answer_flags(self, request: Request) -> Answer:
        _content(request)
        told = {"flags": self._flags, "errorsWhileComputingFlags": False, "requestId": identity("flags")}
        return Answer(200, _json(told))

    def _take(self, found: Iterable[decode.Decoded]) -> tuple[int, int, int, str]:
        """Check and write records. Returns how many were stored, repeated and refused, and why the first refused one
        was. Raises `OSError` if nothing was taken, and `Refusal` for too many.
        """
        decoded = list(islice(found, RECORDS + 1))
        if len(decoded) > RECORDS:
            raise Refusal(413, f"a request has at most {RECORDS:,} records")
        records, refused, why = [], 0, ""
        for number, (record, manner) in enumerate(decoded, start=1):
            if record is not None and self._tool and record.get("tool") in ("", decode.UNKNOWN):
                record["tool"] = self._tool
            taken = self._line(record, manner)
            if isinstance(taken, tuple):
                records.append(taken)
            else:
                refused += 1
                why = why or f"record {number} is refused: {taken}"
        stored = self.store.add(records)
        repeated = len(records) - stored
        self.stored += stored
        self.repeated += repeated
        self.refused += refused
        return stored, repeated, refused, why

    def _line(self, record: dict[str, Any] | None, manner: str) -> tuple[str, str, str] | str:
        """The tool, the id and the line of a record, or why it has none."""
        legal = self.check.record(record, manner)
        if isinstance(legal, str):
            return legal
        line = _encoded(legal)
        if len(line.encode()) >= names.RECORD_BYTES:
            return "longer than a line of the log"
        return (legal["tool"], legal["id"], line) if self.store.takes(legal["tool"]) else "of one tool too many"

    def _forget(self, ids: object) -> Work:
        if not isinstance(ids, list) or not all(map(is_id, ids)):
            raise Refusal(400, "forget is a list of ids")
        erase, number = self.store.forget(ids), len(ids)

        def work() -> Answer:
            self.erased += erase()
            return Answer(200, _json({"forgotten": number}))

        return work

    def _page(self, request: Request) -> Answer | Work:
        if not _is_for_the_page(request):
            return self._beacon(request)  # to a destination without a path
        tools = self.store.tools()
        tool = request.query.partition("=")[2] or (tools[0] if len(tools) == 1 else "")
        if not tool:
            return _html(page.index(tools, self.address))
        if tool not in tools:
            raise Refusal(404, "there is no such tool")
        paths = self.store.files(tool, page.DAYS)

        def work() -> Answer:
            begun = time.monotonic()
            self._pages = {of: held for of, held in self._pages.items() if begun < held[0]}
            if tool not in self._pages:
                made = _html(page.report(paths, tool, self.check.declaration))
                # Kept for so long that pages take at most a fifth of the other thread's time.
                self._pages[tool] = (begun + 5 * (time.monotonic() - begun) + 1, made)
            return self._pages[tool][1]

        return work

    def _health(self, request: Request) -> Answer:
        full = self.store.full()
        told = _json({"status": "full" if full else "ok"})
        return Answer(503 if full else 200, told, bare=request.method == "HEAD")


def _content(request: Request) -> object:
    """The JSON of a body. Raises `Refusal`."""
    gzip = request.headers.get("content-encoding", "").lower() == "gzip"
    body = _expanded(request.body) if gzip else request.body
    # Each value but the first comes after one of these. Those within texts, which are few, count as well.
    most = max(VALUES, len(body) // _VALUE_BYTES)
    if sum(map(body.count, (b",", b"[", b"{"))) > most:
        raise Refusal(413, f"a body of so many bytes has at most {most:,} values")
    try:
        return strictly(body.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise Refusal(400, "a body is JSON in UTF-8, not nested too deeply") from None


def _expanded(body: bytes) -> bytes:
    """A gzip body of one member, decompressed to at most `BODY_BYTES`. Raises `Refusal`."""
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        made = inflate.decompress(body, BODY_BYTES + 1)
    except zlib.error:
        raise Refusal(400, "the body is not gzip") from None
    if len(made) > BODY_BYTES:
        raise Refusal(413, f"a body has at most {BODY_BYTES:,} bytes")
    if not inflate.eof or inflate.unused_data:
        raise Refusal(400, "the body is not one gzip file")
    return made


def _html(made: str) -> Answer:
    return Answer(200, made.encode(), "text/html; charset=utf-8", page.HEADERS)


_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _is_for_the_page(request: Request) -> bool:
    return request.path == "/" and request.method == "GET" and (not request.query or request.query[:5] == "tool=")


def _hostname(host: str) -> str:
    """A `Host` without its port: `localhost:4318`, `[::1]:4318`, `[::1]`."""
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host).lower()
