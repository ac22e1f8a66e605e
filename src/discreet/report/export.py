"""Add a log up for a stranger: a page of Markdown that its owner may pass on by hand.

The rule that keeps it honest: what comes in has passed `sending.distrust`. What goes out is figures, declared names,
versions and systems: no id, no run, no digits of a hash, no time finer than a day. The same log makes the same page.

Memory is bounded by the bound of the log: a median needs all numbers.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..privacy import SAMPLE_RATE
from ..privacy.conversions import Conversion, Hash, Number
from ..privacy.declaration import Declaration
from ..privacy.page import table
from ..privacy.randomized import estimate
from ..privacy.spelled import BELOW, fields
from ..privacy.words import code
from .read import Record

MOST = 50  # names of one field that are shown one by one; the rest is one sum
_FACTS = {"version": "version", "py": "Python", "os": "system"}
_LOTS = (
    "± is the standard error of independent answers. An installation always repeats its own answer: if several answers "
    "are from one installation, the error is larger, by up to the square root of their number."
)


class Aggregate:
    """Sums of the records of one tool, under its declaration (None: nothing was declared)."""

    def __init__(self, declaration: Declaration | None) -> None:
        self._declaration = declaration or Declaration()
        self._days: Counter[str] = Counter()
        self._facts: dict[str, Counter[Any]] = {key: Counter() for key in _FACTS}
        self._events: Counter[str] = Counter()
        self._fields: dict[str, dict[str, Counter[Any]]] = {}

    def add(self, record: Record) -> None:
        """Add a record that `sending.distrust` has let pass."""
        self._days[record["time"][:10]] += 1
        for key, counts in self._facts.items():
            counts[record[key] or "unknown"] += 1
        self._events[record["event"]] += 1
        own, rows = self._fields.setdefault(record["event"], {}), self._rows(record["event"])
        for name, value in record["properties"].items():
            if not isinstance(value, dict):
                own.setdefault(name, Counter())[_plain(value)] += 1
            elif name in rows:  # a distribution: a mapping of fields has no row by its own name
                own.setdefault(name, Counter()).update(value)
            else:
                for inner, held in value.items():
                    own.setdefault(f"{name}{BELOW}{inner}", Counter())[_plain(held)] += 1

    def page(self, tool: str, remarks: Sequence[str]) -> str:
        """The page, without a last newline; `remarks` are sentences on what is in it and what is not."""
        days = sorted(self._days)
        period = f" from {days[0]} to {days[-1]}" if days[1:] else f" on {days[0]}" if days else ""
        parts = [f"# What {tool} recorded{period}", *remarks]
        if days:
            parts.append(table(("day (UTC)", "events"), [(day, f"{self._days[day]:,}") for day in days]))
            shares = [(label, _counts(self._facts[key])) for key, label in _FACTS.items()]
            parts.append(table(("all events", f"{self._events.total():,}"), shares))
        else:
            parts.append("There is no event in it.")
        for event, number in sorted(self._events.items(), key=_rank):
            parts += self._event(event, number)
        if any(row.epsilon is not None for event in self._fields for row in self._rows(event).values()):
            parts.append(_LOTS)
        return "\n\n".join(parts)

    def _event(self, event: str, number: int) -> Iterator[str]:
        own, rows = dict(self._fields[event]), self._rows(event)
        yield f"## {code(event)}: {number:,}"
        if event in self._declaration.samples:
            yield _sampled(number, own.pop(SAMPLE_RATE, Counter()))
        names = [name for name in rows if name in own] + sorted(own.keys() - rows.keys())
        if names:
            yield table(
                ("field", "figures"), [(code(name), _figures(rows.get(name), own[name], name)) for name in names]
            )

    def _rows(self, event: str) -> dict[str, Conversion]:
        return dict(fields(self._declaration.rows(event) or self._declaration.fields))


def _plain(value: object) -> object:
    """A value as a key; a boolean as a word, since True equals 1."""
    return ("no", "yes")[value] if isinstance(value, bool) else value


def _figures(row: Conversion | None, found: Counter[Any], name: str) -> str:
    if isinstance(row, Hash):
        return f"{len(found):,} different (one value counts anew each month)"
    if row is not None and row.epsilon is not None:
        return f"by lot (epsilon {row.epsilon}): {_counts(found)}; estimated: {_estimated(row, row.epsilon, found)}"
    if isinstance(row, Number) and row.buckets is not None:
        return "buckets: " + ", ".join(f"{code(_number(edge))} {found[edge]:,}" for edge in sorted(found))
    if name == "exit_code":  # of which a sum says nothing
        return _counts(Counter({str(value): number for value, number in found.items()}))
    words = Counter({value: number for value, number in found.items() if isinstance(value, str)})
    numbers = sorted((found - words).elements())
    return "; ".join(part for part in (_counts(words), _summed(numbers)) if part)


def _summed(numbers: Sequence[float]) -> str:
    if not numbers:
        return ""
    size, total = len(numbers), math.fsum(numbers)
    median = numbers[(size - 1) // 2]  # one of the numbers, as in every other form
    return (
        f"{size:,} number{'s' * (size > 1)}: sum {_number(total)}, mean {_number(total / size)}, "
        f"median {_number(median)}, {_number(numbers[0])} to {_number(numbers[-1])}"
    )


def _estimated(row: Conversion, epsilon: float, found: Counter[Any]) -> str:
    estimates = estimate(found, [str(_plain(one)) for one in row.domain], epsilon)
    return ", ".join(f"{code(name)} {guess:z,.1f} ± {error:,.1f}" for name, (guess, error) in estimates.items())


def _sampled(number: int, rates: Counter[float]) -> str:
    """The estimate of Horvitz and Thompson, and its standard error; see privacy/sampling.py."""
    whole = number - rates.total()  # recorded before there was a rate
    total = whole + sum(times / rate for rate, times in rates.items())
    error = math.sqrt(sum(times * (1 - rate) / rate / rate for rate, times in rates.items()))
    shown = ", ".join(f"{rate:g}" for rate in sorted(rates))
    return (
        f"Only a share of these is recorded ({shown or 'none yet'}): weighted by it, about {total:,.0f} ± {error:,.0f} "
        "happened. The figures are of those recorded."
    )


def _counts(found: Counter[Any]) -> str:
    """`json` 12, `table` 3: by falling count, then by name."""
    ranked = sorted(found.items(), key=_rank)
    parts = [f"{code(name)} {number:,}" for name, number in ranked[:MOST]]
    rest = sum(number for _, number in ranked[MOST:])
    return ", ".join([*parts, f"others {rest:,}"] if rest else parts)


def _rank(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _number(value: float) -> str:
    """A number for people: whole and large ones without decimals or powers of ten, others to six digits."""
    whole = value == int(value) or abs(value) >= 100_000
    return f"{value:z,.0f}" if whole else f"{value:,.6g}"  # z: nothing has no minus
