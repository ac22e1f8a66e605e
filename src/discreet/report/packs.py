"""Read the log back in batches, for sums over millions of records.

Most lines of a log are exactly as this package writes them. Of these, what stands at a known place is cut out there,
what many have in common is parsed once, and values are checked a column at a time. Any other line goes through
`read.record_of`.

The rule that keeps it honest: whatever the lines are, the records counted are those that `read.lines` would yield,
and a test compares the two.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from .. import names
from ..log import quote
from ..privacy.spelled import BELOW
from ..sending.records import is_text, is_time, strictly
from .read import FOREIGN, Progress, Record, Tally, blocks, record_of


class Span(NamedTuple):
    """Numbers, at least one, and the lowest and the highest of them."""

    numbers: list[float]
    low: float
    high: float


Flat: TypeAlias = Counter[Any] | Span
Column: TypeAlias = Flat | dict[str, Flat]
Found: TypeAlias = "tuple[Facts, bytes, bytes, dict[str, Any]]"  # the day, a line with the time, the properties
Key: TypeAlias = tuple[str, str, float | None, str | None]  # event, command, rate, value of the field asked for

RATE = "sample_rate"
_LEAST = 1e-9  # nobody declares a lower rate, and its reciprocal would drown all others
_PENDING = 2000  # records held before they are added up: few enough to stay in the processor's cache
_FEW = 8  # halves of so many lines are not halved again to find what the log did not write
_HEADS = 4096  # facts kept: versions, systems and events have few combinations
_PROPERTIES, _DIGITS, _HEX = b'"properties":', b"0123456789", b"0123456789abcdef"
# The bytes that each place of a line may have, as the log writes it, up to its facts.
_SHAPE = (
    *[b"%c" % byte for byte in b'{"v":1,"id":"'],
    *[_HEX + b"-"] * 36,
    *[b"%c" % byte for byte in b'","time":"'],
    *[_DIGITS if place not in (4, 7) else b"-" for place in range(10)],
    *(b"T", b"012", _DIGITS, b":", b"012345", _DIGITS, b":", b"012345", _DIGITS, b"Z"),
    *[b"%c" % byte for byte in b'","run":"'],
    *[_HEX] * 16,
    *(b'"', b","),
)
_FIXED, _DAY, _HOUR, _TIME = len(_SHAPE), slice(59, 69), slice(70, 72), slice(59, 79)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What many records share. Equal only to itself, which makes it a fast key."""

    event: str
    tool: str
    version: str
    py: str
    os: str


KEYS = ("event", "tool", "version", "py", "os")


class Pack(NamedTuple):
    """Records of one event with the same fields, and the same command and rate where they have these.

    `fields` has a column for each name: numbers; booleans or texts, with how often each occurs; or, for a mapping, such
    columns by the name within it.
    """

    event: str
    command: str  # of the event `command`; "" where there is no text of that name
    rate: float  # at which they were recorded; 1 where none is given
    by: str | None  # the value of the field asked for, as text
    number: int
    days: list[bytes]  # such as b"2026-11-20"
    facts: list[Facts]
    fields: dict[str, Column]


class Asked(NamedTuple):
    """What to read: records from `since` on and before `until`, which are times as in a record; only `events`, if any.

    `by` is a field whose values are kept apart (`results/kind`: within a mapping), or one of the names of `Facts`.
    """

    since: str = ""
    until: str = "~"  # sorts after every digit
    events: frozenset[str] = frozenset()
    by: str = ""


EVERYTHING = Asked()


