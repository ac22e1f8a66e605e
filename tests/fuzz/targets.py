"""The parsers, what each is fed with, and what must hold of whatever it makes of that.

A target raises what its parser does not document, or fails an assertion. Left out: the plan that the child reads by
`marshal`, since it comes from its parent through a pipe of their own, and nobody else writes there.
"""

import gzip
import json
import os
import socket
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from conftest import agreed
from discreet import Telemetry, consent, manifest, names, toml
from discreet.collector.check import Check
from discreet.collector.desk import Desk
from discreet.collector.http import Answer, Reader, Refusal, Request
from discreet.collector.store import Store
from discreet.consent import environments, explain, stored
from discreet.destination import FORMATS, Destination, split
from discreet.hosts.flags import _decoded
from discreet.privacy.agreement import Agreement
from discreet.report import export, html, packs, read, summarize, table, text
from discreet.report.document import document
from discreet.sending import (
    connection,
    flags,
    forget,
    handover,
    headers,
    http,
    installation,
    losses,
    outbox,
    receipts,
    records,
    settings,
    state,
    wire,
)
from discreet.sending.distrust import OLDEST_SECONDS, Distrust
from discreet.sending.wire import flags as flags_answer
from fuzz import seeds
from report.test_html import Tree
from wire import cases

_NOW = 1_795_168_800.0  # 2026-11-20T10:00:00Z
_PLACES = tuple(cases.destination(form) for form in FORMATS)
_DISTRUST = Distrust("mytool", None, "enhanced")
_ERRORS = ("closed", "timeout", "protocol", "network")
_STATUSES = (200, 204, 400, 401, 403, 404, 405, 411, 413, 414, 415, 417, 422, 431, 501, 503, 505)
_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "h1",
    "h2",
    "h3",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "p",
    "dl",
    "dt",
    "dd",
    "div",
    "details",
    "summary",
    "figure",
    "figcaption",
    "code",
    "bdi",
    "svg",
    "circle",
    "rect",
    "line",
    "text",
    "desc",
}


class World:
    """A home with the files of one tool, and a collector's desk over a directory of its own."""

    def __init__(self, directory: str) -> None:
        self.home = directory
        self.paths = names.Paths("mytool", {"HOME": self.home})
        os.makedirs(self.paths.directory, 0o700)
        self.out = os.path.join(self.home, "out")
        os.mkdir(self.out, 0o700)
        self._desk: Desk | None = None

    def put(self, key: str, data: bytes) -> str:
        """Let a file of the tool hold these bytes."""
        path = self.paths[key]
        _write(path, data)
        return path

    @property
    def desk(self) -> Desk:
        """The desk of a collector of any tool."""
        if self._desk is None:
            self._desk = Desk(_Watched(self.out), Check())
        return self._desk

    def close(self) -> None:
        """Let the collector's directory go."""
        if self._desk is not None:
            self._desk.store.close()


class _Watched(Store):
    """A store that looks at what it is given."""

    def add(self, found: Iterable[tuple[str, str, str]]) -> int:
        given = list(found)
        for tool, one, line in given:
            record = records.parse(line)
            assert (record["tool"], record["id"]) == (tool, one)
            assert "\n" not in line
        return super().add(given)


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, data)
    os.close(descriptor)


def line(data: bytes, world: World) -> None:
    """What is a record stays one through JSON, and what may leave can be sent in every format."""
    try:
        found = records.parse(data.decode())
    except (ValueError, LookupError):
        found = None
    if found is not None:
        assert records.checked(json.loads(json.dumps(found))) == found
        time.strptime(found["time"], "%Y-%m-%dT%H:%M:%SZ")
        assert found["time"].isascii()
    record, _ = _DISTRUST.judge(data, OLDEST_SECONDS)
    if record is not None:
        assert found is not None
        for place in _PLACES:
            assert wire.encode([record], place).content.isascii()


