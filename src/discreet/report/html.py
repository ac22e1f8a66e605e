"""Show a report as a page: one file, with nothing to fetch and nothing to run.

The rule that keeps it honest: what comes from the log reaches the page only through `_text`, as text, never as a tag,
an attribute or a style; and a policy in the page forbids scripts and requests, should that ever fail. Every chart
stands beside a table with its figures, and its axis begins at zero or is said to be logarithmic.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .document import BUCKETS, LOTS, NOTHING, Document, amount, head, labels, spans, split, succeeded, timeline
from .figures import about, counted, duration, named, number, share
from .style import STYLE
from .summarize import OTHERS
from .svg import bar, columns, logarithmic, spread

SPANS = 60  # columns of the chart of activity at most
VALUES = 20  # of one field; the rest is one sum
_FIELDS = 100  # of numbers, and as many others; the rest is only counted
_NONE, _LEFT_OUT = "\u2013", ' class="none"'  # in place of a figure; a narrow screen shows nothing there
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(
    found: Document, *, tool: str = "", only: str = "", nothing: str = NOTHING, begin: str = "", refresh: int = 0
) -> str:
    """The report as a page.

    `tool` is for its title; `only` says what was asked for, if not everything. `nothing` is what it says if there is no
    record, and `begin` what to type then. A browser loads it again after `refresh` seconds (0: never). Never raises.
    """
    parts = (_activity, _rows, _durations, _shares, _fields) if found["events"] else ()
    body = "\n".join(text for part in parts if (text := part(found))) or _empty(nothing, begin)
    title = f"{tool}: report" if tool else "Report"
    return sheet(title, body, _heading(found, only), _footer(found), refresh=refresh)


def sheet(title: str, body: str, heading: str = "", footer: str = "", *, refresh: int = 0) -> str:
    """A page in the style of reports. All but the title is HTML already; `refresh` as of `page`."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        + (f'<meta http-equiv="refresh" content="{refresh:d}">\n' if refresh else "")
        + f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{_text(title)}</h1>\n{heading}</header>\n<main>\n{body}\n</main>\n"
        + (f"<footer>{footer}</footer>\n" if footer else "")
        + "</body>\n</html>\n"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _heading(found: Document, only: str) -> str:
    if not found["events"]:
        return ""
    first, last = (_text(found[which] or OTHERS) for which in ("first", "last"))
    period = f"on {first}" if first == last else f"from {first} to {last}"
    ok, said = succeeded(found)
    tiles = [("event" if found["events"] == 1 else "events", f"{found['events']:,}")]
    if found["estimate"]:
        tiles.append(("estimated to have happened", about(found["estimate"])))
    if said:
        of = "" if said == found["events"] else f", of {said:,} that say so"
        tiles += [(f"succeeded{of}", share(ok, said)), ("failed", f"{said - ok:,}")]
    days = len(found["days"])
    tiles.append(("day with events" if days == 1 else "days with events", f"{days:,}"))
    shown = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in tiles)
    asked = f" {_text(only)}" if only else ""
    return f'<p>What was recorded {period} (UTC).{asked}</p>\n<dl class="tiles">{shown}</dl>\n'


def _empty(nothing: str, begin: str) -> str:
    typed = f" To begin, type:</p><p><code>{_text(begin)}</code>" if begin else ""
    return f"<section><p>{_text(nothing)}{typed}</p></section>"


def _footer(found: Document) -> str:
    lines = []
    if found["skipped"]:
        reasons = ", ".join(f"{count:,} {_text(reason)}" for reason, count in found["skipped"].items())
        lines.append(f"<p>Lines of the log that could not be used: {reasons}.</p>")
    if found["estimate"]:
        lines.append("<p>Numbers of sampled events are estimates of all of them, \u00b1 the standard error.</p>")
    if found["events"]:
        lines.append("<p>Medians and percentiles are exact, or within 1 % where there are many different numbers.</p>")
    return "".join(lines)


