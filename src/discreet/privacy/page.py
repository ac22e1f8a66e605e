"""The disclosure as Markdown: about a page that a stranger can read.

The rule that keeps it honest: to what `disclosure.content` holds it adds only sentences. Whatever an author wrote stays
text: a purpose or an example cannot become a cell, a heading, a comment or a marker.
"""

import json

from .. import names
from . import UNDECLARED_LIMIT
from .words import code, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .disclosure import Content

_DEEPEST = 6  # levels of headings that Markdown has
_INTRODUCTIONS = {
    "opt-in": "{tool} records nothing about its use until you say yes: `{command} on`.",
    "opt-out": (
        "{tool} records how it is used unless you say no: `{command} off`. It begins only after it has shown a "
        "notice in an earlier run."
    ),
    "off": "The code of {tool} has telemetry switched off: nothing of what follows is recorded, whatever is set.",
}
_INTRODUCTIONS["local"] = _INTRODUCTIONS["opt-in"]
_WHO = {"you": "", "administrator": "An administrator: ", "author": "The author: "}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def markdown(said: "Content", level: int = 1, *, titled: bool = True) -> str:
    """What `content` said, as Markdown that ends in a newline.

    With `titled` it begins with a heading of `level` (1 to 6), and its sections are a level deeper; without, the
    sections have that level.
    """
    deeper = min(level + titled, _DEEPEST)
    parts = [f"{'#' * level} What {said['tool']} records about its use"] if titled else []
    parts.append(_introduction(said))
    for title, section in (
        ("What is recorded", _recorded),
        ("What is never recorded", _never),
        ("Where it goes", _goes),
        ("How long it stays", _stays),
        ("How to turn it off", _off),
        ("How to see and erase it", _look),
    ):
        parts += [f"{'#' * deeper} {title}", *section(said)]
    return "\n\n".join(parts) + "\n"


def _introduction(said: "Content") -> str:
    head = _INTRODUCTIONS[said["consent"]].format(tool=said["tool"], command=said["command"])
    if said["consent"] == "off":
        return head
    goes = "goes from there to the receivers named below" if said["destinations"] else "stays there"
    return f"{head} A no always beats a yes. What is recorded lies in a text file on your machine, and {goes}."


def _recorded(said: "Content") -> "Iterator[str]":
    leveled = any(field["level"] != "basic" for field in _every_field(said))
    for event in said["events"]:
        why = _prose(event["purpose"] or "No purpose stated.")
        yield f"**{code(event['name'])}**: {why}{_sampled(event['sample'])}"
        if event["fields"]:
            yield _fields(event["fields"], leveled=leveled)
    if said["fields"]:
        yield "**Any event** may also hold:"
        yield _fields(said["fields"], leveled=leveled)
    if leveled:
        yield (
            f"A field of the level *enhanced* is recorded only for those who agreed to that much, by "
            f"`{said['command']} on --enhanced` or the same in their environment or configuration."
        )
    if not said["closed"]:
        yield (
            f"This list is open: the code of {said['tool']} may add other events and fields. Of these only yes or no "
            f"is recorded, and numbers between -{UNDECLARED_LIMIT:,} and {UNDECLARED_LIMIT:,}."
        )
    facts = "; ".join(f"{code(fact['name'])}, {fact['words']}" for fact in said["record"])
    yield f"**Every record** also holds {facts}. {_links(said)}{_variants(said)}"


def _never(said: "Content") -> "Iterator[str]":
    yield _list(said["never"])
    yield said["unchecked"]


def _goes(said: "Content") -> "Iterator[str]":
    tool, head = said["tool"], names.prefix(said["tool"])
    if said["consent"] in ("local", "off"):
        yield "Nowhere: it stays on this machine, and no setting changes that."
        return
    endpoint, key = f"`{head}_TELEMETRY_ENDPOINT`", f"`{head}_TELEMETRY_POSTHOG_API_KEY`"
    yours = f"your environment, or your configuration of {tool} if {tool} looks there"
    if not said["destinations"]:
        yield (
            f"Nowhere: it stays on this machine. Only {yours}, can name a receiver: {endpoint} an address of your "
            f"choice, {key} a PostHog project of yours."
        )
        return
    yield _list([_receiver(one) for one in said["destinations"]])
    credentials = any(one["credentials"] for one in said["destinations"])
    keys = " the key or header that the author set for the receiver," if credentials else ""
    yield (
        f"What lay in the file when you last typed `on`, `off` or `clear` is never sent. Besides the records a "
        f"request carries the name and version of {tool} as its `User-Agent`,{keys} and nothing else about you or your "
        f"machine. Its receiver also learns the address that it comes from, and which records came together."
    )
    if any(one["flags"] for one in said["destinations"]):
        whom = "the number `install`" if said["identity"] == "install" else "a random number, another one each time"
        yield (
            f"Where {tool} looks up which features to try out (feature flags), it also asks PostHog for these, once an "
            f"hour at most. That request carries the name of {tool}, the author's key and {whom}, and nothing else."
        )
    as_well = (
        "in place of the author's" if any(one["format"] == "posthog" for one in said["destinations"]) else "as well"
    )
    yield (
        f"The choice is yours, in {yours}: {endpoint} names an address that gets it instead of all these, {key} a "
        f"PostHog project that gets it {as_well}."
    )