def delivery(data: bytes, world: World) -> None:
    """Any file is a state, one that can be written and is then read as the same; the host's questions have answers."""
    path = world.put("delivery", data)
    for place in _PLACES[:2]:
        assert type(handover.due(world.paths, (place,), _NOW)) is bool
    assert type(consent.is_first_run(world.paths, (None, None))) is bool
    found = state.load(path)
    for key, place in found.places.items():
        assert key.isascii()
        assert 0 <= place.wake < names.LARGEST_INTEGER
        assert 1 <= place.limit <= state.MOST_RECORDS
        assert all(after[0] >= 0 for _, after, _ in outbox.pending(world.paths, place))
    state.save(world.paths, found, [])
    again = state.load(path)
    assert (again.period, again.covered) == (found.period, found.covered)
    assert {key: vars(one) for key, one in again.places.items()} == {
        key: vars(one) for key, one in found.places.items()
    }


def log_beside_delivery(data: bytes, world: World) -> None:
    """Whatever the log holds, a place in it is found, and each whole line of it is pending once for a new one."""
    world.put("log", data)
    world.put("delivery", seeds.DELIVERY[0])
    assert type(handover.due(world.paths, _PLACES[:1], _NOW)) is bool
    place = state.load(world.paths["delivery"]).places["0123456789abcdef"]
    known = len(list(outbox.pending(world.paths, place)))
    assert known <= len(list(outbox.pending(world.paths, state.Place("", "")))) == data.count(b"\n")
    outbox.start(world.paths, lambda one: b"search" in one)
    for bad in outbox.pending(world.paths, place):
        _DISTRUST.judge(bad[2], _NOW)


def _gate(world: World, mode: str = "opt-in", environ: "dict[str, str] | None" = None) -> consent.Decision:
    facts = consent.look("mytool", mode, environ or {}, world.paths)
    facts.lifted = ("test runner", "CI")
    decision = consent.decide(facts)
    assert decision.reason.isprintable()
    assert decision.enabled is not any(row[1] == consent.OFF for row in consent.readings(facts)) or not decision.enabled
    return decision


def _first_word(data: bytes) -> str:
    """The first word of a file as a person sees it."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    words = data.decode(encoding, "replace").split()
    return words[0].lower() if words else ""


def opt_in(data: bytes, world: World) -> None:
    """No file whose first word is not exactly a yes is a yes."""
    world.put("consent", data)
    decision = _gate(world)
    assert not decision.enabled or _first_word(data) in ("true", "enhanced")
    assert decision.level == ("enhanced" if decision.enabled and _first_word(data) == "enhanced" else "basic")
    _covered(stored.covered(world.paths))


def _covered(lines: list[str]) -> None:
    """Any lines are a coverage, which takes an event or leaves it."""
    Agreement(lines, None).narrowed("search", {"n": 1, "fmt": "json", "results": {"a": 1}})


def marker_and_notice(data: bytes, world: World) -> None:
    """The marker is a yes whatever it holds; a notice was shown if it begins with a date of this century."""
    world.put("notice", data)
    assert _gate(world, "opt-out").enabled == (data[:2] == b"20")
    _covered(stored.covered(world.paths, "notice"))
    world.put("enabled", data)
    assert _gate(world).enabled
    os.unlink(world.paths["enabled"])


def policy(data: bytes, world: World) -> None:
    """An administrator's file that does not begin with a yes turns the tool off, and none turns it on."""
    os.makedirs(f"{world.home}/mytool", exist_ok=True)
    _write(f"{world.home}/mytool/telemetry", data)
    assert not _gate(world).enabled
    decision = _gate(world, environ={"MYTOOL_TELEMETRY_OPT_IN": "true"})
    assert not decision.enabled or _first_word(data) in names.TRUE_WORDS


def counts(data: bytes, world: World) -> None:
    """Reasons and numbers within bounds, and nothing else; and more can be added to them."""
    path = world.put("losses", data)
    found = losses.read(path)
    assert all(name.isidentifier() and name.isascii() and 0 < held < 2**54 for name, held in found.items())
    losses.save({"disk": 1}, world.paths)
    assert losses.read(path).get("disk", 0) > 0 or len(found) >= 64