def packs(
    paths: Iterable[str], losses: Tally | None = None, asked: Asked = EVERYTHING, progress: Progress | None = None
) -> Iterator[Pack]:
    """The records of these files that `read.lines` would yield, in packs, in no certain order."""
    tally = Counter() if losses is None else losses
    heads: dict[bytes, Facts] = {}
    pending: list[Found] = []
    for lines in blocks(paths, tally, progress):
        found = _found(lines, heads, tally)
        if asked.since or asked.until != EVERYTHING.until:
            found = [one for one in found if asked.since <= one[2][_TIME].decode() < asked.until]
        if asked.events:
            found = [one for one in found if one[0].event in asked.events]
        pending += found
        if len(pending) >= _PENDING:
            yield from _packed(pending, asked.by, tally)
            pending = []
    yield from _packed(pending, asked.by, tally)


def _legal(record: Record) -> Found:
    line = b"".rjust(_TIME.start) + record["time"].encode()
    return Facts(*[record[key] for key in KEYS]), line[_DAY], line, record["properties"]


def _found(lines: list[bytes], heads: dict[bytes, Facts], tally: Tally) -> list[Found]:
    """The records of these lines, read in bulk as far as possible."""
    if (found := _bulk(lines, heads) if lines else []) is not None:
        return found
    likely = [line for line in lines if len(line) > _FIXED]
    half = len(likely) // 2
    if half <= _FEW:
        return [_legal(record) for line in lines if (record := record_of(line, tally)) is not None]
    if len(likely) < len(lines):  # a shorter one is not ours: millions of those are not halved
        return _found(likely, heads, tally) + _found([one for one in lines if len(one) <= _FIXED], heads, tally)
    return _found(lines[:half], heads, tally) + _found(lines[half:], heads, tally)


def _bulk(lines: list[bytes], heads: dict[bytes, Facts]) -> list[Found] | None:
    """The records of these lines if each is as the log writes it, else None. Their properties are not checked yet.

    All properties are parsed at once, as one list, with a random text between each two. No line can hold that text: if
    each comes out in its place, what is between two of them is of one line.
    """
    mark = os.urandom(8).hex()
    try:
        texts, _, tails = zip(*[line[_FIXED:].partition(_PROPERTIES) for line in lines], strict=True)
        parsed = strictly("[" + (b',"%b",' % mark.encode()).join([tail[:-1] for tail in tails]).decode() + "]")
    except (ValueError, RecursionError):
        return None
    held, marks = parsed[::2], parsed[1::2]
    days = [line[_DAY] for line in lines]
    as_written = (
        len(held) == len(lines) == len(marks) + 1 == marks.count(mark) + 1
        and set(map(type, held)) == {dict}
        and _shaped(b"".join([line[:_FIXED] for line in lines]), len(lines))
        and all(map(_is_day, set(days)))
        and max([line[_HOUR] for line in lines]) < b"24"
        and b"".join([tail[-1:] for tail in tails]) == b"}" * len(lines)
        and _learnt(set(texts), heads)
    )
    return list(zip([heads[text] for text in texts], days, lines, held, strict=True)) if as_written else None


def _shaped(beginnings: bytes, number: int) -> bool:
    """Whether these are the beginnings of `number` lines as the log writes them."""
    return len(beginnings) == number * _FIXED and not any(
        beginnings[place::_FIXED].strip(allowed) for place, allowed in enumerate(_SHAPE)
    )


def _learnt(texts: set[bytes], heads: dict[bytes, Facts]) -> bool:
    """Whether all these texts are facts; they are then in `heads`."""
    if len(heads) + len(texts) > _HEADS:
        heads.clear()
    for text in texts.difference(heads):
        facts = _facts(text)
        if facts is None:
            return False
        heads[text] = facts
    return True


def _facts(text: bytes) -> Facts | None:
    """The facts, if the log would have written them exactly so, and nothing else hides among them; else None."""
    try:
        read = json.loads(b"{%b0}" % (text + _PROPERTIES))
        facts = [read[key] for key in KEYS]
        shown = {key: read[key] for key in (*KEYS, "install") if key in read}
        legal = names.legal_name(read["event"]) and names.legal_tool(read["tool"]) and all(map(is_text, shown.values()))
        written = "".join(f'"{key}":{quote(value)},' for key, value in shown.items()) if legal else ""
        return Facts(*facts) if legal and text == written.encode() else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None  # no text where there should be one, or no JSON


