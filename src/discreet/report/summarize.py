"""Add records up: how often, how well, how long, by whom, with what.

The rule that keeps it honest: memory is bounded by the constants below, whatever the log holds. What does not fit a
table is added up under `OTHERS`, so that the sums are always right.

An event that was recorded at a rate r stands for 1/r events (Horvitz and Thompson, "A Generalization of Sampling
Without Replacement From a Finite Universe", 1952): the sum of 1/r estimates how many there were, and the square root of
the sum of (1 - r)/r**2 is its standard error. Shares, means and percentiles within a sample estimate those of all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .. import names
from .packs import RATE, Column, Facts, Pack, Span
from .sketch import Numbers

ROWS = 200  # rows of one table; a tool has dozens of commands, a log under attack has millions
DAYS = 3660  # ten years of days
UNSETTLED = 10_000  # days and facts added since the last `settle`, at most
_RATES = 16  # of them: all are counted at each pack, and a tool declares a few
OTHERS = "(others)"  # no legal name, so it is never mistaken for an event
NONE = "(none)"  # the value of a field that is asked for and not there
UNKNOWN = "unknown"

DURATION_FIELDS = ("duration_ms", "ms")  # the first that a record has is its duration, in milliseconds

Key = TypeVar("Key")
Kept = TypeVar("Kept")
Name = tuple[str, str, str]  # of a row: event, command or "", value of the field asked for or ""


@dataclass(slots=True)
class Estimate:
    """How many records there are, how many events they stand for, and the variance of that."""

    count: int = 0
    weight: float = 0
    variance: float = 0

    def add(self, number: int, rate: float) -> None:
        """Add `number` records that were recorded at a rate (above 0, at most 1)."""
        self.count += number
        self.weight += number if rate == 1 else number / rate
        self.variance += number * (1 - rate) / rate**2


@dataclass(slots=True)
class Row(Estimate):
    """One event, or one command of the event `command`. `ok` and `failed` count the records that carry `success`."""

    ok: int = 0
    failed: int = 0
    durations: Numbers = field(default_factory=Numbers)


@dataclass(slots=True)
class Values:
    """What one field held: `table` counts booleans and texts, `items` has what is within a mapping, by name."""

    count: int = 0
    table: dict[bool | str, int] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)
    items: "dict[str, Values]" = field(default_factory=dict)

    def add(self, column: Column, number: int, room: int = 0) -> None:
        """Add one column of a pack of `number` records; `room` is how many new names within mappings are kept apart."""
        self.count += number
        if not isinstance(column, (Counter, Span)):
            limit = len(self.items) + room
            for item, inner in column.items():
                size = inner.total() if isinstance(inner, Counter) else len(inner.numbers)
                _entry(self.items, item, OTHERS, limit, Values).add(inner, size)
            return
        if isinstance(column, Span):
            self.numbers.add(*column)
        else:
            for value, times in column.items():
                _count(self.table, value, times)


@dataclass(slots=True)
class Summary:
    """What a log says, after `settle`.

    `rows` goes by event, command and, if the field `by` was asked for, its value. `fields` goes by event and field,
    without those that are in the rows. `tools`, `versions`, `systems` and `pythons` count the records of each value.
    Each of these four, the rows and the days add up to `total`.
    """

    by: str = ""
    total: Estimate = field(default_factory=Estimate)
    rows: dict[Name, Row] = field(default_factory=dict)
    tools: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    systems: dict[str, int] = field(default_factory=dict)
    pythons: dict[str, int] = field(default_factory=dict)
    days: dict[str, Estimate] = field(default_factory=dict)
    fields: dict[tuple[str, str], Values] = field(default_factory=dict)
    _new_facts: Counter[Facts] = field(default_factory=Counter)
    _new_days: dict[float, Counter[bytes]] = field(default_factory=dict)  # by rate

    def add(self, pack: Pack) -> None:
        """Add the records of a pack that was made with the same `by`. Never raises."""
        self.total.add(pack.number, pack.rate)
        self._new_facts.update(pack.facts)
        self._new_days.setdefault(pack.rate, Counter()).update(pack.days)
        rates = self._new_days.values()
        if len(rates) > _RATES or len(self._new_facts) + sum(map(len, rates)) > UNSETTLED:
            self.settle()
        name = self._name(pack)
        row = _entry(self.rows, name, (OTHERS, "", ""), ROWS, Row)
        row.add(pack.number, pack.rate)
        used = {RATE, "command"} if name[1] else {RATE}
        success = pack.fields.get("success")
        if isinstance(success, Counter) and (True in success or False in success):
            row.ok += success[True]
            row.failed += success[False]
            used.add("success")
        used.add(_durations(row.durations, pack.fields))
        for label, column in pack.fields.items():
            if label not in used:
                room = max(ROWS - sum(len(held.items) for held in self.fields.values()), 0)
                _entry(self.fields, (pack.event, label), (OTHERS, OTHERS), ROWS, Values).add(column, pack.number, room)

    def settle(self) -> "Summary":
        """Move what was added to the tables of days, tools, versions, systems and Pythons. Returns this summary."""
        for rate, days in self._new_days.items():
            for day, number in days.items():
                _entry(self.days, str(day, "ascii"), OTHERS, DAYS, Estimate).add(number, rate)
        for facts, number in self._new_facts.items():
            _count(self.tools, facts.tool, number)
            _count(self.versions, facts.version or UNKNOWN, number)
            _count(self.systems, facts.os or UNKNOWN, number)
            _count(self.pythons, facts.py or UNKNOWN, number)
        self._new_days.clear()
        self._new_facts.clear()
        return self

    @property
    def period(self) -> tuple[str, str]:
        """The first and the last day in UTC (`2026-11-20`), "" for an empty log."""
        days = self.days.keys() - {OTHERS}
        return min(days, default=""), max(days, default="")

    def _name(self, pack: Pack) -> Name:
        command = pack.command if pack.event == "command" and names.legal_name(pack.command) else ""
        return pack.event, command, (NONE if pack.by is None else pack.by) if self.by else ""


def summarize(packs: Iterable[Pack], by: str = "") -> Summary:
    """Add up packs, as `packs.packs` yields them for the same `by`, in any order, in one pass.

    The first `ROWS` rows, tools, versions, systems, Pythons, fields, values of a field and names within mappings, and
    the first `DAYS` days are kept apart; the rest is added up as `OTHERS`. A duration that is negative or no number is
    ignored, its record is not. Raises only what `packs` raises.
    """
    summary = Summary(by)
    for pack in packs:
        summary.add(pack)
    return summary.settle()


def _durations(durations: Numbers, fields: Mapping[str, Column]) -> str:
    """Add the durations of a pack. Returns the name of the field that held them, "" for none."""
    name = next((name for name in DURATION_FIELDS if name in fields), "")
    column = fields.get(name)
    if not isinstance(column, Span):
        return ""
    if column.low >= 0:
        durations.add(*column)
    elif held := [value for value in column.numbers if value >= 0]:
        durations.add(held, min(held), column.high)
    return name


def _count(table: dict[Any, int], key: bool | str, number: int) -> None:
    if key not in table and len(table) >= ROWS:
        key = OTHERS
    table[key] = table.get(key, 0) + number


def _entry(table: dict[Key, Kept], key: Key, others: Key, limit: int, kind: Callable[[], Kept]) -> Kept:
    if key not in table and len(table) >= limit:
        key = others
    if key not in table:
        table[key] = kind()
    return table[key]
