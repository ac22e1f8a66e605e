"""The disclosure: what a tool records and never records, where it goes, how long it stays, and how to turn it off.

The rule that keeps it honest: it is made of the very rows, bounds and destinations that the code works with, and of
nothing else: no date, version, home directory or environment variable. So the same declaration gives the same bytes on
every machine, and a CI job can check what a README says. `explain` shows what holds for one user.

This module makes the content, as plain values (`content`, which `--format json` prints); `page` makes Markdown of them.
"""

from .. import names
from ..consent import ways
from .declaration import Declaration
from .examples import example
from .spelled import fields, spelled
from .words import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from .author import Author, Receiver
    from .declaration import Row

    Content: TypeAlias = dict[str, Any]

VERSION = 1  # of this form; another one if a key changes its meaning
# For the package's own events, if the author states no other.
_PURPOSES = {
    "command": "Which commands are used, how long they take, and whether they work.",
    "session": "What was done in one run, added up.",
    "flag_exposure": "Which variant of a feature was in use.",
}
_RECORD = (
    ("v", "the version of this form", 1),
    ("id", "a random number, new for each record", "d00f4479-d6a5-4029-a739-5750004ea1ba"),
    ("time", "when it happened, in UTC, to the second", "2026-11-20T10:30:00Z"),
    ("run", "a random number, the same for all records of one run, and never kept", "9250cc9eadbb82a8"),
    ("event", "the name of the event", "command"),
    ("tool", "the name of the tool", ""),
    ("version", "the version of {tool}", "1.4.0"),
    ("py", "the version of Python", "3.11.7"),
    ("os", "the kind of system, such as `linux`, without its version", "linux"),
)
_INSTALL = (
    "install",
    "a random number kept in the file `{kept}` until you erase it",
    "1b4e28ba2fa1411d9a2b8c0f6e7d3a55",
)
_NEVER = (
    (
        "What you type, and what is in your files: no arguments, no paths, no names of files, hosts or users, no text "
        "of an error. The only words recorded are those shown above, names from the code, and Python's names of errors."
    ),
    "Your network address. (Whoever receives a request sees it all the same, and when the request came.)",
    "A value that cannot be converted as shown: its event is dropped, and only counted.",
)
_UNCHECKED = (
    "That no name in the code is made of something of yours, no library can check: look with `{command} preview`."
)
_LOOK = (
    ("status", "whether it is on, why, and how much lies where"),
    ("explain", "every rule, and the one that decided"),
    ("preview", "the last records as they stand in the file; with `--wire` the next request, body as sent"),
    ("report", "a table of what was recorded"),
    ("export", "sums and counts by day, to pass on yourself"),
    ("sent", "what has left: when, where to, how much"),
    ("clear", "erase all of it, your stored answer too"),
    ("forget", "the same, after asking receivers to delete what was sent"),
)


def content(author: "Author") -> "Content":
    """The whole disclosure, as values that JSON can hold; the keys are in docs/cli.md."""
    declared = author.declaration or Declaration()
    silent = author.mode in ("local", "off")
    facts = {"tool": author.name, "kept": _path(author, "id")}
    command = names.typed(author.program, author.verbs)
    return {
        "disclosure": VERSION,
        "tool": author.name,
        "command": command,
        "consent": author.mode,
        "identity": author.identity,
        "closed": declared.closed,
        "events": [_event(name, declared) for name in declared.events],
        "fields": _fields(declared.fields, {}),
        "record": [
            {"name": name, "words": text.format_map(facts), "example": facts.get(name, shown)}
            for name, text, shown in (*_RECORD, *((_INSTALL,) if author.identity == "install" else ()))
        ],
        "never": list(_NEVER),
        "unchecked": _UNCHECKED.format(command=command),
        "destinations": [] if silent else [_destination(one) for one in author.destinations],
        "kept": {
            "log": _path(author, "log"),
            "files": names.LOG_FILES,
            "bytes_per_file": names.LOG_FILE_BYTES,
            "days": names.LOG_FILE_DAYS,
            "days_until_never_sent": names.SENT_DAYS,
        },
        "off": [
            {"rule": rule, "who": who, "words": text}
            for rule, who, text in ways.ways(author.name, author.mode, _path(author, "consent"), command)
        ],
        "look": [{"command": f"{command} {verb}", "words": text} for verb, text in _LOOK],
        "source": __name__.rpartition(".privacy")[0],
    }


def _event(name: str, declared: Declaration) -> "dict[str, Any]":
    first_paragraph = declared.purposes.get(name, "").strip().partition("\n\n")[0]
    return {
        "name": name,
        "purpose": " ".join(first_paragraph.split()) or _PURPOSES.get(name),
        "sample": declared.samples.get(name),
        "fields": _fields(declared.events[name], Declaration().events.get(name, {})),
    }


def _fields(rows: "Mapping[str, Row]", own: "Mapping[str, Row]") -> "list[dict[str, Any]]":
    """The rows in words. If the author replaced one of the package's `own` without a purpose, its purpose stays."""
    why = {name: row.purpose for name, row in fields(own)}
    return [
        {
            "name": name,
            "conversion": spelled(row),
            "words": words(row),
            "example": example(row),
            "purpose": " ".join(row.purpose.split()) or why.get(name),
            "level": row.level,
        }
        for name, row in fields(rows)
    ]


def _destination(one: "Receiver") -> "dict[str, Any]":
    return {
        "host": one.origin,
        "format": one.format,
        "batch_size": one.batch_size,
        "batch_interval_seconds": one.batch_interval,
        "time_precision": one.time_precision,
        "credentials": bool(one.user or one.api_key or one.headers),
        "flags": one.format == "posthog",
        "waits_for_key": one.format == "posthog" and not one.api_key,
    }


def _path(author: "Author", key: str) -> str:
    """A file's path as it is on every machine: below `~`, or else its name alone."""
    name = author.paths.files[key]
    return f"{author.paths.named}/{name}" if author.paths.named.startswith("~/") else name
