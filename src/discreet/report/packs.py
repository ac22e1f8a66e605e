"""Read the log back by the hundred, for sums over millions of records.

Most of a log is lines exactly as this package writes them. Of these, what stands before the properties is read by one
expression and known again; what stands in the properties is asked of each different value once, and not of each record.
Any other line goes through `read.record_of`.

The rule that keeps it honest: whatever the lines are, what is counted is what `read.records` would have yielded, and a
test compares the two.
"""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple, TypeAlias

from .. import names
from ..sending.log import quote
from ..sending.records import is_text, is_time
from .read import FOREIGN, Progress, Record, Tally, blocks, record_of

Column: TypeAlias = Counter[Any] | dict[str, Counter[Any]]
Key: TypeAlias = tuple[str, ...]  # an event and its fields
Apart: TypeAlias = tuple[str, float | None, str | None]  # a command, a rate, and the value of a field asked for
Found: TypeAlias = "tuple[Facts, str, dict[str, Any]]"

RATE = "sample_rate"
_LEAST = 1e-9  # a rate below that was declared by nobody; its reciprocal would drown all others
_PENDING = 1000  # records held before they are added up: few enough to stay in the fast memory of the processor
_FEW = 8  # lines not worth to be halved once more to find the one that is not as the log writes it
_HEADS = 1024  # known again: versions, systems and events have few combinations
# A line as the log writes it. Whether there ever was such a day is asked once for each day.
_LINE = re.compile(
    r'^\{"v":1,"id":"[0-9a-f-]{36}","time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)",'
    r'"run":"[0-9a-f]{16}",("event":[^{\n]*"properties":)(\{.*\})\}$',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What many records share; two of the same are not equal, since to be told apart fast is what they are for."""

    event: str
    tool: str
    version: str
    py: str
    os: str


KEYS = ("event", "tool", "version", "py", "os")


class Pack(NamedTuple):
    """Records of the same event with the same fields; where they have these, of the same command and rate.

    `days`, `facts` and `fields` say how often each value occurs, `fields` by name, and for a mapping by name and name
    within it. The values of one field are all booleans, all numbers, all texts or all mappings.
    """

    event: str
    command: str  # "" where there is no text of that name
    rate: float  # at which they were recorded; 1 where none is given
    by: str | None  # the value of the field asked for, as text
    number: int
    days: Counter[str]
    facts: Counter[Facts]
    fields: dict[str, Column]


class Asked(NamedTuple):
    """What to read: from the moment `since` on and before `until`, as they stand in a record; only `events`, if any.

    `by` is a field whose values are kept apart (`results.kind`: within a mapping), or one of the names of `Facts`.
    """

    since: str = ""
    until: str = "~"  # after every digit
    events: frozenset[str] = frozenset()
    by: str = ""


EVERYTHING = Asked()


def packs(
    paths: Iterable[str], losses: Tally | None = None, asked: Asked = EVERYTHING, progress: Progress | None = None
) -> Iterator[Pack]:
    """The records of these files, as `read.records` yields them, added up; in which order is not said."""
    tally = Counter() if losses is None else losses
    heads: dict[str, Facts] = {}
    pending: dict[Key, list[Found]] = {}
    held = 0
    for lines in blocks(paths, tally, progress):
        found = _found(lines, heads, tally)
        if asked is not EVERYTHING:
            found = [one for one in found if asked.since <= one[1] < asked.until]
            found = [one for one in found if not asked.events or one[0].event in asked.events]
        for one in found:
            key = (one[0].event, *one[2])
            if key in pending:
                pending[key].append(one)
            else:
                pending[key] = [one]
        held += len(found)
        if held >= _PENDING:
            yield from _flushed(pending, asked.by, tally)
            held = 0
    yield from _flushed(pending, asked.by, tally)


def pack(record: Record, by: str = "") -> Pack:
    """One record, as `read.records` yields it, as a pack."""
    found = _legal(record)
    return next(_flushed({(record["event"], *record["properties"]): [found]}, by, Counter()))


def _legal(record: Record) -> "Found":
    return Facts(*[record[key] for key in KEYS]), record["time"], record["properties"]


def _found(lines: list[bytes], heads: dict[str, Facts], tally: Tally) -> "list[Found]":
    """What these lines hold, in bulk as far as that goes."""
    found = _bulk(lines, heads)
    if found is not None:
        return found
    half = len(lines) // 2
    if half > _FEW:
        return _found(lines[:half], heads, tally) + _found(lines[half:], heads, tally)
    return [_legal(record) for line in lines if (record := record_of(line, tally)) is not None]


def _bulk(lines: list[bytes], heads: dict[str, Facts]) -> "list[Found] | None":
    """What these lines hold, if each is as the log writes it; the properties were not looked at yet.

    All properties are parsed at once, as one list, with a random text between each two. Whatever a line holds, it does
    not hold that text: so if all of these come out in their places, what is between two of them is of one line.
    """
    mark = os.urandom(8).hex()
    try:
        matches = _LINE.findall(b"\n".join(lines).decode())
        if not lines or len(matches) != len(lines):
            return None if lines else []
        times, texts, properties = zip(*matches, strict=True)
        parsed = json.loads("[" + f',"{mark}",'.join(properties) + "]")
    except (ValueError, RecursionError):
        return None
    held, marks = parsed[::2], parsed[1::2]
    if len(held) != len(lines) or marks.count(mark) != len(lines) - 1 or set(map(type, held)) != {dict}:
        return None
    for text in set(texts).difference(heads):
        facts = _facts(text)
        if facts is None:
            return None
        if len(heads) >= _HEADS:
            heads.clear()
            return None  # once in a thousand: the heads before this one are gone
        heads[text] = facts
    return list(zip([heads[text] for text in texts], times, held, strict=True))


def _facts(head: str) -> Facts | None:
    """The facts, if this is exactly how the log would have written them: then nothing hides among them."""
    try:
        read = json.loads(f"{{{head}0}}")
        texts = [read[key] for key in KEYS]
        install = f',"install":{quote(read["install"])}' if "install" in read else ""
        written = ",".join(f'"{key}":{quote(read[key])}' for key in KEYS) + install + ',"properties":'
        legal = names.legal_name(read["event"]) and names.legal_tool(read["tool"]) and all(map(is_text, texts))
        return Facts(*texts) if legal and is_text(read.get("install", "")) and head == written else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None  # no text where there should be one, or no JSON


def _by(by: str, facts: Facts, properties: Mapping[str, Any]) -> str | None:
    if by in KEYS:
        return str(getattr(facts, by))
    value = properties.get(by)
    if value is None:
        outer, _, inner = by.partition(".")
        held = properties.get(outer)
        value = held.get(inner) if type(held) is dict else None
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if type(value) in (str, int, float) else None


def _flushed(pending: "dict[Key, list[Found]]", by: str, tally: Tally) -> Iterator[Pack]:
    for (event, *fields), found in pending.items():
        if not (by or "command" in fields or RATE in fields):
            yield from _packed(event, ("", None, None), fields, found, tally)
            continue
        held = [properties for _, _, properties in found]
        commands = [text if type(text := properties.get("command")) is str else "" for properties in held]
        rates = [rate if type(rate := properties.get(RATE)) is float else None for properties in held]
        values = [_by(by, facts, properties) for facts, _, properties in found] if by else repeat(None)
        parts: defaultdict[Apart, list[Found]] = defaultdict(list)
        for one, apart in zip(found, zip(commands, rates, values, strict=False), strict=True):
            parts[apart].append(one)
        for apart, part in parts.items():
            yield from _packed(event, apart, fields, part, tally)
    pending.clear()


def _packed(event: str, apart: "Apart", fields: list[str], found: "list[Found]", tally: Tally) -> Iterator[Pack]:
    """The pack of these records; where they do not go together, each by itself, and what is no record is counted."""
    days = Counter([time[:10] for _, time, _ in found])
    held = [properties for _, _, properties in found]
    columns = {name: _column([properties[name] for properties in held]) for name in fields}
    if None in columns.values() or not (all(map(names.legal_name, fields)) and all(map(_is_day, days))):
        if len(found) == 1:
            tally[FOREIGN] += 1
            return
        for one in found:
            yield from _packed(event, apart, fields, [one], tally)
        return
    command, rate, by = apart
    rate = rate if rate and _LEAST <= rate <= 1 else 1.0
    facts = Counter([facts for facts, _, _ in found])
    yield Pack(event, command, rate, by, len(found), days, facts, columns)  # type: ignore[arg-type]  # no None there


@lru_cache(maxsize=4096)
def _is_day(day: str) -> bool:
    return is_time(f"{day}T00:00:00Z")


def _column(values: list[Any]) -> Column | None:
    """How often each value occurs; None where they are not of one kind, or one of them may stand in no record."""
    kinds = set(map(type, values))
    if kinds == {dict}:
        items: dict[str, list[Any]] = {}
        for mapping in values:
            for item, value in mapping.items():
                items.setdefault(item, []).append(value)
        columns = {item: _column(held) for item, held in items.items()}
        flat = all(type(column) is Counter for column in columns.values())
        return columns if flat and all(map(is_text, items)) else None  # type: ignore[return-value]  # as `flat` says
    if not (kinds in ({bool}, {str}) or kinds <= {int, float}):
        return None
    counted = Counter(values)
    most = names.LARGEST_INTEGER
    legal = all(map(is_text, counted)) if kinds == {str} else all(-most <= value <= most for value in counted)
    return counted if legal else None  # no comparison holds for NaN