def _section(name: str, title: str, content: str) -> str:
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n{content}\n</section>'


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "", note: str = "") -> str:
    """A table below its title; its first column names the rows. All is HTML already; the heading over bars is ""."""
    top = "".join(f'<th scope="col">{head}</th>' if head else "<td></td>" for head in heads)
    # On a narrow screen each figure has its heading before it: see the style.
    kept = [f' data-head="{head}"' if head and kind else "" for head in heads[1:]]
    body = "\n".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td{head}{_LEFT_OUT * (cell == _NONE)}>{cell}</td>" for head, cell in zip(kept, cells, strict=True))
        + "</tr>"
        for name, *cells in rows
    )
    # A wide table can be scrolled with the keyboard. It is the first below its heading; the others have their own.
    reach, tag = f' role="region" tabindex="0" aria-label="{title}"' if kind else "", "p" if "wide" in kind else "h3"
    return (
        f'<{tag} class="title">{title}</{tag}>\n{f"<p>{note}</p>" if note else ""}'
        f'<div class="scroll {kind}"{reach}>\n'
        f'<table aria-label="{title}">\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>'
    )


def _activity(found: Document) -> str:
    days, points = timeline(found["days"], SPANS)
    what = "Estimated events" if found["estimate"] else "Events"
    title = f"{what} by {spans(days)} (UTC)"
    best = max(points, key=lambda point: point[1])
    most = f"{best[1]:,.0f}, {'on' if days == 1 else 'from'} {best[0]}"
    told = f"From {found['first']} to {found['last']}; most, {most}."
    head = "Day" if days == 1 else f"{spans(days)}, from".capitalize()
    rows = [(_text(day), f"{held:,.0f}", bar(held, best[1])) for day, held in points]
    table = _table(title, (head, what, ""), rows)
    return _section(
        "activity",
        "Activity",
        f"<figure>{columns(points, title, told)}<figcaption>{_text(title)}</figcaption></figure>\n"
        f"<details><summary>The same as a table</summary>\n{table}\n</details>",
    )


def _rows(found: Document) -> str:
    sampled = any(row["estimate"] for row in found["rows"])
    top = max(map(amount, found["rows"]))
    rows = []
    for row in found["rows"]:
        told = row["ok"] + row["failed"]
        bad = amount(row) * row["failed"] / told if told else 0
        cells = [_label(row, found), f"{row['count']:,}"]
        cells += [about(row["estimate"]) if row["estimate"] else f"{row['count']:,}"] if sampled else []
        cells += [f"{row['ok']:,}", f"{row['failed']:,}", _text(share(row["ok"], told))] if told else [_NONE] * 3
        rows.append((*cells, bar(amount(row), top, bad)))
    heads = [_head(found), "Runs", *(["In all, about"] if sampled else []), "Succeeded", "Failed", "Success", ""]
    note = "The end of a bar, in another colour, is what failed."
    table = _table("How often, and how well", heads, rows, "wide stack", note)
    return _section("events", f"Events and commands{_by(found)}", table)


def _head(found: Document) -> str:
    return _text(head(found["by"]).capitalize())


def _by(found: Document) -> str:
    return f", by {_text(found['by'])}" if found["by"] else ""


def _label(row: Mapping[str, Any], found: Document) -> str:
    return f"<bdi>{_text(''.join(labels(row, found['by'])))}</bdi>"


def _durations(found: Document) -> str:
    timed = [row for row in found["rows"] if row["duration_ms"]]
    if not timed:
        return ""
    times = [row["duration_ms"] for row in timed]
    # On a scale from zero, one session of hours would make all commands a hairline.
    ends = logarithmic(min(held["median"] for held in times), max(held["p95"] for held in times))
    rows = []
    for row, held in zip(timed, times, strict=True):
        figures = [duration(held[which]) for which in ("mean", "median", "p95", "high")]
        rows.append((_label(row, found), *map(_text, figures), spread(held["median"], held["p95"], ends)))
    note = (
        "A dot is the median, its line reaches to the 95th percentile; the scale is logarithmic, from "
        f"{duration(ends[0])} to {duration(ends[1])}, each mark ten times the one before it."
    )
    heads = (_head(found), "Mean", "Median", "95 % within", "Longest", "")
    return _section("durations", f"Durations{_by(found)}", _table("How long", heads, rows, "wide stack", note))