def _stays(said: "Content") -> "Iterator[str]":
    tool, kept = said["tool"], said["kept"]
    yield (
        f"In {_log(said)} and older parts beside it, at most {kept['files']} files of "
        f"{kept['bytes_per_file'] // 1024**2} MiB; the oldest goes first. A part that was last written {kept['days']} "
        f"days ago is erased when {tool} records again. Records older than {kept['days_until_never_sent']} days are "
        f"never sent."
    )
    if said["destinations"]:
        yield f"What was sent is with its receiver. How long it stays there, the author of {tool} can say."


def _off(said: "Content") -> "Iterator[str]":
    yield "Each of these is enough, whatever else says yes:"
    by_hand = [way for way in said["off"] if way["who"] != "automatic"]
    yield _list([f"{_WHO[way['who']]}{way['words']}." for way in by_hand])
    yield "It is off by itself:"
    yield _list([f"{way['words']}." for way in said["off"] if way["who"] == "automatic"])


def _look(said: "Content") -> "Iterator[str]":
    tool = said["tool"]
    yield _list([f"`{one['command']}`: {one['words']}." for one in said["look"]])
    yield f"Or open {_log(said)}: one record a line."
    yield (
        f"All of this is done by the Python package {code(said['source'])}, installed with {tool} as readable source. "
        f"It made this text, from the declaration it works with: `{said['command']} disclosure`."
    )


def _log(said: "Content") -> str:
    """The log, and how to find it if its place is not the same on every machine."""
    log = code(said["kept"]["log"])
    return log if "/" in log else f"{log} (`{said['command']} status` says where)"


def _links(said: "Content") -> str:
    """What in a record links it to another one."""
    hashes = dict.fromkeys(one["name"] for one in _every_field(said) if one["conversion"].startswith("hash"))
    if said["identity"] == "install":
        return "So `install` links all records of this installation, until then."
    if hashes:
        return f"Nothing in a record links one run to another, but for {listed(hashes)}: for a month at most."
    return "Nothing in a record links one run to another."


def _variants(said: "Content") -> str:
    found = listed(dict.fromkeys(one["name"] for one in _every_field(said) if one["name"].startswith("flag.")))
    return f" Which variant of a feature is in use may stay the same from run to run: {found}." if found else ""


def _receiver(one: "dict[str, Any]") -> str:
    often = _duration(one["batch_interval_seconds"])
    when = f"as soon as {one['batch_size']} records wait, or {often} after the last try" if often else "at once"
    if one["format"] == "beacon":
        time = "without the time"
    elif one["time_precision"] == "second":
        time = "with the time to the second"
    else:
        time = f"with the time cut to the {one['time_precision']}"
    key = "; nothing is sent before you set a key" if one["waits_for_key"] else ""
    return f"{code(one['host'])}, in the form {code(one['format'])}, {when}, {time}{key}."


def _sampled(rate: float | None) -> str:
    return "" if rate is None or rate == 1 else f" Only {rate * 100:.6g} % of these are recorded, chosen by chance."


def _every_field(said: "Content") -> "Iterator[dict[str, Any]]":
    for event in said["events"]:
        yield from event["fields"]
    yield from said["fields"]


def _fields(found: "Sequence[dict[str, Any]]", *, leveled: bool) -> str:
    head = ("field", "what is recorded", "example", "why", "level")
    rows = [
        (
            code(field["name"]),
            field["words"],
            _example(field["example"]),
            _prose(field["purpose"] or "no purpose stated"),
            field["level"] if field["level"] == "basic" else f"*{field['level']}*",
        )
        for field in found
    ]
    return table(head, rows) if leveled else table(head[:-1], [row[:-1] for row in rows])


def table(head: "Sequence[str]", rows: "Sequence[Sequence[str]]") -> str:
    """A table in Markdown. A cell may hold anything but a line break."""
    lines = [head, ["---"] * len(head), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(items: "Sequence[str]") -> str:
    return "\n".join(f"- {item}" for item in items)


def _example(value: object) -> str:
    if value is None:
        return ""
    return code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _prose(text: str) -> str:
    """What an author wrote, as one line of text in which no tag and no comment is left."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("<", "&lt;")


def _duration(seconds: float) -> str:
    """`60.0` as "a minute"; "" for 0."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {unit}s" if number > 1 else f"an {unit}" if unit == "hour" else f"a {unit}"
    return f"{seconds:g} seconds" if seconds else ""
