"""A report as one table of CSV (RFC 4180), for spreadsheets and programs.

The rule that keeps it honest: each line holds the whole context of its figures, so that a filter on the first column is
enough; and no cell begins as a formula would, whatever a log holds (OWASP, "CSV Injection").
"""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from .document import Document

_TIMES = ("mean", "low", "median", "p95", "high", "sum")
_NAMES = ("table", "event", "command", "field", "value")
COLUMNS = (*_NAMES, "count", "estimate", "error", "ok", "failed", *_TIMES, "different")
# Where a cell begins (also after `;`, for spreadsheets whose decimal mark is the comma), and what makes it a formula.
# The last four are full-width signs, which some accept.
_FORMULA = re.compile('(^|;)(?=[ "]*[-=+@\t\r\uff1d\uff0b\uff0d\uff20])')


def table(document: Document) -> str:
    """The lines, the first a heading, without the last newline.

    `table` is `row`, `day`, `tool`, `version`, `system`, `python`, `field` (the numbers of one), `value` (of a field)
    or `skipped`.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()

    def line(kind: str, held: Mapping[str, Any], **more: Any) -> None:
        guess = held.get("estimate") or {}
        cells = {"estimate": guess.get("value"), "error": guess.get("error"), **more}
        cells |= {name: held.get(name) for name in ("count", "different")}
        writer.writerow({"table": kind, **{name: _cell(value) for name, value in cells.items()}})

    for row in document["rows"]:
        names = {name: row[name] for name in ("event", "command", "ok", "failed")}
        line("row", row, **names, field=document["by"], value=row["by"], **_times(row["duration_ms"]))
    for day in document["days"]:
        line("day", day, value=day["day"])
    for kind in ("tool", "version", "system", "python"):
        for one in document[f"{kind}s"]:
            line(kind, one, value=one["value"])
    for field in document["fields"]:
        names = {"event": field["event"], "field": field["field"]}
        line("field", field, **names, **_times(field.get("numbers")))
        for one in field["values"]:
            line("value", one, **names, value=one["value"])
    for reason, count in document["skipped"].items():
        line("skipped", {"count": count}, value=reason)
    return out.getvalue().rstrip("\n")


def _times(numbers: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: numbers[name] for name in _TIMES} if numbers else {}


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value
