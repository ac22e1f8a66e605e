"""Add records up: how often, how well, how long, by whom.

The rule that keeps it honest: memory is bounded by the constants below, whatever the log holds. What does not fit a
table is added up under `OTHERS`, so that the sums are always right; durations are kept as a histogram, not as a list.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .. import names
from .read import Record

ROWS = 200  # rows of one table; a tool has dozens of commands, a log under attack has millions
DAYS = 3660  # ten years of days
OTHERS = "(others)"  # no legal name, so it is never mistaken for an event
UNKNOWN = "unknown"

DURATION_FIELDS = ("duration_ms", "ms")  # the first that a record has is its duration, in milliseconds

ERROR = 0.01  # the largest relative error of a median or a percentile
SHORTEST = 0.01  # milliseconds; below that the error is absolute and less than this
_GROWTH = (1 + ERROR) / (1 - ERROR)  # each cell reaches this much further than the one below it
_LOG_GROWTH = math.log(_GROWTH)


@dataclass(slots=True)
class Durations:
    """Durations in milliseconds, from 0 to 2**53: the mean exact to a float's precision, percentiles within 1 %.

    A histogram of logarithmic cells, of which there are at most 2,100 here: cell i holds what is above growth**(i - 1)
    and not above growth**i. Source: Masson, Rim and Lee, "DDSketch", VLDB 2019, the basic sketch.
    """

    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = 0.0
    cells: dict[int, int] = field(default_factory=dict)

    def add(self, milliseconds: float) -> None:
        """Take one duration, at least 0 and at most 2**53. Never raises for these."""
        cell = math.ceil(math.log(max(milliseconds, SHORTEST)) / _LOG_GROWTH)
        self.cells[cell] = self.cells.get(cell, 0) + 1
        self.count += 1
        self.total += milliseconds
        self.low = min(self.low, milliseconds)
        self.high = max(self.high, milliseconds)

    def mean(self) -> float | None:
        """The mean in milliseconds; None where there is no duration."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: int) -> float | None:
        """The duration, in milliseconds, that `percent` (1 to 100) of a hundred do not exceed, within 1 %.

        By nearest rank: the median, `percentile(50)`, of 1, 2, 3 and 4 is 2. None where there is no duration.
        """
        rank = -(-percent * self.count // 100)  # rounded up, in integers: 0.07 * 100 is above 7
        for cell in sorted(self.cells):
            rank -= self.cells[cell]
            if rank <= 0:
                middle = 2 * _GROWTH**cell / (_GROWTH + 1)  # as far, relatively, from one end of the cell as the other
                return min(max(middle, self.low), self.high)
        return None


@dataclass(slots=True)
class Row:
    """One event, or one command of the event `command`. `ok` and `failed` count the records that carry `success`."""

    count: int = 0
    ok: int = 0
    failed: int = 0
    durations: Durations = field(default_factory=Durations)


@dataclass(slots=True)
class Summary:
    """What a log says. `first` and `last` are days in UTC (`2026-11-20`), "" for an empty log.

    `rows` goes by event (`search`) or command (`command import.from_code`); `versions`, `systems`, `pythons` and `days`
    go from what stood in the record to the number of records. Each adds up to `total`.
    """

    total: int = 0
    first: str = ""
    last: str = ""
    rows: dict[str, Row] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    systems: dict[str, int] = field(default_factory=dict)
    pythons: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)


def summarize(records: Iterable[Record]) -> Summary:
    """Add up records as `read.records` yields them, in any order, in one pass.

    At most `ROWS` rows, versions, systems and Pythons and `DAYS` days are told apart, those that come first; the rest
    is added up as `OTHERS`. A duration that is negative, not finite, beyond 2**53 or no number is ignored, its record
    is not. Raises only what `records` raises.
    """
    summary = Summary()
    for record in records:
        day = record["time"][:10]
        summary.total += 1
        summary.first = min(summary.first or day, day)
        summary.last = max(summary.last, day)
        _count(summary.versions, record["version"] or UNKNOWN)
        _count(summary.systems, record["os"] or UNKNOWN)
        _count(summary.pythons, record["py"] or UNKNOWN)
        _count(summary.days, day, DAYS)
        name = _room(summary.rows, _name(record), ROWS)
        _add(summary.rows.setdefault(name, Row()), record["properties"])
    return summary


def _name(record: Record) -> str:
    event: str = record["event"]
    command = record["properties"].get("command") if event == "command" else None
    return f"command {command}" if names.legal_name(command) else event


def _add(row: Row, properties: Mapping[str, object]) -> None:
    row.count += 1
    success = properties.get("success")
    row.ok += success is True
    row.failed += success is False
    duration = next((properties[name] for name in DURATION_FIELDS if name in properties), None)
    # `type`, since True is an int; the comparison is False for NaN.
    if (type(duration) is int or type(duration) is float) and 0 <= duration <= names.LARGEST_INTEGER:
        row.durations.add(duration)


def _count(table: dict[str, int], key: str, limit: int = ROWS) -> None:
    key = _room(table, key, limit)
    table[key] = table.get(key, 0) + 1


def _room(table: Mapping[str, object], key: str, limit: int) -> str:
    return key if key in table or len(table) < limit else OTHERS
