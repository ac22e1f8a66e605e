"""Figures and values as people read them, the same in every form.

The rule that keeps it honest: a kind of figure is rounded in one place, so that no two forms of a report differ in it.
"""

import math
from collections.abc import Mapping

# (unit, milliseconds, the amount at which the next unit takes over)
_UNITS = (("ms", 1, 1000), ("s", 1000, 60), ("min", 60_000, 60), ("h", 3_600_000, 24), ("d", 86_400_000, math.inf))

_TWO_FIGURES = 9.95  # from here on, one decimal would make three figures of it: 10.0


def duration(milliseconds: float | None) -> str:
    """A duration of 0 ms or more for people, in two or three figures: `<1 ms`, `120 ms`, `4.3 s`, `-` for None."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1:
        return "<1 ms"
    text = ""
    for unit, size, limit in _UNITS:
        amount = milliseconds / size
        figures = f"{amount:.1f}" if amount < _TWO_FIGURES else f"{amount:.0f}"
        text = f"{figures} {unit}"
        if float(figures) < limit:  # the rounded amount: 999.7 ms are 1.0 s, not 1000 ms
            break
    return text


def number(value: float) -> str:
    """A number for people: without decimals if whole or at least 100, else in three figures."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:z,.0f}"
    return f"{value:.3g}"


def about(estimate: Mapping[str, float], sign: str = "\u00b1") -> str:
    """An estimate with its standard error: `12,470 +- 340`, with the sign for that."""
    return f"{estimate['value']:z,.0f} {sign} {estimate['error']:,.0f}"  # z: what rounds to 0 has no minus


def share(part: float, whole: float) -> str:
    """A percentage: `12 %`; `<1 %` and `>99 %` for what is neither nothing nor all."""
    percent = 100 * part / whole if whole else 0
    if percent and round(percent) < 1:
        return "<1 %"
    return ">99 %" if part < whole and round(percent) == 100 else f"{percent:.0f} %"


def named(value: object) -> str:
    """A value of the log for people: text as it is, a boolean as `yes` or `no`, a number as `number` has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, (int, float)) else str(value)


def counted(count: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
