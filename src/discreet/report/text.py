"""Show a report as text, for a terminal, a file or a pipe.

The rule that keeps it honest: what comes from the log reaches the page only through `safe`, and the page is printable
ASCII, but for blocks and colours where they are wanted: nothing can move the cursor or reverse the writing, and every
character is one column wide. A bar begins at zero, and the bars of one table have one scale.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .document import Document, amount, label, span, timeline
from .summarize import OTHERS

NARROWEST = 30  # columns: a day beside a count of up to 10**13 events, or that count beside ten columns of a name
SHARES = 8  # versions, systems, Pythons and values named; the rest is one sum
RECENT = 14  # spans of time: two weeks of days, so that a weekday has one to compare with
FIELDS = 20  # shown; the rest is only counted
BAR = 40  # columns of a bar at most, and eight at least

_GAP = "  "
_TIE = "\xa0"  # a space at which no line is broken; `safe` lets none through that is not ours
_LABEL = 10  # columns before the versions, systems and Pythons
_NAME = 16  # columns that the longest name gets before figures are left out for it
_EIGHTHS = "\u258f\u258e\u258d\u258c\u258b\u258a\u2589"
_FULL, _SHADE = "\u2588", "\u2591"
_COLOURS = {"bar": "36", "bad": "31", "title": "1"}  # SGR: cyan, red, bold

# (unit, milliseconds, the amount at which the next unit takes over)
_UNITS = (("ms", 1, 1000), ("s", 1000, 60), ("min", 60_000, 60), ("h", 3_600_000, 24), ("d", 86_400_000, math.inf))

_TWO_FIGURES = 9.95  # from here on, one decimal would make three figures of it: 10.0


class Style(NamedTuple):
    """How wide a page may be, and whether its terminal has block characters and colours."""

    width: int = 80
    blocks: bool = False
    colour: bool = False

    @property
    def sign(self) -> str:
        """Between an estimate and its error."""
        return "\u00b1" if self.blocks else "+-"


class Line(NamedTuple):
    """One line of a table: its name, its figures, and what its bar shows, the part that is bad included."""

    name: str
    figures: Sequence[str]
    value: float | None = None
    bad: float = 0


def render(document: Document, style: Style, begin: str, chart: str = "") -> str:
    """The report as lines of at most `style.width` columns (fewer than `NARROWEST` counts as that), no last newline.

    `begin` is the command to type where nothing was recorded yet, such as `mytool telemetry on`; `chart` stands in
    place of the table of activity. Never raises.
    """
    style = style._replace(width=max(style.width, NARROWEST))
    parts = [_heading(document, style, begin)]
    if document["events"]:
        parts.append(_rows(document, style))
        parts.append([chart] if chart else _days(document, style))
        parts.append(
            [line for name in ("tools", "versions", "systems", "python") for line in _shares(name, document, style)]
        )
        parts += [_field(held, style) for held in document["fields"][:FIELDS]]
        if more := len(document["fields"]) - FIELDS:
            parts += [[f"{_amount(more, 'field')} more: see --json"]] if more > 0 else []
    if document["skipped"]:
        parts.append(_skipped(document["skipped"], style.width))
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


def number(value: float) -> str:
    """A number for people: whole ones in full, others in three figures."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def about(estimate: Mapping[str, float], sign: str = "\u00b1") -> str:
    """An estimate with its standard error: `12,470 +- 340`, with the sign for that."""
    return f"{estimate['value']:,.0f} {sign} {estimate['error']:,.0f}"


def share(part: float, whole: float) -> str:
    """How many of a hundred: `12 %`, `<1 %`."""
    percent = 100 * part / whole if whole else 0
    return f"{percent:.0f} %" if percent >= 0.5 or not percent else "<1 %"


