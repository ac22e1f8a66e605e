"""The figures of a report, the same for all its forms: plain values in a fixed order, which JSON can write.

The rule that keeps it honest: every form shows these figures and makes none of its own. An estimate stands beside the
count, with its standard error, and never replaces it.

    report      1, the version of this form; keys may be added to it
    events      number of records; estimate: of the events they stand for, if some were sampled, else null
    first last  days in UTC, null for an empty log
    by          the field whose values are kept apart in `rows`, or null
    rows        event, command, by, count, estimate, ok, failed, duration_ms (see `_numbers`), most frequent first
    days        day, count, estimate, in order
    tools versions systems pythons      value, count, estimate (null), most frequent first
    fields      event, field (`results/kind`: within a mapping), kind, count, epsilon, and by kind:
                  choice, items   values: value, count, estimate
                  buckets         values, in order: where a bucket begins, how many numbers fell into it
                  number          numbers (see `_numbers`); values too, if there are few
                  hash            different: how many, null for too many to tell
    skipped     lines that could not be used, by reason

An estimate is {"value": ..., "error": its standard error}.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, TypeAlias

from ..privacy import conversions, randomized
from ..privacy.accept import is_hex
from ..privacy.spelled import BELOW
from .sketch import Numbers
from .summarize import OTHERS, ROWS, Estimate, Summary, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..privacy.declaration import Declaration, Row

Document: TypeAlias = dict[str, Any]

NOTHING = "Nothing is recorded yet."  # in place of figures, unless the caller knows a better sentence
LOTS = (
    "estimated is how many gave this answer in truth, with the standard error of independent answers; "
    "an installation always repeats its own, so only many installations together say something"
)
BUCKETS = "recorded in buckets, by the number that each begins at"
FEW = 12  # different numbers, at most, that are shown one by one
OFTEN = 3  # times that each has to occur for that, on average


def document(
    summary: Summary, declaration: "Declaration | None" = None, skipped: Mapping[str, int] | None = None
) -> Document:
    """The figures of a settled summary. `declaration` says what was answered by lot, and which choices there are."""
    first, last = summary.period
    order = sorted(summary.rows, key=lambda name: (name[0] == OTHERS, -summary.rows[name].weight, name))
    return {
        "report": 1,
        "events": summary.total.count,
        "estimate": _estimate(summary.total),
        "first": first or None,
        "last": last or None,
        "by": summary.by or None,
        "rows": [_row(summary, name) for name in order],
        "days": [
            {"day": day, "count": held.count, "estimate": _estimate(held)} for day, held in sorted(summary.days.items())
        ],
        **{
            name: [_value(value, count) for value, count in ranked(getattr(summary, name))]
            for name in ("tools", "versions", "systems", "pythons")
        },
        "fields": [
            {"event": event, "field": field, **part}
            for (event, name), values in sorted(summary.fields.items())
            for field, part in _field(name, values, _declared(declaration, event, name))
        ],
        "skipped": {reason: count for reason, count in (skipped or {}).items() if count},
    }


def ranked(counts: Mapping[Any, float]) -> list[tuple[Any, float]]:
    """Values and counts by falling count, then by value; `OTHERS` comes last."""
    return sorted(counts.items(), key=lambda held: (held[0] == OTHERS, -held[1], str(held[0])))


def split(values: list[dict[str, Any]], most: int) -> tuple[list[dict[str, Any]], Any]:
    """The first values, at most `most`, which are shown one by one, and the count of all others together."""
    shown = [one for one in values if one["value"] != OTHERS][:most]
    return shown, sum(one["count"] for one in values) - sum(one["count"] for one in shown)


def amount(held: Mapping[str, Any]) -> float:
    """What one entry stands for: its estimate, or else its count."""
    return float(held["estimate"]["value"] if held["estimate"] else held["count"])


def succeeded(found: Document) -> tuple[int, int]:
    """How many of the events succeeded, and how many say whether they did."""
    ok, failed = (sum(row[which] for row in found["rows"]) for which in ("ok", "failed"))
    return ok, ok + failed


def timeline(days: list[dict[str, Any]], most: int) -> tuple[int, list[tuple[str, float]]]:
    """The length of a span in days, and at most `most` (at least 1) spans: the first day of each, and how many events.

    The last span ends with the last day. The first begins with the first event, and so may be shorter. A span without
    events has 0. Days that were added up as `OTHERS` are left out.
    """
    held = {date.fromisoformat(one["day"]).toordinal(): amount(one) for one in days if one["day"] != OTHERS}
    if not held:
        return 1, []
    first, last = min(held), max(held)
    length = max(math.ceil((last - first + 1) / most), 1)
    length = next((step for step in (1, 7, 28, 91, 364) if step >= length), length)
    spans = -(-(last - first + 1) // length)
    sums = [0.0] * spans
    for day, number in held.items():
        sums[spans - 1 - (last - day) // length] += number
    begin = last - length * spans + 1
    return length, [(str(date.fromordinal(max(begin + at * length, first))), sums[at]) for at in range(spans)]


def spans(days: int) -> str:
    """The name of a span of so many days: `day`, `week`, `4 weeks`."""
    weeks = days // 7
    return "day" if days == 1 else f"{days} days" if days % 7 else "week" if weeks == 1 else f"{weeks} weeks"


def _estimate(held: Estimate) -> dict[str, float] | None:
    return {"value": held.weight, "error": math.sqrt(held.variance)} if held.variance else None


def _row(summary: Summary, name: tuple[str, str, str]) -> dict[str, Any]:
    row = summary.rows[name]
    return {
        "event": name[0],
        "command": name[1] or None,
        "by": name[2] if summary.by else None,
        "count": row.count,
        "estimate": _estimate(row),
        "ok": row.ok,
        "failed": row.failed,
        "duration_ms": _numbers(row.durations),
    }


def _numbers(numbers: Numbers) -> dict[str, Any] | None:
    """Count, mean, lowest, median, 95th percentile, highest and sum, and whether the percentiles are exact."""
    if not numbers.count:
        return None
    return {
        "count": numbers.count,
        "mean": numbers.mean(),
        "low": numbers.low,
        "median": numbers.percentile(50),
        "p95": numbers.percentile(95),
        "high": numbers.high,
        "sum": numbers.total,
        "exact": numbers.exact is not None,
    }


def _declared(declaration: "Declaration | None", event: str, field: str) -> "Row | None":
    return (declaration.rows(event) or declaration.fields).get(field) if declaration is not None else None


def _field(name: str, values: Values, row: "Row | None") -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of a field: none, one, or one for each kind of value that it held."""
    if values.table:
        yield name, _table(values.table, row)
    exact = values.numbers.exact
    if exact and isinstance(row, conversions.Number) and row.buckets is not None:
        counts = [_value(edge, count) for edge, count in sorted(exact.items())]
        yield name, _part("buckets", values.numbers.count, counts)  # a mean of edges says nothing
    elif values.numbers.count:
        few: list[tuple[Any, float]] = []
        if exact and name == "exit_code":  # a sum of these says nothing, however many there are
            few = ranked(exact)
        elif exact and len(exact) <= min(FEW, values.numbers.count // OFTEN):
            few = sorted(exact.items())
        told = _part("number", values.numbers.count, [_value(number, count) for number, count in few])
        yield name, {**told, "numbers": _numbers(values.numbers)}
    nested = row if isinstance(row, dict) else {}
    if _counts(values, row):
        totals = {item: held.numbers.total for item, held in values.items.items()}
        count = values.count - sum(values.table.values()) - values.numbers.count  # others have parts of their own
        yield name, _part("items", count, [_value(item, total) for item, total in ranked(totals)])
    else:
        for item, held in sorted(values.items.items()):
            yield from _field(f"{name}{BELOW}{item}", held, nested.get(item))


def _counts(values: Values, row: "Row | None") -> bool:
    """Whether a mapping is a distribution, whose items can be added up; without a row, if it could be one: all of its
    numbers are whole, from 1 on. A session's observations, which come as a mapping by some formats, have a float: their
    mean.
    """
    if not values.items or any(held.table for held in values.items.values()):
        return False
    numbers = [held.numbers for held in values.items.values()]
    return isinstance(row, conversions.Distribution) or (
        row is None and all(type(one.total) is int and one.low >= 1 for one in numbers)
    )


def _table(table: Mapping[bool | str, int], row: "Row | None") -> dict[str, Any]:
    count = sum(table.values())
    hashed = all(is_hex(value, 16) for value in table if value != OTHERS)
    if isinstance(row, conversions.Hash) or (row is None and hashed):
        return {**_part("hash", count, []), "different": len(table) if len(table) <= ROWS else None}
    domain = row.domain if isinstance(row, conversions.Conversion) else ()
    found = _part("choice", count, [])
    # In a full table the other choices are among `OTHERS`, not absent.
    counts: dict[Any, int] = {**dict.fromkeys(domain if len(table) <= ROWS else (), 0), **table}
    estimates: Mapping[Any, tuple[float, float]] = {}
    if isinstance(row, conversions.Conversion) and row.epsilon is not None:
        found["epsilon"] = row.epsilon
        observed: dict[Any, int] = {choice: counts.get(choice, 0) for choice in domain}
        if missing := [choice for choice in domain if choice not in counts]:
            observed[missing[0]] = counts[OTHERS]  # answers, too; whose they are makes no difference to those listed
        estimates = randomized.estimate(observed, domain, row.epsilon)
    for value, number in ranked(counts):
        guess = estimates.get(value)
        found["values"].append({**_value(value, number), "estimate": guess and {"value": guess[0], "error": guess[1]}})
    return found


def _part(kind: str, count: int, values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "count": count, "epsilon": None, "values": values}


def _value(value: object, count: float) -> dict[str, Any]:
    return {"value": value, "count": count, "estimate": None}


def head(by: str | None) -> str:
    """The heading over `labels`: the event, and the field that splits the rows, unless that is the event."""
    return "event" if by in (None, "", "event") else f"event, {by}"


def labels(row: Mapping[str, Any], by: str | None) -> tuple[str, str]:
    """A row's name for people (`search`, `command import.from_code`), and the value that sets it apart, such as
    `, json`; `by` as in the document.
    """
    name = f"{row['event']} {row['command']}" if row["command"] else str(row["event"])
    told = row["by"] in (None, "") or (by in ("event", "command") and row["by"] == row[by])
    return name, "" if told else f", {row['by']}"
