"""Turn measured values into rows and rows into a table: arithmetic only, no clock and no process."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

NORMAL_95 = 1.96
"""Standard deviations that hold the middle 95 % of a normal distribution."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `value` is the figure a budget judges; `low` and `high` are the extremes seen.

    `sure` is the interval that holds the true median with 95 % confidence: where it contains the budget, the run was
    too short to tell, whichever word stands in the verdict.
    """

    benchmark: str
    what: str
    unit: str
    value: float
    low: float
    high: float
    n: int
    budget: float | None = None
    at_least: bool = False
    sure: tuple[float, float] | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`holds`, `over`, or nothing for a row that only informs."""
        if self.budget is None:
            return ""
        kept = self.value >= self.budget if self.at_least else self.value <= self.budget
        return "holds" if kept else "over"

    def as_json(self) -> dict[str, object]:
        """The row and its verdict, in types that `json` writes."""
        return {**asdict(self), "verdict": self.verdict}


def row(
    benchmark: str,
    what: str,
    unit: str,
    values: Sequence[float],
    *,
    budget: float | None = None,
    at_least: bool = False,
    note: str = "",
) -> Row:
    """The row of a list of measured values, judged by their median."""
    return Row(
        benchmark,
        what,
        unit,
        statistics.median(values),
        min(values),
        max(values),
        len(values),
        budget=budget,
        at_least=at_least,
        sure=median_interval(values),
        note=note,
    )


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The two measured values between which the median lies with 95 % confidence; None for fewer than six.

    By the sign test: the number of values below the median is binomial, whatever they are distributed like
    (W. J. Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2).
    """
    n = len(values)
    if n < 6:  # 2 * 0.5**5 is over 0.05: not even the extremes enclose the median that surely
        return None
    reach = NORMAL_95 * math.sqrt(n) / 2
    first = max(math.floor(n / 2 - reach), 0)
    ordered = sorted(values)
    return ordered[first], ordered[n - 1 - first]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value with at least `share` (0 to 1) of all values at or below it."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    head = ("benchmark", "what", "budget", "measured", "95 % interval", "min - max", "unit", "verdict", "n")
    lines = [head, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    left = {0, 1, 6, 7}  # words to the left, numbers to the right
    text = []
    for line, entry in zip(lines, [None, *rows], strict=True):
        padded = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        text.append("  ".join(padded).rstrip())
        if entry is not None and entry.note:
            text.append("  ".join((" " * widths[0], f"({entry.note})")))
    return "\n".join(text)


def _cells(entry: Row) -> tuple[str, ...]:
    budget = "" if entry.budget is None else (">= " if entry.at_least else "<= ") + short(entry.budget)
    sure = "" if entry.sure is None else " - ".join(map(short, entry.sure))
    spread = "" if entry.low == entry.high else f"{short(entry.low)} - {short(entry.high)}"
    return (
        entry.benchmark,
        entry.what,
        budget,
        short(entry.value),
        sure,
        spread,
        entry.unit,
        entry.verdict,
        str(entry.n),
    )


def short(value: float) -> str:
    """Three significant digits, whole numbers in full."""
    if value == 0 or abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{2 - math.floor(math.log10(abs(value)))}f}"