def _shares(found: Document) -> str:
    tables = []
    for name, title in (("tools", "Tool"), ("versions", "Version"), ("systems", "System"), ("pythons", "Python")):
        if name != "tools" or len(found[name]) > 1:
            rows = _listed(found[name], found["events"])
            tables.append(f'<div class="card">{_table(title, ("Name", "Events", "Share", ""), rows)}</div>')
    return _section("who", "Versions and systems", f'<div class="grid three">{"".join(tables)}</div>')


def _listed(values: list[dict[str, Any]], whole: float, by_lot: bool = False) -> list[tuple[str, ...]]:
    """Rows of values, their counts, shares and bars; beyond `VALUES` one sum of the rest."""
    shown, rest = split(values, VALUES)
    most = max([*(amount(one) + (one["estimate"] or {}).get("error", 0) for one in shown), rest, 0])
    rows = []
    for one in shown:
        guess = one["estimate"]
        cells = [f"<bdi>{_text(named(one['value']))}</bdi>", number(one["count"]), _text(share(one["count"], whole))]
        cells += [about(guess) if guess else _NONE] if by_lot else []  # none for a choice no longer declared
        rows.append((*cells, bar(amount(one), most, error=guess["error"] if guess else 0)))
    if rest > 0:
        rows.append(("others", number(rest), _text(share(rest, whole)), *([_NONE] if by_lot else []), bar(rest, most)))
    return rows


def _fields(found: Document) -> str:
    numbers = [field for field in found["fields"] if field["kind"] == "number" and not field["values"]][:_FIELDS]
    others = [field for field in found["fields"] if field["kind"] != "number" or field["values"]][:_FIELDS]
    parts = []
    if numbers:
        which = {"low": "Lowest", "median": "Median", "mean": "Mean", "p95": "95 % within", "high": "Highest"}
        rows = [
            (_title(field), f"{field['count']:,}", *(number(field["numbers"][name]) for name in which))
            for field in numbers
        ]
        parts.append(_table("Numbers", ("Field", "Events", *which.values()), rows, "wide stack"))
    if others:
        cards = [f'<div class="card">{_field(field)}</div>' for field in others]
        parts.append(f'<div class="grid">{"".join(cards)}</div>')
    if (more := len(found["fields"]) - len(numbers) - len(others)) > 0:
        parts.append(f"<p>{counted(more, 'field')} more: see report --json</p>")
    return _section("fields", "What the events hold", "".join(parts)) if parts else ""


def _title(field: Mapping[str, Any]) -> str:
    return f"{_text(field['event'])}: {_text(field['field'])}"


def _field(field: Mapping[str, Any]) -> str:
    if field["kind"] == "hash":
        many = "too many to tell" if field["different"] is None else f"{field['different']:,}"
        rows = [("hashes", f"{field['count']:,}"), ("different ones", many)]
        return _table(_title(field), ("Values", "Number"), rows)
    by_lot = field["epsilon"] is not None
    note = f"Answered by lot, epsilon {number(field['epsilon'])}: {LOTS}." if by_lot else ""
    if field["kind"] == "buckets":
        note = f"{BUCKETS.capitalize()}."
    whole = sum(one["count"] for one in field["values"])
    what = "Answers" if by_lot else {"items": "Items", "buckets": "Numbers"}.get(field["kind"], "Events")
    heads = ("Value", what, "Share", *(["Estimated"] if by_lot else []), "")
    return _table(_title(field), heads, _listed(field["values"], whole, by_lot), "stack" if by_lot else "", note)
