"""What a record may hold: the form of the log, and, if there is a manifest, only what it declares.

The rule that keeps it honest: what stands in a file has passed `sending.records` and, with a manifest, the check that
the client makes before it sends. What fails is counted under its reason, and no reason holds a value.

How strict the check is depends on the format:

    exact      the json format: it says everything as the log does, so a record is taken as it is, or not at all
    flat       beacon, otlp, posthog of this package: only the nesting and, in a URL, the kinds of values may differ
    foreign    software that knows no manifest: what is not declared is left out, and the rest is taken. Without a
               manifest, what tells who or where somebody is, by its name in OpenTelemetry, is left out
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from .. import names
from ..privacy.accept import Acceptor, is_hex
from ..privacy.declaration import Declaration
from ..sending.records import checked

EXACT, FLAT, FOREIGN = "exact", "flat", "foreign"
# The forms of these facts where there is a manifest, so that none is free text. `py` may be `node 20.1.0`.
_FACTS = {
    "run": re.compile(r"([0-9a-f]{16})?"),
    "version": re.compile(f"[{re.escape(names.VERSION_CHARACTERS)}]{{0,{names.NAME_LENGTH}}}"),
    "py": re.compile(
        r"((bun|deno|go|node|nodejs|openjdk|php|pypy|ruby|dotnet) )?[0-9]{1,3}(\.[0-9]{1,3}){0,2}"
        r"(\+[0-9]{1,3}|[+-]?(a|alpha|b|beta|dev|ea|lts|nightly|rc)[0-9]{0,8})?|"
    ),
    "os": re.compile(r"[a-z0-9_]{0,16}"),
}
_BOOLEANS = ("True", "False")  # as `urlencode` of Python spells them
# What tells of a person, a place or one machine, or is free text, in OpenTelemetry's semantic conventions, today's and
# earlier ones: whole namespaces, and single names of namespaces, such as `host.`, that also hold what may be kept.
# fmt: off
_PERSONAL_FAMILIES = (
    "client.", "db.operation.parameter.", "db.query.parameter.", "destination.", "device.", "enduser.", "file.owner.",
    "geo.", "http.request.header.", "http.response.header.", "net.host.", "net.peer.", "net.sock.", "network.carrier.",
    "network.local.", "network.peer.", "process.environment_variable.", "process.real_user.", "process.saved_user.",
    "process.user.", "rpc.grpc.request.metadata.", "rpc.grpc.response.metadata.", "server.", "tls.client.", "url.",
    "user.", "user_agent.",
)
_PERSONAL = frozenset((
    "cloud.account.id", "cloud.resource_id", "code.file.path", "code.filepath", "code.stacktrace", "container.command",
    "container.command_args", "container.command_line", "container.id", "container.name", "db.connection_string",
    "db.query.text", "db.statement", "db.user", "exception.message", "exception.stacktrace", "file.directory",
    "file.name", "file.path", "file.symbolic_link.target_path", "host.id", "host.ip", "host.mac", "host.name",
    "http.client_ip", "http.host", "http.server_name", "http.target", "http.url", "http.user_agent", "k8s.node.name",
    "k8s.node.uid", "k8s.pod.ip", "k8s.pod.name", "k8s.pod.uid", "log.file.path", "process.command",
    "process.command_args", "process.command_line", "process.executable.path", "process.owner", "process.title",
    "process.working_directory", "service.instance.id", "source.address", "source.port",
))
# fmt: on


class Check:
    """The check of records of one tool ("" is any). `declared` is whether there is a manifest, whose declaration then
    decides; `install` is whether that gives each installation an id.
    """

    def __init__(
        self, tool: str = "", declaration: Declaration | None = None, *, declared: bool = False, install: bool = False
    ) -> None:
        self._tool = tool
        self._install = install
        self.declaration = declaration
        self._acceptor = Acceptor(declaration, "enhanced") if declared else None
        self.losses: Counter[str] = Counter()  # reason to number, of records and of properties

    def record(self, found: dict[str, Any] | None, manner: str) -> dict[str, Any] | str:
        """The record as it may be written, or the reason why not, which is counted. Never raises."""
        record = checked(found)
        if record is None:
            return self._refused("not a record")
        if self._tool not in ("", record["tool"]):
            return self._refused("of another tool")
        if self._acceptor is not None:
            properties = self._declared(record["event"], record["properties"], manner)
            if properties is None:
                return self._refused("not declared")
            record["properties"] = properties
            for fact, form in _FACTS.items():
                if form.fullmatch(record[fact]) is None:
                    record[fact] = ""
                    self.losses[f"a {fact} that is none"] += 1
            if not (self._install and is_hex(record.get("install"), 32)) and record.pop("install", ""):
                self.losses["an install that is none"] += 1
        elif manner == FOREIGN:
            record["properties"] = _impersonal(record["properties"])
        elif manner == FLAT and (told := record["properties"].get("success")) in _BOOLEANS:
            record["properties"]["success"] = told == "True"  # the package's own events have nothing else there
        return record

    def _refused(self, reason: str) -> str:
        self.losses[reason] += 1
        return reason

    def _declared(self, event: str, properties: dict[str, Any], manner: str) -> dict[str, Any] | None:
        whole = self._accept(event, properties)
        if whole is not None or manner == EXACT or self._accept(event, {}) is None:
            return whole
        found: dict[str, Any] = {}
        for name, value in properties.items():
            read = self._read(event, name, value)
            if read is not None:
                found |= read
            elif manner == FOREIGN:
                self.losses["a property that is not declared"] += 1
            else:
                return None
        return found

    def _read(self, event: str, name: str, value: object) -> dict[str, Any] | None:
        """One property of a flat format as it is declared, nested or with dots in its name; None if it is not."""
        flat = {name: value}
        if isinstance(value, dict):
            whole = self._accept(event, flat)
            if whole is not None:
                return whole
            nested = self._of_kinds(event, value, lambda inner, kind: {name: {inner: kind}})
            if nested is not None:
                return self._accept(event, {name: nested})
            flat = {f"{name}.{inner}": held for inner, held in value.items()}
        found = self._of_kinds(event, flat, lambda at, kind: {at: kind})
        return None if found is None else self._accept(event, found)

    def _of_kinds(
        self, event: str, values: dict[str, Any], placed: Callable[[str, object], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The values, each as the first of its `_kinds` that is declared at its place; None if one has no such kind."""
        found = {}
        for name, value in values.items():
            for kind in _kinds(value):
                if self._accept(event, placed(name, kind)) is not None:
                    found[name] = kind
                    break
            else:
                return None
        return found

    def _accept(self, event: str, properties: dict[str, Any]) -> dict[str, Any] | None:
        assert self._acceptor is not None  # noqa: S101  # the caller looked
        return self._acceptor.properties(event, properties)


def _impersonal(properties: dict[str, Any]) -> dict[str, Any]:
    """Nested properties without those whose whole names, with the dot, are personal."""
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, dict):
            kept = {inner: held for inner, held in value.items() if not _is_personal(f"{name}.{inner}")}
            if kept:
                found[name] = kept
        elif not _is_personal(name):
            found[name] = value
    return found


def _is_personal(name: str) -> bool:
    return name in _PERSONAL or name.startswith(_PERSONAL_FAMILIES)


def _kinds(value: object) -> Iterator[object]:
    """What one value of a flat format may have been: what was read or, since a URL holds only texts, a choice called
    `12` or `true`, or a boolean as Python spells it.
    """
    yield value
    if isinstance(value, bool):
        yield str(value).lower()
    elif not isinstance(value, str):
        yield str(value)
    elif value in _BOOLEANS:
        yield value == "True"