def flags_file(data: bytes, world: World) -> None:
    """Flags whose values are JSON or nothing, which can be written again."""
    found = flags.read(world.put("flags", data))
    assert all(map(flags.is_key, (*found.values, *found.payloads)))
    for value in (*found.values.values(), *found.payloads.values()):
        _decoded(value)
    assert type(found.is_due("0123456789abcdef", _NOW)) is bool
    assert type(found.is_stale(_NOW)) is bool
    flags.save(world.paths, found)
    flags.read(world.paths["flags"])


def flags_answered(data: bytes, world: World) -> None:
    """Each value and payload of an answer is a JSON text, of strict JSON."""
    try:
        found, _ = flags_answer.read(data)
    except ValueError:
        return
    for key, flag in found.items():
        assert flags.is_key(key)
        for value in filter(None, flag or ()):
            assert value.isascii()
            flags.decoded(value)


def receipts_file(data: bytes, world: World) -> None:
    """Objects or nothing; what is to be forgotten are ids."""
    world.put("receipts", data)
    assert all(isinstance(one, dict) for one in receipts.read(world.paths))
    for ids in forget.sent(world.paths).values():
        assert all(len(one) == 36 for one in ids)


def salt_and_id(data: bytes, world: World) -> None:
    """Hex digits of the right number, or an `OSError`."""
    world.put("salt", data)
    world.put("id", data)
    for make, length in (
        (lambda: installation.install_id(world.paths, consent.signature(world.paths)), 32),
        (lambda: installation.Pseudonyms(world.paths, None, agreed)("search", "who", b"x"), 16),
    ):
        try:
            found = make()
        except OSError:
            continue
        assert len(found) == length
        assert not found.strip("0123456789abcdef")


def manifest_file(data: bytes, world: World) -> None:
    """Options or a `ValueError` that names the file; what the own reader accepts `tomllib` reads the same."""
    path = os.path.join(world.home, "telemetry.toml")
    _write(path, data)
    try:
        decoded = data.decode()
        plain = toml.read(decoded)
    except (ValueError, toml.Unplain, RecursionError):
        plain = None
    if plain is not None:
        assert repr(plain) == repr(tomllib.loads(decoded))
    try:
        manifest.made(Telemetry, path, {})
    except ValueError as error:
        assert str(error).startswith(path)  # noqa: PT017  # what a person reads


def header_variable(data: bytes, world: World) -> None:
    """Headers that are one line each, or a `ValueError` of ours that holds none of the text."""
    try:
        found = headers.parsed(data.decode("utf-8", "surrogateescape"))
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017  # no other class, whose text would quote
        return
    assert all(name and value.isascii() and value.isprintable() for name, value in found.items())
    assert not any(name.strip(names.TOOL_CHARACTERS + "!#$%&'*+.^`|~") for name in found)


def environment(data: bytes, world: World) -> None:
    """Every row of the gate, every setting and every table of vendors takes any value of any variable."""
    lines = [one.partition(b"=") for one in data.replace(b"\0", b"").split(b"\n")]
    raw = {name: value for name, _, value in lines if name}
    environ = {os.fsdecode(name): os.fsdecode(value) for name, value in raw.items()}
    before = dict(os.environb)
    try:
        os.environb.update({name: value for name, value in raw.items() if name not in before})
        assert Telemetry("mytool").environ == dict(os.environ)
    finally:
        for name in set(raw) - set(before):
            del os.environb[name]
    consent.decide(consent.look("mytool", "opt-in", environ, names.Paths("mytool", environ)))
    _gate(world, environ=environ)
    environments.ci(environ)
    environments.test_runner(environ)
    environments.agent(environ)
    _settings(settings.Settings("mytool", environ, {}))


def settings_mapping(data: bytes, world: World) -> None:
    """Whatever a configuration file holds, destinations come of it or are refused."""
    try:
        held = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return
    _settings(settings.Settings("mytool", {}, held))
    facts = consent.Facts("mytool", "opt-in", {"MYTOOL_TELEMETRY_OPT_IN": "true"})
    facts.settings = held
    assert consent.decide(facts).reason
    assert explain.__doc__


