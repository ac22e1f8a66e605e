"""Show a summary as plain text, for a terminal, a file or a pipe.

The rule that keeps it honest: what comes from the log reaches the page only through `safe`, and the page is printable
ASCII: nothing can move the cursor, set a colour or reverse the writing, every character is one column wide, and every
terminal has it.
"""

import math
import textwrap
from collections.abc import Callable, Mapping

from .summarize import OTHERS, Row, Summary

NARROWEST = 30  # columns: a day beside a count of up to 10**13 events, or that count beside ten columns of a name
SHARES = 8  # versions, systems and Pythons named; the rest is one sum
RECENT = 14  # days named: two weeks, so that a weekday has one to compare with

_GAP = "  "
_TIE = "\xa0"  # a space at which no line is broken; `safe` lets none through that is not ours
_LABEL = 10  # columns before the versions, systems and Pythons
_NAME = 16  # columns that the longest name gets before figures are left out for it

# (unit, milliseconds, the amount at which the next unit takes over)
_UNITS = (("ms", 1, 1000), ("s", 1000, 60), ("min", 60_000, 60), ("h", 3_600_000, 24), ("d", 86_400_000, math.inf))

_TWO_FIGURES = 9.95  # from here on, one decimal would make three figures of it: 10.0

# The figures of a row, most telling first: on a narrow page those on the right are left out.
_FIGURES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("runs", lambda row: f"{row.count:,}"),
    ("ok", lambda row: f"{row.ok:,}" if row.ok or row.failed else "-"),
    ("failed", lambda row: f"{row.failed:,}" if row.ok or row.failed else "-"),
    ("mean", lambda row: duration(row.durations.mean())),
    ("median", lambda row: duration(row.durations.percentile(50))),
    ("p95", lambda row: duration(row.durations.percentile(95))),
)


def render(summary: Summary, width: int, begin: str, skipped: Mapping[str, int] | None = None) -> str:
    """The summary as lines of at most `width` columns (fewer than `NARROWEST` counts as that), without a last newline.

    `begin` is the command to type where nothing was recorded yet, such as `mytool telemetry on`; `skipped` says how
    many lines of the log could not be used, by reason, as `read.records` counts them. Never raises.
    """
    width = max(width, NARROWEST)
    parts = [_heading(summary, width, begin)]
    if summary.total:
        parts.append(_events(summary.rows, width))
        parts.append(
            _shares("versions", summary.versions, width)
            + _shares("systems", summary.systems, width)
            + _shares("python", summary.pythons, width)
        )
        parts.append(_days(summary.days))
    if skipped and any(skipped.values()):
        parts.append(_skipped(skipped, width))
    return "\n\n".join("\n".join(lines) for lines in parts)


def safe(text: str) -> str:
    r"""The text in printable ASCII: all else, and the backslash, as a Python escape such as `\x1b`. Never raises."""
    return text.encode("unicode_escape").decode("ascii")


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


def _heading(summary: Summary, width: int, begin: str) -> list[str]:
    if not summary.total:
        return [*textwrap.wrap("Nothing is recorded yet. To begin, type:", width), *textwrap.wrap(safe(begin), width)]
    first, last = safe(summary.first), safe(summary.last)
    period = f"on {first}" if first == last else f"from {first} to {last}"
    return textwrap.wrap(f"{_amount(summary.total, 'event')} {period}", width)


def _events(rows: Mapping[str, Row], width: int) -> list[str]:
    order = _ranked({name: row.count for name, row in rows.items()})
    table = [["event", *(title for title, _ in _FIGURES)]]
    table += [[safe(name), *(figure(rows[name]) for _, figure in _FIGURES)] for name in order]
    longest, *widths = (max(map(len, column)) for column in zip(*table, strict=True))
    while len(widths) > 1 and _left(widths, width) < min(longest, _NAME):
        widths.pop()
    room = min(longest, _left(widths, width))
    return [_line(cells, room, widths) for cells in table]


def _left(widths: list[int], width: int) -> int:
    """The columns that figures of these widths leave to the name."""
    return width - sum(widths) - len(_GAP) * len(widths)


def _line(cells: list[str], room: int, widths: list[int]) -> str:
    name, *figures = cells
    name = name if len(name) <= room else name[: room - 3] + "..."
    # The figures that were left out have no width to be paired with.
    return _GAP.join([name.ljust(room), *(cell.rjust(size) for cell, size in zip(figures, widths, strict=False))])


def _shares(label: str, counts: Mapping[str, int], width: int) -> list[str]:
    order = _ranked(counts)
    parts = [f"{safe(name)}{_TIE}({counts[name]:,})" for name in order[:SHARES]]
    if rest := sum(counts[name] for name in order[SHARES:]):
        parts.append(f"others{_TIE}({rest:,})")
    lines = textwrap.wrap(
        ", ".join(parts),
        width,
        initial_indent=label.ljust(_LABEL),
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )
    return [line.replace(_TIE, " ") for line in lines]


def _days(counts: Mapping[str, int]) -> list[str]:
    order = sorted(counts)  # `OTHERS` begins with a bracket, before every digit: it counts as earlier
    table = [("day (UTC)", "events")]
    if earlier := sum(counts[day] for day in order[:-RECENT]):
        table.append(("earlier", f"{earlier:,}"))
    table += [(safe(day), f"{counts[day]:,}") for day in order[-RECENT:]]
    first, second = (max(map(len, column)) for column in zip(*table, strict=True))
    return [f"{day.ljust(first)}{_GAP}{count.rjust(second)}" for day, count in table]


def _skipped(skipped: Mapping[str, int], width: int) -> list[str]:
    total = sum(skipped.values())
    reasons = ", ".join(f"{count:,} {safe(reason)}" for reason, count in skipped.items() if count)
    return textwrap.wrap(f"{_amount(total, 'line')} of the log could not be used: {reasons}.", width)


def _ranked(counts: Mapping[str, int]) -> list[str]:
    """The names by falling count, then by name; what was left over last."""
    return sorted(counts, key=lambda name: (name == OTHERS, -counts[name], name))


def _amount(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