def named(value: object) -> str:
    """A value of the log for people, as it stands there; `yes` and `no` for a boolean."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _heading(document: Document, style: Style, begin: str) -> list[str]:
    width = style.width
    if not document["events"]:
        return [*textwrap.wrap("Nothing is recorded yet. To begin, type:", width), *textwrap.wrap(safe(begin), width)]
    first, last = safe(document["first"] or OTHERS), safe(document["last"] or OTHERS)
    text = _amount(document["events"], "event") + (f" on {first}" if first == last else f" from {first} to {last}")
    if document["estimate"]:
        text += f", recorded of about {about(document['estimate'], style.sign)}"
    return [_coloured(line, "title", style) for line in textwrap.wrap(text, width)]


def _rows(document: Document, style: Style) -> list[str]:
    titles = ["runs", "ok", "failed", "mean", "median", "p95"]
    sampled = any(row["estimate"] for row in document["rows"])
    if sampled:
        titles.insert(1, "about")
    lines = []
    for row in document["rows"]:
        told = row["ok"] or row["failed"]
        times = row["duration_ms"] or {}
        figures = [f"{row['count']:,}"]
        figures += [about(row["estimate"], style.sign) if row["estimate"] else "-"] if sampled else []
        figures += [f"{row[which]:,}" if told else "-" for which in ("ok", "failed")]
        figures += [duration(times.get(which)) for which in ("mean", "median", "p95")]
        bad = amount(row) * row["failed"] / (row["ok"] + row["failed"]) if told else 0
        lines.append(Line(safe(label(row)), figures, amount(row), bad))
    return _table(Line("event", titles), lines, style)


def _table(head: Line, lines: list[Line], style: Style) -> list[str]:
    """The lines in columns; figures that have no room are left out from the right, and then there are no bars."""
    names = [line.name for line in (head, *lines)]
    widths = [max(map(len, column)) for column in zip(*(line.figures for line in (head, *lines)), strict=True)]
    while len(widths) > 1 and _left(widths, style.width) < min(max(map(len, names)), _NAME):
        widths.pop()
    room = min(max(map(len, names)), _left(widths, style.width))
    bar = min(_left([room, *widths], style.width), BAR) if len(widths) == len(head.figures) else 0
    top = max((line.value or 0 for line in lines), default=0)
    page = []
    for line in (head, *lines):
        name = line.name if len(line.name) <= room else line.name[: room - 3] + "..."
        # The figures that were left out have no width to be paired with.
        cells = [name.ljust(room), *(one.rjust(size) for one, size in zip(line.figures, widths, strict=False))]
        if bar >= 8 and line.value is not None and top:
            cells.append(_bar(line.value / top, line.bad / top, bar, style))
        page.append(_GAP.join(cells).rstrip())
    page[0] = _coloured(page[0], "title", style)
    return page


def _left(widths: list[int], width: int) -> int:
    """The columns that figures of these widths leave to the name, or to the bar."""
    return width - sum(widths) - len(_GAP) * len(widths)


def _bar(share: float, bad: float, width: int, style: Style) -> str:
    """A bar of a share (0 to 1) of the width, the last part of which is bad."""
    eighths = round(share * width * 8) if math.isfinite(share) else 0
    cells = round(bad * width) if math.isfinite(bad) else 0
    if not style.blocks:
        good = max(round(eighths / 8) - cells, 0)
        return _coloured("#" * good, "bar", style) + _coloured("x" * cells, "bad", style)
    whole, rest = divmod(eighths - 8 * cells, 8)
    part = _EIGHTHS[rest - 1] if rest and whole >= 0 and not cells else ""
    return _coloured(_FULL * whole + part, "bar", style) + _coloured(_SHADE * cells, "bad", style)


def _coloured(text: str, what: str, style: Style) -> str:
    return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if style.colour and text else text


def _shares(title: str, document: Document, style: Style) -> list[str]:
    held = document["pythons" if title == "python" else title]
    if title == "tools" and len(held) < 2:
        return []
    named = [one for one in held if one["value"] != OTHERS][:SHARES]
    parts = [f"{safe(one['value'])} ({one['count']:,})".replace(" ", _TIE) for one in named]
    if rest := sum(one["count"] for one in held) - sum(one["count"] for one in named):
        parts.append(f"others{_TIE}({rest:,})")
    lines = textwrap.wrap(
        ", ".join(parts),
        style.width,
        initial_indent=title.ljust(_LABEL),
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )
    return [line.replace(_TIE, " ") for line in lines]


def _days(document: Document, style: Style) -> list[str]:
    points = timeline(document["days"], RECENT)
    days = span(points)
    title = "day (UTC)" if days == 1 else f"{days} days from"
    about = "about" if document["estimate"] else "events"
    lines = [Line(safe(day), [f"{held:,.0f}"], held) for day, held in points]
    return _table(Line(title, [about]), lines, style)


def _field(field: Mapping[str, Any], style: Style) -> list[str]:
    title = f"{safe(field['event'])}: {safe(field['field'])}"
    if field["kind"] == "hash":
        many = "too many to tell" if field["different"] is None else f"{field['different']:,}"
        return textwrap.wrap(f"{title}: {field['count']:,} values, different ones: {many}", style.width)
    lines = []
    values = [one for one in field["values"] if one["value"] != OTHERS]
    whole = sum(one["count"] for one in field["values"])
    by_lot = field["epsilon"] is not None
    for one in values[:SHARES]:
        figures = [
            number(one["count"]),
            share(one["count"], whole),
            *([about(one["estimate"], style.sign)] if by_lot else []),
        ]
        value = max(one["estimate"]["value"], 0) if by_lot else max(one["count"], 0)
        lines.append(Line(_GAP + safe(named(one["value"])), figures, value))
    if rest := whole - sum(one["count"] for one in values[:SHARES]):
        lines.append(
            Line(_GAP + "others", [number(rest), share(rest, whole), *(["-"] if by_lot else [])], max(rest, 0))
        )
    head = Line(title, [field["kind"] if field["kind"] == "items" else "values", "", *(["truly"] if by_lot else [])])
    page = _table(head, lines, style) if lines else [_coloured(title, "title", style)]
    if field["kind"] == "number" and not lines:
        held = field["numbers"]
        words = f"{_amount(held['count'], 'number')} from {number(held['low'])} to {number(held['high'])}: "
        words += ", ".join(f"{which} {number(held[which])}" for which in ("mean", "median", "p95"))
        page += textwrap.wrap(words, style.width, initial_indent=_GAP, subsequent_indent=_GAP)
    if by_lot:
        told = f"answered by lot, epsilon {number(field['epsilon'])}: how many it is truly, with the standard error"
        page += textwrap.wrap(told, style.width, initial_indent=_GAP, subsequent_indent=_GAP)
    return page


def _skipped(skipped: Mapping[str, int], width: int) -> list[str]:
    reasons = ", ".join(f"{count:,} {safe(reason)}" for reason, count in skipped.items())
    return textwrap.wrap(f"{_amount(sum(skipped.values()), 'line')} of the log could not be used: {reasons}.", width)


def _amount(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