def _settings(found: settings.Settings) -> None:
    made = found.destinations(_PLACES)
    assert all(isinstance(one, Destination) and (one.format != "posthog" or one.api_key) for one in made)
    assert all(isinstance(host, str) for host in found.hosts())
    told = "\n".join(found.problems)
    assert "hunter2" not in told
    assert told.replace("\n", "").isprintable()
    assert told.isascii()


def url(data: bytes, world: World) -> None:
    """What is shown of an address is the same address without user information and query."""
    given = data.decode("utf-8", "surrogateescape")
    try:
        scheme, _, host, port, target = split(given)
    except ValueError as error:
        assert str(error).startswith("url")  # noqa: PT017  # an error is a right end, too
        return
    made = Destination(given, allow_http=True)
    assert split(made.shown) == (scheme, "", host, port, target.partition("?")[0])
    assert made.key == Destination(**made.options()).key


def http_answer(data: bytes, world: World) -> None:
    """A status and a bounded body, or an error that is known; however the bytes are cut."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.close()
        one = connection.Connection(5.0, time.monotonic() + 5.0)
        one._socket = ours
        whole, piece = one.receive, (1, 7, 4096, 65536)[len(data) % 4]
        if len(data) < 2048:
            one.receive = lambda size=65536: whole(min(size, piece))  # type: ignore[method-assign]
        try:
            status, fields, rest = http._answer(one, b"")
        except connection.Failure as failure:
            assert failure.error in _ERRORS  # noqa: PT017  # an error is a right end, too
            return
        body = http._body(one, status, fields, rest, 4096)
    assert 100 <= status < 600
    assert http.verdict(status)
    assert len(body) <= 4096
    wait = http.retry_seconds(fields.get("retry-after", ""), _NOW)
    assert wait is None or 0 <= wait <= http.RETRY_AFTER_SECONDS


def retry_after(data: bytes, world: World) -> None:
    """Seconds up to a day, or nothing."""
    found = http.retry_seconds(data.decode("latin-1").strip(), _NOW)
    assert found is None or 0 <= found <= http.RETRY_AFTER_SECONDS


def requests(data: bytes, world: World) -> None:
    """Requests as they come over a connection, in pieces: each is answered or refused."""
    reader = Reader()
    step = (len(data), 1, 13)[len(data) % 3] if len(data) < 4096 else 1000
    try:
        request = None
        for at in range(0, len(data), step or 1):
            reader.feed(data[at : at + step])
            while True:
                if request is None:
                    request = reader.head()
                    if request is None:
                        break
                    world.desk.admit(request)
                if not reader.body(request):
                    break
                _answered(world.desk, request)
                request = None
    except Refusal as refusal:
        assert refusal.status in _STATUSES  # noqa: PT017  # an error is a right end, too
        assert str(refusal).isprintable()  # noqa: PT017  # an error is a right end, too


def _answered(desk: Desk, request: Request) -> None:
    """The answer to a request, refusals among them."""
    try:
        answer = desk.answer(request)
        if not isinstance(answer, Answer):
            answer = answer()
    except Refusal as refusal:
        assert refusal.status in _STATUSES  # noqa: PT017  # an error is a right end, too
        return
    assert answer.status in _STATUSES
    if answer.body and answer.kind == "application/json":
        json.loads(answer.body)


def query(data: bytes, world: World) -> None:
    """A beacon's query."""
    _answered(world.desk, Request("GET", f"/t?{data.decode('latin-1')}", "1", {}))


def _posted(path: str) -> "Callable[[bytes, World], None]":
    def posted(data: bytes, world: World) -> None:
        """A body of that path, plain or packed."""
        request = Request("POST", path, "1", {})
        request.body = data
        if len(data) % 4 == 0:
            request.headers["content-encoding"] = "gzip"
            request.body = gzip.compress(data, 1, mtime=0) if len(data) % 8 else data
        _answered(world.desk, request)

    return posted


def stored_files(data: bytes, world: World) -> None:
    """A collector begins with whatever lies in its directory, and ends every file with a whole line."""
    day = handover.timestamp(time.time())[:10]
    for name in (f"{day}.mytool.jsonl", f"{day}.forgotten"):
        _write(os.path.join(world.out, name), data)
    store = Store(world.out)
    try:
        for path in store.files():
            with open(path, "rb") as file:
                assert file.read()[-1:] in (b"", b"\n")
        store.add([("mytool", "f53ef912-8765-4a51-89ab-000000000009", "{}")])
    finally:
        store.close()