def _by(by: str, facts: Facts, properties: Mapping[str, Any]) -> str | None:
    if by in KEYS:
        return str(getattr(facts, by))
    value = properties.get(by)
    if value is None:
        outer, _, inner = by.partition(BELOW)
        held = properties.get(outer)
        value = held.get(inner) if type(held) is dict else None
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if type(value) in (str, int, float) else None


def _packed(found: list[Found], by: str, tally: Tally) -> Iterator[Pack]:
    """These records in packs, one or more for each event, command, rate and value of `by`."""
    events: defaultdict[str, list[Found]] = defaultdict(list)
    for one in found:
        events[one[0].event].append(one)
    for event, part in events.items():
        if not by and event != "command" and not any(RATE in one[3] for one in part):
            yield from _together((event, "", None, None), part, tally)
            continue
        parts: defaultdict[Key, list[Found]] = defaultdict(list)
        for one in part:
            command, rate = one[3].get("command"), one[3].get(RATE)
            key = (
                event,
                command if type(command) is str and event == "command" else "",
                rate if type(rate) is float else None,
                _by(by, one[0], one[3]) if by else None,
            )
            parts[key].append(one)
        for key, those in parts.items():
            yield from _together(key, those, tally)


def _together(key: Key, found: list[Found], tally: Tally) -> Iterator[Pack]:
    """These records, which have one key, as one pack if their fields are the same, with values of the same kinds; else
    as several. Those that are no records are counted.
    """
    held = [one[3] for one in found]
    fields = tuple(held[0])
    try:
        columns = {name: _column([properties[name] for properties in held]) for name in fields}
    except KeyError:
        columns = {"": None}
    if set(map(len, held)) != {len(fields)} or None in columns.values() or not all(map(names.legal_name, fields)):
        yield from _apart(key, found, tally)
        return
    event, command, rate, by = key
    rate = rate if rate and _LEAST <= rate <= 1 else 1.0
    days, facts = [one[1] for one in found], [one[0] for one in found]
    yield Pack(event, command, rate, by, len(found), days, facts, columns)  # type: ignore[arg-type]  # no None there


def _apart(key: Key, found: list[Found], tally: Tally) -> Iterator[Pack]:
    """Packs of records that make no single pack: split by their fields, else one by one. One alone is no record."""
    if len(found) == 1:
        tally[FOREIGN] += 1
        return
    parts: defaultdict[tuple[str, ...], list[Found]] = defaultdict(list)
    for one in found:
        parts[tuple(one[3])].append(one)
    for part in parts.values() if len(parts) > 1 else [[one] for one in found]:
        yield from _together(key, part, tally)


@lru_cache(maxsize=4096)
def _is_day(day: bytes) -> bool:
    return is_time(f"{str(day, 'ascii')}T00:00:00Z")


def _column(values: list[Any]) -> Column | None:
    """The values as a column; None if they are of several kinds, or one of them is not allowed in a record."""
    kinds = set(map(type, values))
    if kinds <= {int, float}:
        low, high = min(values), max(values)
        return Span(values, low, high) if low >= -names.LARGEST_INTEGER and high <= names.LARGEST_INTEGER else None
    if kinds in ({str}, {bool}):
        counted = Counter(values)
        return counted if kinds == {bool} or all(map(is_text, counted)) else None
    if kinds != {dict}:
        return None
    items: dict[str, list[Any]] = {}
    for mapping in values:
        for item, value in mapping.items():
            items.setdefault(item, []).append(value)
    columns = {item: _column(held) for item, held in items.items()}
    flat = all(column is not None and type(column) is not dict for column in columns.values())
    return columns if flat and all(map(is_text, items)) else None  # type: ignore[return-value]  # flat, as it says
