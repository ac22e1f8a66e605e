"""Show a report as text, for a terminal, a file or a pipe.

The rule that keeps it honest: what comes from the log reaches the page only through `Style.safe`. The page is printable
text, with colours where they are wanted: no control moves the cursor or changes the direction of writing. Bars begin at
zero, and those of one table have one scale.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .columns import CUT, fitted, padded, safe, width, wrapped
from .document import BUCKETS, LOTS, NOTHING, Document, amount, head, labels, spans, split, succeeded, timeline
from .figures import about, counted, duration, named, number, share
from .summarize import OTHERS

NARROWEST = 30  # columns: a day beside a count of up to 10**13 events, or that count beside ten columns of a name
SHARES = 8  # versions, systems, Pythons and values named; the rest is one sum
RECENT = 28  # spans of time: four weeks of days, or half a year of weeks
FIELDS = 20  # shown; the rest is only counted
BAR = 40  # columns of a bar at most, and eight at least

_GAP = "  "
_LABEL = 10  # columns before the versions, systems and Pythons
_NAME = 16  # columns that a long name gets besides its tail, if need be in place of figures
_TAIL = 24  # columns of a tail at most
_EIGHTHS = "\u258f\u258e\u258d\u258c\u258b\u258a\u2589"
_FULL, _SHADE = "\u2588", "\u2591"
_COLOURS = {"bar": "36", "bad": "31", "title": "1"}  # SGR: cyan, red, bold


class Style(NamedTuple):
    """The width of a page, whether its terminal has block characters and colours, and its encoding."""

    width: int = 80
    blocks: bool = False
    colour: bool = False
    encoding: str = "ascii"

    @property
    def sign(self) -> str:
        """The sign between an estimate and its error."""
        return "\u00b1" if self.blocks else "+-"

    def safe(self, text: str) -> str:
        """The text as this page may have it."""
        return safe(text, self.encoding)


class Line(NamedTuple):
    """One line of a table: its name, its figures, and the value of its bar, `bad` being a part of that."""

    name: str
    figures: Sequence[str]
    value: float | None = None
    bad: float = 0
    tail: str = ""  # the end of the name: what was asked for, so it is not cut off


def render(
    document: Document, style: Style, begin: str = "", chart: str = "", *, only: str = "", nothing: str = NOTHING
) -> str:
    """The report as lines of at most `style.width` columns (`NARROWEST` if that is less), without a last newline.

    `only` says what was asked for, if not everything. `nothing` is what to say if there is no record, and `begin` the
    command to type then, such as `mytool telemetry on`. `chart` replaces the table of activity. Never raises.
    """
    style = style._replace(width=max(style.width, NARROWEST))
    if not document["events"]:
        parts = [_nothing(style, nothing, begin)]
    else:
        parts = [_heading(document, style, only), _rows(document, style)]
        parts.append([chart] if chart else _days(document, style))
        shares = (_shares(name, document, style) for name in ("tools", "versions", "systems", "python"))
        parts.append([line for lines in shares for line in lines])
        parts += [_field(held, style) for held in document["fields"][:FIELDS]]
        if (more := len(document["fields"]) - FIELDS) > 0:
            parts.append([f"{counted(more, 'field')} more: see --html"])
    if document["skipped"]:
        parts.append(_skipped(document["skipped"], style))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _nothing(style: Style, nothing: str, begin: str) -> list[str]:
    told = [f"{nothing} To begin, type:", begin] if begin else [nothing]  # a line of its own is easier to copy
    return [line for text in told for line in wrapped(style.safe(text).split(" "), style.width)]


def _heading(document: Document, style: Style, only: str) -> list[str]:
    first, last = style.safe(document["first"] or OTHERS), style.safe(document["last"] or OTHERS)
    text = counted(document["events"], "event") + (f" on {first}" if first == last else f" from {first} to {last}")
    if document["estimate"]:
        text += f", of about {about(document['estimate'], style.sign)} that happened"
    told = [_coloured(line, "title", style) for line in wrapped(text.split(" "), style.width)]
    ok, said = succeeded(document)
    others = "" if said == document["events"] else ", the others do not say"
    parts = [f"{ok:,} of {said:,} succeeded ({share(ok, said)}){others}." if said else "", style.safe(only)]
    return told + [line for part in parts if part for line in wrapped(part.split(" "), style.width)]


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
        name, tail = map(style.safe, labels(row, document["by"]))
        lines.append(Line(name, figures, amount(row), bad, fitted(tail, _TAIL)))
    return _table(Line(head(document["by"]), titles), lines, style)


def _table(head: Line, lines: list[Line], style: Style) -> list[str]:
    """The lines in columns. Figures that have no room are left out from the right, and then there are no bars."""
    longest = max(width(line.name + line.tail) for line in (head, *lines))
    least = min(longest, _NAME + max(width(line.tail) for line in lines))
    widths = [max(map(len, column)) for column in zip(*(line.figures for line in (head, *lines)), strict=True)]
    while len(widths) > 1 and _left(widths, style.width) < least:
        widths.pop()
    room = min(longest, _left(widths, style.width))
    bar = min(_left([room, *widths], style.width), BAR) if len(widths) == len(head.figures) else 0
    top = max((line.value or 0 for line in lines), default=0)
    page = []
    for line in (head, *lines):
        # Not strict: figures that were left out have no width.
        figures = [one.rjust(size) for one, size in zip(line.figures, widths, strict=False)]
        cells = [padded(_cut(line, room), room), *figures]
        if bar >= 8 and line.value is not None and top:
            cells.append(_bar(line.value / top, line.bad / top, bar, style))
        page.append(_GAP.join(cells).rstrip())
    page[0] = _coloured(page[0], "title", style)
    return page


def _cut(line: Line, room: int) -> str:
    """The name in `room` columns. If it is too long, it is cut before its tail; if the tail is, too, at the end."""
    whole = line.name + line.tail
    before = room - width(line.tail)
    return fitted(line.name, before) + line.tail if width(whole) > room and before > len(CUT) else fitted(whole, room)


def _left(widths: list[int], room: int) -> int:
    """The columns that figures of these widths leave to the name, or to the bar."""
    return room - sum(widths) - len(_GAP) * len(widths)


def _bar(share: float, bad: float, room: int, style: Style) -> str:
    """A bar of a share (0 to 1) of the room. `bad`, a share of the room as well, is its last part."""
    eighths = round(share * room * 8) if math.isfinite(share) else 0
    cells = round(bad * room) if math.isfinite(bad) else 0
    if not style.blocks:
        good = round(eighths / 8) - cells
        return _coloured("#" * good, "bar", style) + _coloured("x" * cells, "bad", style)
    whole, rest = divmod(eighths - 8 * cells, 8)
    part = _EIGHTHS[rest - 1] if rest and not cells else ""
    return _coloured(_FULL * whole + part, "bar", style) + _coloured(_SHADE * cells, "bad", style)


def _coloured(text: str, what: str, style: Style) -> str:
    return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if style.colour and text else text


def _shares(title: str, document: Document, style: Style) -> list[str]:
    held = document["pythons" if title == "python" else title]
    if title == "tools" and len(held) < 2:
        return []
    shown, rest = split(held, SHARES)
    parts = [f"{style.safe(one['value'])} ({one['count']:,})" for one in shown]
    if rest:
        parts.append(f"others ({rest:,})")
    lines = wrapped([*(f"{part}," for part in parts[:-1]), *parts[-1:]], style.width - _LABEL)
    return [("" if at else title).ljust(_LABEL) + line for at, line in enumerate(lines)]


def _days(document: Document, style: Style) -> list[str]:
    days, points = timeline(document["days"], RECENT)
    title = "day (UTC)" if days == 1 else f"{spans(days)}, from"
    about = "events, about" if document["estimate"] else "events"
    lines = [Line(style.safe(day), [f"{held:,.0f}"], held) for day, held in points]
    return _table(Line(title, [about]), lines, style)


def _field(field: Mapping[str, Any], style: Style) -> list[str]:
    title = style.safe(f"{field['event']}: {field['field']}")
    if field["kind"] == "hash":
        many = "too many to tell" if field["different"] is None else f"{field['different']:,}"
        told = f"{title}: {counted(field['count'], 'value')}, different ones: {many}"
        return wrapped(told.split(" "), style.width)
    lines = []
    shown, rest = split(field["values"], len(field["values"]) if field["kind"] == "buckets" else SHARES)
    whole = sum(one["count"] for one in field["values"])
    by_lot = field["epsilon"] is not None
    for one in shown:
        guess = one["estimate"]  # only if answered by lot, for a choice that is still declared
        figures = [number(one["count"]), share(one["count"], whole)]
        figures += [about(guess, style.sign) if guess else "-"] if by_lot else []
        lines.append(Line(_GAP + style.safe(named(one["value"])), figures, max(amount(one), 0)))
    if rest:
        figures = [number(rest), share(rest, whole), *(["-"] if by_lot else [])]
        lines.append(Line(_GAP + "others", figures, max(rest, 0)))
    what = {"buckets": "numbers", "items": "items"}.get(field["kind"], "values")
    head = Line(title, [what, "", *(["estimated"] if by_lot else [])])
    page = _table(head, lines, style) if lines else [_coloured(fitted(title, style.width), "title", style)]
    if field["kind"] == "number" and not lines:
        page += _indented(_numbers(field["numbers"]), style)
    if by_lot:
        page += _indented(f"answered by lot, epsilon {number(field['epsilon'])}: {LOTS}", style)
    if field["kind"] == "buckets":
        page += _indented(BUCKETS, style)
    return page


def _numbers(held: Mapping[str, Any]) -> str:
    if held["low"] == held["high"]:
        return number(held["low"]) if held["count"] == 1 else f"{held['count']:,} numbers, each {number(held['low'])}"
    figures = ", ".join(f"{which} {number(held[which])}" for which in ("mean", "median", "p95"))
    return f"{held['count']:,} numbers from {number(held['low'])} to {number(held['high'])}: {figures}"


def _indented(text: str, style: Style) -> list[str]:
    return [_GAP + line for line in wrapped(text.split(" "), style.width - len(_GAP))]


def _skipped(skipped: Mapping[str, int], style: Style) -> list[str]:
    reasons = ", ".join(f"{count:,} {style.safe(reason)}" for reason, count in skipped.items())
    told = f"{counted(sum(skipped.values()), 'line')} of the log could not be used: {reasons}."
    return wrapped(told.split(" "), style.width)