def log_read(data: bytes, world: World) -> None:
    """One reader finds what the other finds; every form of a report takes it: a page of known tags, printable text."""
    path = world.put("log", data)
    lost: Counter[str] = Counter()
    found = [record for _, record in read.lines([path], lost)]
    assert all(records.checked(json.loads(json.dumps(one))) == one for one in found)
    skipped: Counter[str] = Counter()
    packed = list(packs.packs([path], skipped))
    assert sum(one.number for one in packed) == len(found)
    assert skipped == lost
    summary = summarize.summarize(packed)
    shown = document(summary, None, skipped)
    json.dumps(shown, allow_nan=False)
    table.table(shown)
    for encoding in ("ascii", "utf-8"):
        page = text.render(shown, text.Style(encoding=encoding), "begin")
        assert page.replace("\n", "").isprintable()
    tree = Tree(html.page(shown, tool="mytool"))
    assert {tag for tag, _ in tree.tags} <= _TAGS
    assert not [name for _, held in tree.tags for name in held if name.startswith("on") or name in ("href", "src")]


def log_exported(data: bytes, world: World) -> None:
    """Every log can be added up for a stranger."""
    path = world.put("log", data)
    aggregate = export.Aggregate(None)
    for one, _ in read.lines([path]):
        record, _ = _DISTRUST.judge(one.encode(), OLDEST_SECONDS)
        if record is not None:
            aggregate.add(record)
    assert aggregate.page("mytool", []).replace("\n", "").isprintable()


class Target(NamedTuple):
    """A parser, its seeds, and how many inputs it gets in full; a share of `ORDINARY` in an ordinary run."""

    run: Callable[[bytes, World], Any]
    seeds: list[bytes]
    full: int


TARGETS = {
    "line of the log": Target(line, seeds.LINES, 120_000),
    "delivery.json": Target(delivery, seeds.DELIVERY, 24_000),
    "log beside delivery.json": Target(log_beside_delivery, seeds.LOGS, 24_000),
    "opt-in": Target(opt_in, seeds.CONSENTS, 60_000),
    "enabled and notice": Target(marker_and_notice, seeds.NOTICES, 30_000),
    "policy": Target(policy, seeds.POLICIES, 40_000),
    "losses.json": Target(counts, seeds.LOSSES, 40_000),
    "flags.json": Target(flags_file, seeds.FLAGS, 40_000),
    "answer about flags": Target(flags_answered, seeds.ANSWERS_ON_FLAGS, 60_000),
    "receipts": Target(receipts_file, seeds.RECEIPTS, 40_000),
    "salt and id": Target(salt_and_id, seeds.KEPT, 40_000),
    "manifest": Target(manifest_file, seeds.MANIFESTS, 24_000),
    "header variable": Target(header_variable, seeds.HEADERS, 80_000),
    "environment": Target(environment, seeds.ENVIRONMENTS, 24_000),
    "settings": Target(settings_mapping, seeds.SETTINGS, 30_000),
    "url": Target(url, seeds.URLS, 80_000),
    "answer of a server": Target(http_answer, seeds.HTTP_ANSWERS, 60_000),
    "retry-after": Target(retry_after, seeds.HTTP_ANSWERS[4:], 80_000),
    "requests": Target(requests, seeds.REQUESTS, 60_000),
    "beacon": Target(query, seeds.QUERIES, 60_000),
    "json": Target(_posted("/t"), seeds.OWN, 60_000),
    "otlp": Target(_posted("/v1/traces"), seeds.SPANS, 60_000),
    "posthog": Target(_posted("/batch/"), seeds.BATCHES, 60_000),
    "files of the collector": Target(stored_files, seeds.STORED, 16_000),
    "log, reported": Target(log_read, seeds.LOGS, 4_000),
    "log, exported": Target(log_exported, seeds.LOGS, 24_000),
}
